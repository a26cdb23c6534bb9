"""Search by FAISS: exact where it looks at everything, and otherwise how far it is from exact."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import faiss
import numpy as np
import pandas as pd
import pytest

from anonbench.config import Retrieval
from anonbench.embedding.store import Embeddings
from anonbench.evaluation.retrieval import approximate
from anonbench.evaluation.retrieval.approximate import score_approximately
from anonbench.evaluation.retrieval.scoring.metrics import cutoff
from anonbench.evaluation.retrieval.stage import scenario
from anonbench.evaluation.retrieval.vectors import Vectors


def embeddings(seed: int, size: int, near: Embeddings | None = None, width: int = 16) -> Embeddings:
    values = np.random.default_rng(seed).standard_normal((size, width))
    if near is not None:
        values = near.values + 0.5 * values
    ids = [f"{(7 * number) % size:05d}" for number in range(size)]
    return Embeddings(ids, values.astype(np.float32))


def part(given: Embeddings, count: int) -> Embeddings:
    return Embeddings(given.ids[:count], given.values[:count])


@pytest.mark.parametrize("include_self", [True, False])
@pytest.mark.parametrize("gain_of", ["all", "relevant"])
def test_equal_images_count_as_the_mean_over_their_orders(include_self: bool, gain_of: str) -> None:
    """Vectors of few values have equal similarities; a list of all images leaves nothing open."""
    reference, database = (
        Embeddings(each.ids, np.sign(each.values))
        for each in (embeddings(0, 60), embeddings(1, 60))
    )
    given = {"include_self": include_self, "gain_of": gain_of}
    retrieval = Retrieval.model_validate(given | {"ap_depth": "k", "fraction": 0.1, "top": 60})
    k = cutoff(60, retrieval)
    expected = scenario.score(reference, {"queries": database}, database, retrieval)
    found, _ = score_approximately(reference, database, database, k, retrieval, "hnsw", 60)
    for column in ("ap", "ndcg"):
        assert found.table[column].tolist() == pytest.approx(
            expected.table[column].tolist(), abs=1e-6
        )
    by_id = retrieval.model_copy(update={"ties": "id"})
    other = scenario.score(reference, {"queries": database}, database, by_id)
    assert abs(other.table["ap"] - expected.table["ap"]).max() > 0.01


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["ivf", "hnsw"])
@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"include_self": False},
        {"gain": "exponential", "gain_of": "relevant", "top": 25},
        {"negative_gain": "shift", "include_self": False, "top": 3},
    ],
)
def test_a_search_of_everything_scores_as_the_exact_one(
    kind: approximate.Index, settings: dict[str, Any]
) -> None:
    reference = embeddings(0, 300)
    database = embeddings(1, 300, reference)
    queries = part(embeddings(2, 300, reference), 120)
    retrieval = Retrieval.model_validate(settings | {"ap_depth": "k"})
    k = cutoff(300, retrieval)
    expected = scenario.score(reference, {"queries": queries}, database, retrieval)
    found, difference = score_approximately(reference, queries, database, k, retrieval, kind, 120)
    pd.testing.assert_frame_equal(found.table, expected.table, atol=1e-6)
    assert found.chance == pytest.approx(expected.chance, abs=1e-6)
    assert difference.queries == 120
    assert set(difference.recall.values()) == {1.0}
    assert difference.table["difference"].abs().max() < 1e-6
    assert difference.table["exact"].tolist() == pytest.approx(
        expected.table.drop(columns=["id", "query"]).mean().tolist(), abs=1e-6
    )


def test_equal_images_come_in_the_order_of_their_ids() -> None:
    values = np.tile(embeddings(0, 10).values, (30, 1))
    same = Embeddings([f"{number:03d}" for number in range(300)], values)
    settings = Retrieval(ap_depth="k", ties="id")
    table = score_approximately(same, same, same, 15, settings, "hnsw", 10)[0].table
    # which of equal images an index gives is its own affair, but reference and scenario agree
    assert (table[["ap", "ndcg", "tau", "unchanged"]] == 1.0).all(axis=None)


def losing(ranks: list[int], short: int = 0) -> Callable[..., approximate.Finder]:
    """Return what builds a search that never finds the images at these ranks, and so many less."""

    def build_worse(vectors: Vectors, kind: approximate.Index, k: int) -> approximate.Finder:
        def find(queries: np.ndarray, count: int) -> np.ndarray:
            similarity = queries @ vectors.units().T
            order = np.argsort(-similarity, axis=1, kind="stable")
            left = np.delete(order, ranks, axis=1)[:, :count].astype(np.int64)
            left[:, count - short :] = -1  # an index may find fewer than asked for
            return left

        return find

    return build_worse


def test_what_is_lost_is_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    reference = embeddings(0, 400)
    database = embeddings(1, 400, reference)
    settings, k = Retrieval(ap_depth="k", top=5), 20
    monkeypatch.setattr(approximate, "build", losing([1, 2]))
    scores, difference = score_approximately(
        reference, reference, reference, k, settings, "ivf", 50
    )
    # both rankings lost the same: two of the first ten; among what is left nothing differs
    assert difference.queries == 50
    assert difference.recall == {10: pytest.approx(0.8), 20: pytest.approx(18 / 20)}
    assert (difference.table[["exact", "approximate"]] == 1.0).all(axis=None)
    assert scores.table["ap"].mean() == 1.0
    _, difference = score_approximately(reference, reference, database, k, settings, "ivf", 50)
    assert difference.recall[10] == pytest.approx(0.8)
    rows = difference.table.set_index("metric")
    apart = rows["approximate"] - rows["exact"]
    assert rows["difference"].tolist() == pytest.approx(apart.tolist())
    assert abs(rows.loc["map", "difference"]) > 0.005 and rows.loc["map", "se"] > 0.0005


@pytest.mark.parametrize("include_self", [True, False])
def test_an_index_that_finds_too_few_still_gives_rankings(
    include_self: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    reference = embeddings(0, 200)
    settings = Retrieval(ap_depth="k", include_self=include_self)
    monkeypatch.setattr(approximate, "build", losing([], short=9))
    scores, difference = score_approximately(
        reference, reference, reference, 10, settings, "ivf", 50
    )
    # the order of what was not found is open
    assert scores.table["ap"].between(0.2, 0.99).all()
    # an index gives the own image and another one; what only fills the ranking is not found
    assert difference.recall[10] == pytest.approx(0.2 if include_self else 0.1)
    # its gain is the mean of the candidates that were not found
    assert scores.table["ndcg"].notna().all()
    assert scores.table["ndcg"].median() == pytest.approx(1.0, abs=0.1)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["ivf", "hnsw"])
def test_threads_do_not_matter(kind: approximate.Index, monkeypatch: pytest.MonkeyPatch) -> None:
    # so little effort and so little structure that the results tell one graph from another
    monkeypatch.setattr(approximate, "_EF_SEARCH", 10)
    vectors = Vectors.of(embeddings(0, 4000, width=48), "archive")
    queries = vectors.units(slice(0, 500))
    before = faiss.omp_get_max_threads()
    found = []
    for threads in (1, 2, 2):
        faiss.omp_set_num_threads(threads)
        found.append(approximate.build(vectors, kind, 5)(queries, 5))
        assert faiss.omp_get_max_threads() == threads
    faiss.omp_set_num_threads(before)
    assert not (found[0] < 0).any()
    np.testing.assert_array_equal(found[0], found[1])
    np.testing.assert_array_equal(found[0], found[2])
    exact = np.argsort(-(queries @ vectors.units().T), axis=1)[:, :5]
    shared = [len(set(a) & set(b)) / 5 for a, b in zip(found[0], exact, strict=True)]
    assert 0.2 < np.mean(shared) < 1.0
