"""One scenario in memory, and which queries are scored."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest

from anonbench.config import Retrieval
from anonbench.core.errors import InputError
from anonbench.embedding.store import Embeddings
from anonbench.evaluation.retrieval.scenario import score_scenario

SIZE, WIDTH = 410, 24


def embeddings(seed: int, near: Embeddings | None = None) -> Embeddings:
    values = np.random.default_rng(seed).standard_normal((SIZE, WIDTH))
    if near is not None:
        values = near.values + values
    ids = [f"images/{(7 * i) % SIZE:03d}" for i in range(SIZE)]
    return Embeddings(ids, values.astype(np.float32))


def table_of(
    reference: Embeddings, queries: Embeddings, database: Embeddings, settings: Retrieval
) -> pd.DataFrame:
    table = score_scenario(reference, {"queries": queries}, database, settings).table
    return table.drop(columns="query")


@pytest.fixture(scope="module")
def reference() -> Embeddings:
    return embeddings(0)


def shuffled(given: Embeddings, seed: int) -> Embeddings:
    order = np.random.default_rng(seed).permutation(SIZE)
    return Embeddings([given.ids[i] for i in order], given.values[order])


def test_copies_of_one_image_score_as_chance_does(reference: Embeddings) -> None:
    same = Embeddings(reference.ids, np.tile(reference.values[:1], (SIZE, 1)))
    for truth in (reference, same):
        scores = score_scenario(truth, {"anonymized": same}, same, Retrieval())
        assert scores.table["ap"].to_numpy() == pytest.approx(scores.chance["map"])
        assert scores.table["ndcg"].mean() == pytest.approx(scores.chance["mndcg"])
    by_id = table_of(same, same, same, Retrieval(ties="id"))
    assert (by_id["ap"] == 1.0).all()


def renamed(given: Embeddings) -> Embeddings:
    return Embeddings(["new", *given.ids[1:]], given.values)


def twice(given: Embeddings) -> Embeddings:
    return Embeddings([given.ids[1], *given.ids[1:]], given.values)


@pytest.mark.parametrize(
    ("role", "change", "message"),
    [
        ("database", renamed, "database: .*'new'.*'images/000'"),
        ("database", twice, "database: .*'images/007' is there twice"),
        (
            "database",
            lambda e: Embeddings(e.ids[:-1], e.values[:-1]),
            "database: .*1 ids of the reference are missing",
        ),
        (
            "database",
            lambda e: Embeddings(e.ids, e.values[:, :7]),
            "24 dimensions, the database has 7",
        ),
        ("queries", renamed, "queries: 1 ids are not in the database.*'new'"),
        ("queries", twice, "queries: .*'images/007' is there twice"),
        ("queries", lambda e: Embeddings([], e.values[:0]), "queries: .*no embedding"),
    ],
)
def test_what_does_not_fit_is_named(
    reference: Embeddings, role: str, change: Callable[[Embeddings], Embeddings], message: str
) -> None:
    given = {"queries": reference, "database": reference} | {role: change(reference)}
    with pytest.raises(InputError, match=message):
        table_of(reference, settings=Retrieval(), **given)


def some(given: Embeddings, places: list[int]) -> Embeddings:
    return Embeddings([given.ids[place] for place in places], given.values[places])


def test_kinds_of_other_images_and_no_kinds_are_refused(reference: Embeddings) -> None:
    kinds = {"a": some(reference, [1, 2]), "b": some(reference, [1, 3])}
    with pytest.raises(InputError, match="b queries are of other images than a queries"):
        score_scenario(reference, kinds, reference, Retrieval())
    with pytest.raises(InputError, match="nothing to score"):
        score_scenario(reference, {}, reference, Retrieval())


def test_a_sample_is_drawn_by_ids_and_a_larger_one_adds_to_it(reference: Embeddings) -> None:
    database = embeddings(2, reference)
    every = table_of(reference, reference, database, Retrieval())
    drawn: set[str] = set()
    for count in (1, 20, 60, SIZE, 10 * SIZE):
        table = table_of(shuffled(reference, count), reference, database, Retrieval(queries=count))
        assert len(table) == min(count, SIZE)
        assert drawn <= set(table["id"])
        drawn = set(table["id"])
        same = every[every["id"].isin(drawn)].reset_index(drop=True)
        pd.testing.assert_frame_equal(table, same, check_exact=True)
    few = table_of(reference, some(reference, [5, 6, 7]), database, Retrieval(queries=2))
    assert set(few["id"]) < {reference.ids[place] for place in (5, 6, 7)}


def test_below_k_five_finding_oneself_scores_nothing() -> None:
    draw = np.random.default_rng(0).standard_normal
    ids = [f"{i:02}" for i in range(26)]
    reference, other = (Embeddings(ids, draw((26, 8)).astype(np.float32)) for _ in range(2))
    scores = score_scenario(reference, {"q": other}, other, Retrieval())
    assert scores.k == 1 and scores.table["ap"].mean() < 0.6  # it was 1.0
    assert scores.chance["map"] == pytest.approx(np.mean(1 / np.arange(1, 26)))


@pytest.mark.parametrize("include_self", [True, False])
@pytest.mark.parametrize("ap_depth", ["full", "k"])
def test_reference_scores_one(reference: Embeddings, include_self: bool, ap_depth: str) -> None:
    settings = Retrieval.model_validate({"include_self": include_self, "ap_depth": ap_depth})
    copy = Embeddings(reference.ids, reference.values.copy())
    table = table_of(reference, copy, shuffled(reference, 1), settings)
    assert (table["ap"] == 1.0).all()
    assert (table["ndcg"] == 1.0).all()
    assert table["id"].tolist() == sorted(reference.ids)
