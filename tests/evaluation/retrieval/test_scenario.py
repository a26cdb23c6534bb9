"""One scenario in memory and streamed, which queries are scored, and rankings of a few."""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from anonbench.config import Retrieval
from anonbench.core.errors import InputError
from anonbench.core.numeric import similarity
from anonbench.core.numeric.similarity import ProductBuffer
from anonbench.embedding.store import Embeddings, write_embeddings
from anonbench.evaluation.retrieval import vectors
from anonbench.evaluation.retrieval.scenario import score_scenario
from anonbench.evaluation.retrieval.vectors import Streamed, Vectors, draw_queries, rank, read_some

SIZE, WIDTH = 410, 24
LARGE, NARROW = 5000, 12
IDS = [f"{i:03d}" for i in range(60)]


def embeddings(
    seed: int, near: Embeddings | None = None, size: int = SIZE, width: int = WIDTH
) -> Embeddings:
    values = np.random.default_rng(seed).standard_normal((size, width))
    if near is not None:
        values = near.values + 0.5 * values
    if size == LARGE:  # equal images far apart, so that their ties are decided across parts
        values[LARGE - 40 :] = values[:40]
    ids = [f"images/{(7 * i) % size:04d}" for i in range(size)]
    return Embeddings(ids, values.astype(np.float32))


def table_of(
    reference: Embeddings, queries: Embeddings, database: Embeddings, settings: Retrieval
) -> pd.DataFrame:
    table = score_scenario(reference, {"queries": queries}, database, settings).table
    return table.drop(columns="query")


@pytest.fixture(scope="module")
def reference() -> Embeddings:
    return embeddings(0)


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


def some(given: Embeddings, places: Sequence[int], width: int = WIDTH) -> Embeddings:
    return Embeddings([given.ids[place] for place in places], given.values[list(places), :width])


@pytest.mark.parametrize(
    ("role", "change", "message"),
    [
        ("database", renamed, "database: .*'new'.*'images/0000'"),
        ("database", twice, "database: 1 ids occur more than once, such as 'images/0007'"),
        ("queries", twice, "queries: 1 ids occur more than once, such as 'images/0007'"),
    ],
)
def test_what_does_not_fit_is_refused(
    reference: Embeddings, role: str, change: Callable[[Embeddings], Embeddings], message: str
) -> None:
    given = {"queries": reference, "database": reference} | {role: change(reference)}
    with pytest.raises(InputError, match=message):
        table_of(reference, settings=Retrieval(), **given)


def test_a_sample_is_drawn_by_ids_and_a_larger_one_adds_to_it(reference: Embeddings) -> None:
    database = embeddings(2, reference)
    every = table_of(reference, reference, database, Retrieval())
    drawn: set[str] = set()
    for count in (1, 20, 60, SIZE, 10 * SIZE):
        shuffled = some(reference, np.random.default_rng(count).permutation(SIZE).tolist())
        table = table_of(shuffled, reference, database, Retrieval(queries=count))
        assert len(table) == min(count, SIZE)
        assert drawn <= set(table["id"])
        drawn = set(table["id"])
        same = every[every["id"].isin(drawn)].reset_index(drop=True)
        pd.testing.assert_frame_equal(table, same, check_exact=True)
    few = table_of(reference, some(reference, [5, 6, 7]), database, Retrieval(queries=2))
    assert set(few["id"]) < {reference.ids[place] for place in (5, 6, 7)}
    # as queries are drawn elsewhere
    drawn = draw_queries(IDS, 10)
    assert drawn == draw_queries(reversed(IDS), 10)
    assert draw_queries(IDS, 4) == drawn[:4]
    assert len(set(drawn)) == 10 and drawn != sorted(drawn)
    assert draw_queries(IDS, 100) != IDS and sorted(draw_queries(IDS, 100)) == IDS


def test_below_k_five_finding_oneself_scores_nothing() -> None:
    draw = np.random.default_rng(0).standard_normal
    ids = [f"{i:02}" for i in range(26)]
    reference, other = (Embeddings(ids, draw((26, 8)).astype(np.float32)) for _ in range(2))
    scores = score_scenario(reference, {"q": other}, other, Retrieval())
    assert scores.k == 1 and scores.table["ap"].mean() < 0.6  # it was 1.0
    assert scores.chance["map"] == pytest.approx(np.mean(1 / np.arange(1, 26)))


@pytest.fixture(scope="module")
def given() -> tuple[Embeddings, Embeddings, Embeddings]:
    reference = embeddings(0, None, LARGE, NARROW)
    database = embeddings(1, reference, LARGE, NARROW)
    rows = {*np.random.default_rng(9).permutation(LARGE)[:30].tolist(), 0, LARGE - 40}
    return reference, some(database, sorted(rows)), database


@pytest.mark.slow
@pytest.mark.parametrize("settings", [{}, {"include_self": False, "ap_depth": "k"}])
def test_streaming_changes_no_bit(
    given: tuple[Embeddings, Embeddings, Embeddings],
    settings: dict[str, object],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    reference, queries, database = given
    retrieval = Retrieval.model_validate(settings | {"fraction": 0.01})
    monkeypatch.setattr(similarity, "CHUNK", 2048)
    monkeypatch.setattr(vectors, "PART", 4096)
    expected = score_scenario(reference, {"queries": queries}, database, retrieval)
    for memory in (vectors.BYTES, vectors.BYTES_A_PAIR * LARGE * 7):  # blocks of 7 queries
        monkeypatch.setattr(vectors, "BYTES", memory)
        found = score_scenario(reference, {"queries": queries}, database, retrieval, streamed=True)
        pd.testing.assert_frame_equal(found.table, expected.table, check_exact=True)
        assert found.chance == pytest.approx(expected.chance, abs=1e-12)
        assert found.k == expected.k
    assert 0.1 < found.table["ap"].mean() < 0.9


def test_a_narrow_rest_is_streamed_bit_for_bit(monkeypatch: pytest.MonkeyPatch) -> None:
    """One vector more than fits into the chunks of a product."""
    monkeypatch.setattr(similarity, "CHUNK", 512)
    monkeypatch.setattr(vectors, "PART", 1024)
    values = np.random.default_rng(0).standard_normal((1025, 384)).astype(np.float32)
    opened = Vectors.of(Embeddings([f"{row:04d}" for row in range(1025)], values), "drawn")
    units = opened.units()
    whole = similarity.Similarity(units, 192)(units[:24])
    np.testing.assert_array_equal(Streamed(opened)(units[:24], ProductBuffer()), whole)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Return embeddings in an order that is not the ids', some of them equal."""
    values = np.random.default_rng(0).normal(size=(60, 7)).astype(np.float32)
    values[30:40] = values[5]
    order = np.random.default_rng(1).permutation(60)
    path = tmp_path / "e.h5"
    write_embeddings(path, Embeddings([IDS[i] for i in order], values[order]))
    return path


@pytest.mark.parametrize("include_self", [True, False])
def test_rankings_are_those_of_a_stable_sort(file: Path, include_self: bool) -> None:
    asked = ["031", "005", "059", "000"]
    units = read_some(file, IDS).values.astype(np.float64)
    units /= np.linalg.norm(units, axis=1, keepdims=True)
    for query, (order, similarities) in zip(
        asked, rank(read_some(file, asked), file, IDS, include_self), strict=True
    ):
        own = (units @ units[IDS.index(query)]).round(5)
        expected = np.argsort(-own, kind="stable")  # ties by id
        expected = expected[include_self | (expected != IDS.index(query))]
        np.testing.assert_array_equal(order, expected)
        assert np.allclose(similarities, own[expected], atol=2e-5)


def test_what_does_not_agree_is_refused(file: Path, reference: Embeddings) -> None:
    for other in (some(reference, [1, 3]), renamed(reference), some(reference, [1, 2], 7)):
        kinds = {"a": some(reference, [1, 2]), "b": other}
        with pytest.raises(ValueError, match="the same images of the database, of its width"):
            score_scenario(reference, kinds, reference, Retrieval())
    with pytest.raises(InputError, match=r"e\.h5: has no embedding of 'x'"):
        read_some(file, ["000", "x"])
    asked = read_some(file, ["000"])
    with pytest.raises(InputError, match="holds other ids than the reference"):
        rank(asked, file, IDS[:-1], include_self=True)
    with pytest.raises(InputError, match="7 dimensions for queries of 3"):
        rank(Embeddings(["000"], asked.values[:, :3]), file, IDS, include_self=True)
