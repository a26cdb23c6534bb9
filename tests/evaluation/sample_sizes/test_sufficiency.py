"""When a statement about a ranking is possible, and what is said where it is not."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from anonbench.config import Retrieval
from anonbench.evaluation.external import run
from anonbench.evaluation.sufficiency import DEFAULTS, too_wide, why_no_statement


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
        (Retrieval(include_self=False), "takes 101 validation images"),
        (Retrieval(fraction=0.3), "takes 17 validation images"),
    ):
        assert said in why_no_statement(rows(4, 99), replace(DEFAULTS, retrieval=retrieval))


def test_few_queries_and_wide_intervals_are_said() -> None:
    assert why_no_statement(rows(5, 19)) == "19 queries are scored, and 20 are needed"
    assert too_wide(0.4, 0.6, replace(DEFAULTS, widest=0.25)) == ""
    said = too_wide(0.4, 0.7, DEFAULTS)
    assert said.startswith("its interval, 40.0 to 70.0, is wider than 20 points")
    assert "about 2.3 times as many" in said, "(30 / 20)², and rather more"
    assert "about 4 times as many" in too_wide(0.3, 0.7, DEFAULTS)
    assert too_wide(float("nan"), 0.7, DEFAULTS) == "it has no interval"


@pytest.mark.parametrize(("k", "n", "stated"), [(5, 20, True), (4, 200, False), (9, 3, False)])
def test_a_data_sets_scores(k: int, n: int, stated: bool) -> None:
    scores = rows(k, n)
    assert (why_no_statement(scores) == "") is stated
    assert why_no_statement(scores[scores["metric"] == "knn"]) == ""
    assert why_no_statement(scores.assign(chance=0.51)).startswith("a random ranking has 51.0 %")


def test_a_reference_without_a_ranking_of_its_own_gives_no_statement() -> None:
    vectors = np.ones((100, 8))
    ids = [f"image-{number}" for number in range(100)]
    # all are tied: by ids, everything is found again
    same = [(ids, vectors)] * 3
    result = run(*same, ties="id")
    assert result.table.set_index("metric").loc["map", "value"] == 1.0
    assert "so it has no ranking" in result.unknown
    scores = result.table.assign(n=100)
    assert "so it has no ranking" in why_no_statement(scores, DEFAULTS)
    # alike, but not the same: vectors of most networks are
    vectors += np.random.default_rng(0).normal(scale=0.02, size=vectors.shape)
    near = [(ids, vectors)] * 3
    assert run(*near).unknown == ""


def test_where_a_random_ranking_scores_high_nothing_is_told() -> None:
    vectors = np.random.default_rng(0).normal(size=(60, 8))
    same = [([f"image-{number}" for number in range(60)], vectors)] * 3
    told = run(*same, fraction=0.9).unknown
    assert told.startswith("a random ranking has 9") and told.endswith("tell rankings apart")
    assert run(*same, fraction=0.2).unknown == ""
