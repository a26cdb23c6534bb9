"""mAP without a cluster against scoring the smaller archive, and coverage by simulation."""

from __future__ import annotations

import numpy as np
import pytest

from anonbench.config import Retrieval
from anonbench.core.numeric.clusters import clustered_mean
from anonbench.evaluation.retrieval.leave_out import (
    Similarities,
    groups_of,
    leave_out_maps,
    over_persons,
)
from anonbench.evaluation.retrieval.scoring.metrics import chance_ap


def similarities(
    generator: np.random.Generator, persons: int, noise: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return reference and system similarities [N, N] of three photographs each, and persons."""
    labels = np.repeat(np.arange(persons), 3)
    vectors = generator.standard_normal((persons, 6))[labels]
    vectors = vectors + 0.5 * generator.standard_normal(vectors.shape)
    # what a system gets wrong of a person it gets wrong in all photographs
    wrong = noise * generator.standard_normal((persons, 6))[labels]

    def cosine(rows: np.ndarray) -> np.ndarray:
        units = rows / np.linalg.norm(rows, axis=1, keepdims=True)
        return units @ units.T

    return cosine(vectors), cosine(vectors + wrong), labels


def left_out(
    reference: np.ndarray,
    systems: np.ndarray,
    persons: np.ndarray,
    k: int,
    include_self: bool = True,
    most: int = 100,
    depth_k: bool = False,
) -> tuple[np.ndarray, np.ndarray]:
    """Leave persons out of similarities that come in two blocks."""
    blocks = [
        Similarities(queries, reference[queries], systems[:, queries])
        for queries in np.array_split(np.arange(len(persons)), 2)
    ]
    return leave_out_maps(blocks, persons, k, include_self, most, "x", depth_k=depth_k)


def average_precision(reference: np.ndarray, system: np.ndarray, k: int) -> np.ndarray:
    """Return AP of each query by its definition, [N]."""
    scores = []
    for expected, found in zip(reference, system, strict=True):
        relevant = set(np.argsort(-expected, kind="stable")[:k])
        right = [image in relevant for image in np.argsort(-found, kind="stable")]
        precision = np.cumsum(right) / np.arange(1, len(right) + 1)
        scores.append(precision[right].sum() / k)
    return np.array(scores)


def test_equal_images_come_in_a_drawn_order() -> None:
    """A system that holds all images equal scores as by chance, though persons sort by id."""
    reference, _, persons = similarities(np.random.default_rng(0), 40, 1.0)
    same = np.zeros_like(reference)[None]
    asked = np.arange(6)  # of the two persons whose ids sort first
    block = Similarities(asked, reference[asked], same[:, asked])
    drawn, _ = leave_out_maps([block], persons, 12, True, 100, "x")
    by_place, _ = leave_out_maps([block], persons, 12, True, 100, "x", by_place=True)
    chance = chance_ap(120, 12, Retrieval())
    assert drawn[0] == pytest.approx(chance, abs=0.04)
    assert by_place[0] > chance + 0.04


def test_leaving_out_is_scoring_the_smaller_archive() -> None:
    reference, system, persons = similarities(np.random.default_rng(0), 20, 1.0)
    whole, without = left_out(reference, system[None], persons, 20, True, 100)
    assert whole[0] == pytest.approx(average_precision(reference, system, 20).mean())
    assert without.shape == (20, 1)
    kept = persons != 7
    smaller = average_precision(reference[kept][:, kept], system[kept][:, kept], 19)
    assert without[7, 0] == pytest.approx(smaller.mean())  # 20 · 57 / 60 = 19 are relevant


def test_a_share_between_two_numbers_is_interpolated() -> None:
    reference, system, persons = similarities(np.random.default_rng(1), 12, 1.0)
    _, without = left_out(reference, system[None], persons, 6, True, 100)
    kept = persons != 0
    inner = [matrix[kept][:, kept] for matrix in (reference, system)]
    ends = [average_precision(*inner, k).mean() for k in (5, 6)]
    assert without[0, 0] == pytest.approx(0.5 * sum(ends))  # 6 · 33 / 36 = 5.5


def test_own_images_can_be_left_out() -> None:
    reference, system, persons = similarities(np.random.default_rng(2), 10, 1.0)
    whole, _ = left_out(reference, system[None], persons, 5, False, 100)
    hidden = [matrix - 9 * np.eye(30) for matrix in (reference, system)]  # own image comes last
    assert whole[0] == pytest.approx(average_precision(*hidden, 5).mean())


def test_the_reference_itself_has_every_image_right() -> None:
    reference, _, persons = similarities(np.random.default_rng(3), 10, 1.0)
    whole, without = left_out(reference, reference[None], persons, 5, True, 100)
    assert whole[0] == pytest.approx(1.0) and np.allclose(without, 1.0)


def test_many_clusters_are_left_out_in_groups() -> None:
    reference, system, persons = similarities(np.random.default_rng(4), 40, 1.0)
    systems = np.stack([system, reference])
    whole, without = left_out(reference, systems, persons, 12, True, 20)
    assert without.shape == (20, 2)
    fine = left_out(reference, systems, persons, 12, True, 40)[1]
    errors = [over_persons(whole[0], each[:, 0], 120, 0.95).se for each in (without, fine)]
    assert errors[0] == pytest.approx(errors[1], rel=0.4)
    coarse = groups_of(persons, 20, "x")
    assert len(np.unique(coarse)) == 20
    assert all(len(np.unique(coarse[persons == person])) == 1 for person in range(40))
    few = left_out(reference, systems, persons // 10, 12, True, 20)[1]
    assert over_persons(whole[0], few[:, 0], 120, 0.95).reason.startswith("4 clusters")


@pytest.mark.slow
def test_intervals_cover_the_score_of_archives_of_new_persons() -> None:
    generator = np.random.default_rng(5)
    archives = [similarities(generator, 30, 1.0) for _ in range(150)]
    scores = [average_precision(reference, system, 9) for reference, system, _ in archives]
    truth, covered, fixed = float(np.mean(scores)), 0, 0
    for (reference, system, persons), of_archive in zip(archives, scores, strict=True):
        whole, without = left_out(reference, system[None], persons, 9, True, 100)
        result = over_persons(whole[0], without[:, 0], 90, 0.95)
        covered += result.low <= truth <= result.high
        by_query = clustered_mean(of_archive, persons, 0.95)
        fixed += by_query.low <= truth <= by_query.high
    assert covered / 150 >= 0.93
    assert fixed / 150 < 0.9  # the database is another one, too


def test_precision_may_count_among_the_first_k_alone() -> None:
    reference, system, persons = similarities(np.random.default_rng(6), 12, 1.0)
    whole, without = left_out(reference, system[None], persons, 12, depth_k=True)

    def truncated(reference: np.ndarray, system: np.ndarray, k: int) -> float:
        scores = []
        for expected, found in zip(reference, system, strict=True):
            first = np.argsort(-expected, kind="stable")[:k]
            right = np.isin(np.argsort(-found, kind="stable")[:k], first)
            scores.append((right * np.cumsum(right) / np.arange(1, k + 1)).sum() / k)
        return float(np.mean(scores))

    assert whole[0] == pytest.approx(truncated(reference, system, 12))
    kept = persons != 3
    smaller = truncated(reference[kept][:, kept], system[kept][:, kept], 11)
    assert without[3, 0] == pytest.approx(smaller)


def test_a_sample_of_queries_is_scored_against_all_images() -> None:
    reference, system, persons = similarities(np.random.default_rng(7), 12, 1.0)
    some = np.array([0, 5, 17, 30])
    block = Similarities(some, reference[some], system[None, some])
    whole, without = leave_out_maps([block], persons, 6, True, 100, "x")
    scores = average_precision(reference, system, 6)[some]
    assert whole[0] == pytest.approx(scores.mean())
    assert without.shape == (12, 1) and not np.isnan(without).any()
