"""Clusters needed and variance components, by hand, tables and simulation; when to say nothing."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from anonbench.config import Retrieval
from anonbench.core.io import write_csv
from anonbench.core.numeric.clusters import clustered_mean
from anonbench.core.vocabulary import Adaption, QueryKind, Variant
from anonbench.evaluation.comparisons.effect_table import Effect
from anonbench.evaluation.external import run
from anonbench.evaluation.sample_sizes import (
    COLUMNS,
    POWER,
    clusters_needed,
    read_variances,
    tabulate_variances,
    variance_components,
)
from anonbench.evaluation.sufficiency import DEFAULTS, too_wide, why_no_statement
from anonbench.reporting.dataset_tables import sample_size_grid

QUERIES, EACH = 1200, 4
IDS = pd.Index([f"{number:04d}" for number in range(QUERIES)])
PERSONS = pd.Series(np.arange(QUERIES) // EACH, index=IDS, name="identity")


def effect(
    pairs: int, seed: float = 0.0, name: str = "adapting", metric: str = "map", noise: float = 0.1
) -> Effect:
    """Return an effect whose pairs, persons and queries have known standard deviations."""
    draw = np.random.default_rng(pairs).standard_normal
    persons = 0.06 * draw(QUERIES // EACH)[PERSONS.to_numpy()]
    values = seed * draw(pairs)[:, None] + persons + noise * draw(QUERIES)
    by_pair = values + 0.02 * draw((pairs, QUERIES))
    references = tuple((0, reference) for reference in range(1, pairs + 1))
    key = Variant("blur", 100), QueryKind.ORIGINAL, metric, Adaption.A, name
    return Effect(*key, references, IDS, by_pair, ceiling=np.ones(QUERIES))


def test_known_parts_are_found() -> None:
    table = tabulate_variances("x", [effect(40, seed=0.05)], PERSONS, 0.95, 0.02)
    (row,) = table.to_dict("records")
    assert list(row) == COLUMNS
    known = {"seed": 0.05, "cluster": 0.06, "query": 0.1}
    for part, expected in known.items():
        assert row[f"sd_{part}"] == pytest.approx(expected, rel=0.25), part
    assert (row["clusters"], row["unit"]) == (300, "persons")
    one = effect(1)  # a single pair tells nothing of trainings
    (row,) = tabulate_variances("x", [one], PERSONS, 0.95, 0.02).to_dict("records")
    assert np.isnan(row["sd_seed"])
    assert row["sd_cluster"] == pytest.approx(0.06, rel=0.25)
    assert row["needed"] == clusters_needed(one.values, PERSONS.to_numpy(), 0.02, 0.95)


def test_undefined_queries_and_other_effects_are_left_out() -> None:
    some = effect(2)
    some.by_pair[1, :8] = np.nan
    others = [effect(2, name="bias"), effect(2, name="lead"), effect(2, metric="rbo")]
    table = tabulate_variances("x", [some, *others], PERSONS, 0.95, 0.02)
    assert table["clusters"].tolist() == [298]
    assert table["sd_query"].notna().all()


def test_a_table_comes_back_as_written(tmp_path: Path) -> None:
    one = PERSONS * 0
    table = tabulate_variances("x", [effect(1)], one, 0.95, 0.02)
    assert table["needed"].isna().all(), "a single person tells nothing"
    for each in (table, tabulate_variances("x", [], PERSONS, 0.95, 0.02)):
        write_csv(each, tmp_path / "variance.csv")
        back = read_variances(tmp_path / "variance.csv")
        assert list(back.columns) == COLUMNS and len(back) == len(each)


def test_the_grid_has_what_half_and_all_need() -> None:
    effects = [effect(1, noise=noise) for noise in (0.1, 0.2, 0.4)]
    effects.append(effect(1, name="retraining"))
    table = tabulate_variances("faces", effects, PERSONS, 0.95, 0.01)
    grid = sample_size_grid("faces", table)
    assert [block.label for block in grid.blocks] == ["Cost of adapting"]
    ((metric, query, *cells),) = grid.blocks[0].rows
    assert (metric, query, cells[0]) == ("mAP", "original", "–")
    adapting = table[table["effect"] == "adapting"]
    needed = sorted(adapting["needed"])
    assert cells[3:] == ["300", f"{needed[1]:,}", f"{needed[2]:,}"]
    assert "a difference of 1 points" not in grid.caption and "Persons" in grid.heads
    grid = sample_size_grid("faces", tabulate_variances("faces", [], PERSONS, 0.95, 0.02))
    assert grid.blocks == () and "no second reference" in grid.caption


Parts = tuple[float, float, float, float, float]
TRUE = 0.04, 0.5, 1.0, 0.2, 0.6
SIZES = np.r_[np.full(10, 2), np.full(8, 6), 12]


def trainings(
    generator: np.random.Generator, parts: Parts, seeds: int, sizes: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return scores [S, N] and the labels of the clusters [N].

    The variances are those between trainings, clusters and queries, and of a training with either.
    """
    seed, cluster, query, seed_cluster, seed_query = parts
    labels = np.repeat(np.arange(len(sizes)), sizes)

    def draw(variance: float, *shape: int) -> np.ndarray:
        return np.sqrt(variance) * generator.standard_normal(shape)

    scores = draw(seed, seeds, 1) + draw(cluster, 1, len(sizes))[:, labels]
    scores = scores + draw(query, 1, len(labels))
    scores = scores + draw(seed_cluster, seeds, len(sizes))[:, labels]
    return scores + draw(seed_query, seeds, len(labels)), labels


def test_one_seed_by_hand_and_clusters_of_one_query() -> None:
    # clusters (1, 3), (5, 7): means 2 and 6; within 4 / 2 = 2, between 2 · (2² + 2²) / 1 = 16
    parts = variance_components(np.array([[1.0, 3.0, 5.0, 7.0]]), np.array(["a", "a", "b", "b"]))
    assert (parts.cluster, parts.query) == (pytest.approx((16 - 2) / 2), pytest.approx(2.0))
    assert np.isnan(parts.seed)
    values = np.random.default_rng(2).random((1, 30))
    parts = variance_components(values, np.arange(30))
    assert parts.cluster == 0.0 and parts.query == pytest.approx(values.var(ddof=1))
    assert np.isnan(variance_components(values, np.zeros(30)).query)


@pytest.mark.parametrize(
    ("seeds", "parts", "copies"),
    [(4, TRUE, 1), (2, (0.0, 0.5, 1.0, 0.9, 3.0), 4), (12, (0.05, 0.5, 1.0, 0.0, 6.0), 4)],
)
def test_interactions_are_taken_off_what_they_add_to(seeds: int, parts: Parts, copies: int) -> None:
    generator, sizes = np.random.default_rng(5), np.tile(SIZES, copies)
    found = [variance_components(*trainings(generator, parts, seeds, sizes)) for _ in range(400)]
    seed, *others = np.mean(found, axis=0)
    assert others == pytest.approx(parts[1:3], rel=0.12)
    if parts[0]:  # those cut at zero are too high
        assert seed == pytest.approx(parts[0], rel=0.2)


@pytest.mark.parametrize(("effect", "needed"), [(0.2, 199), (0.4, 52), (0.8, 15)])
def test_paired_t_tests_need_what_cohens_tables_say(effect: float, needed: int) -> None:
    values = np.tile([-1.0, 1.0], 20)
    values /= values.std(ddof=1)
    assert clusters_needed(values, np.arange(40), effect, 0.95) == needed


def differences(
    generator: np.random.Generator, sizes: np.ndarray, shift: float
) -> tuple[np.ndarray, np.ndarray]:
    """Return differences of mean `shift`, alike within persons, and their persons."""
    values, persons = trainings(generator, (0.0, 0.06**2, 0.12**2, 0.0, 0.0), 1, sizes)
    return shift + values[0], persons


def test_with_as_many_as_are_needed_the_difference_is_shown() -> None:
    generator = np.random.default_rng(1)
    pilot = [
        clusters_needed(*differences(generator, np.full(60, 6), 0.0), 0.02, 0.95)
        for _ in range(100)
    ]
    needed = int(np.median([number or 0 for number in pilot]))
    assert needed > 60
    found = 0
    for _ in range(600):
        result = clustered_mean(*differences(generator, np.full(needed, 6), 0.02), 0.95)
        found += result.low > 0
    assert found / 600 == pytest.approx(POWER, abs=0.06)


def test_few_clusters_need_eight_and_one_tells_nothing() -> None:
    values, forms = differences(np.random.default_rng(3), np.full(4, 30), 0.0)
    needed = clusters_needed(np.append(values, np.nan), np.append(forms, 9), 0.1, 0.95)
    assert needed is not None and needed >= 8
    assert clusters_needed(np.zeros(9), np.arange(9), 0.1, 0.95) == 8
    for few in (values, values[:0]):
        assert clusters_needed(few, np.zeros(len(few)), 0.1, 0.95) is None
    assert clusters_needed(values, forms, 1e-12, 0.95) is None


def test_more_persons_are_needed_where_one_has_most_images() -> None:
    generator = np.random.default_rng(4)
    equal = clusters_needed(*differences(generator, np.full(40, 6), 0.0), 0.02, 0.95)
    values, persons = differences(generator, np.r_[np.full(39, 3), 123], 0.0)
    unequal = clusters_needed(values, persons, 0.02, 0.95)
    assert equal is not None and unequal is not None
    assert unequal > 2 * equal


def rows(k: int, n: int) -> pd.DataFrame:
    found = {"metric": ["map", "knn"], "value": [0.5, 0.5], "n": [n, 1], "k": [k, 2]}
    return pd.DataFrame(found).assign(chance=0.1)


def test_below_k_five_the_images_that_lack_are_counted() -> None:
    assert why_no_statement(rows(5, 100), DEFAULTS, 100) == ""
    assert why_no_statement(rows(1, 26), DEFAULTS, 26) == (
        "k is 1 (26 validation images), and below 5 no ranking can be judged; with "
        "retrieval.fraction 0.05 it takes 100 validation images: add 74"
    )
    for retrieval, said in (
        (Retrieval(include_self=False), "takes 101 images"),
        (Retrieval(fraction=0.3), "takes 17 images"),
    ):
        assert said in why_no_statement(rows(4, 99), replace(DEFAULTS, retrieval=retrieval))


def test_few_queries_and_wide_intervals_are_said() -> None:
    assert why_no_statement(rows(5, 19)) == "19 queries are scored, and 20 are needed"
    assert why_no_statement(rows(9, 3).query("metric == 'knn'")) == ""
    assert too_wide(0.4, 0.6, replace(DEFAULTS, widest=0.25)) == ""
    said = too_wide(0.4, 0.7, DEFAULTS)
    assert said.startswith("its interval, 40.0 to 70.0, is wider than 20 points")
    assert "about 2.3 times as many" in said, "(30 / 20)², and rather more"
    assert "about 4 times as many" in too_wide(0.3, 0.7, DEFAULTS)
    assert too_wide(float("nan"), 0.7, DEFAULTS) == "it has no interval"


def test_where_nothing_or_chance_ranks_images_nothing_is_told() -> None:
    ids = [f"image-{number}" for number in range(100)]
    # all are tied: by ids, everything is found again
    result = run(*[(ids, np.ones((100, 8)))] * 3, ties="id")
    assert result.table.set_index("metric").loc["map", "value"] == 1.0
    assert "so it has no ranking" in result.unknown
    scores = result.table.assign(n=100)
    assert "so it has no ranking" in why_no_statement(scores, DEFAULTS)
    # alike, but not the same: vectors of most networks are
    near = 1 + np.random.default_rng(0).normal(scale=0.02, size=(100, 8))
    assert run(*[(ids, near)] * 3).unknown == ""
    told = run(*[(ids, near)] * 3, fraction=0.9).unknown
    assert told.startswith("a random ranking has 9") and told.endswith("tell rankings apart")
