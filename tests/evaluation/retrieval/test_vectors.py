"""Archives that are streamed, and rankings of a few queries."""

from __future__ import annotations

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

SIZE, WIDTH = 5000, 12


def embeddings(seed: int, near: Embeddings | None = None) -> Embeddings:
    generator = np.random.default_rng(seed)
    values = generator.standard_normal((SIZE, WIDTH))
    if near is not None:
        values = near.values + 0.5 * values
    # equal images far apart, so that their ties are decided across parts
    values[SIZE - 40 :] = values[:40]
    values = values.astype(np.float32)
    ids = [f"{(7 * number) % SIZE:04d}" for number in range(SIZE)]
    return Embeddings(ids, values)


def some(given: Embeddings, count: int) -> Embeddings:
    rows = np.random.default_rng(9).permutation(SIZE)[:count]
    rows = np.unique(np.concatenate([rows, [0, SIZE - 40]]))
    return Embeddings([given.ids[row] for row in rows], given.values[rows])


@pytest.fixture(scope="module")
def given() -> tuple[Embeddings, Embeddings, Embeddings]:
    reference = embeddings(0)
    database = embeddings(1, reference)
    return reference, some(database, 30), database


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
    for memory in (vectors.BYTES, vectors.BYTES_A_PAIR * SIZE * 7):  # blocks of 7 queries
        monkeypatch.setattr(vectors, "BYTES", memory)
        found = score_scenario(reference, {"queries": queries}, database, retrieval, streamed=True)
        pd.testing.assert_frame_equal(found.table, expected.table, check_exact=True)
        assert found.chance == pytest.approx(expected.chance, abs=1e-12)
        assert (found.images, found.k) == (expected.images, expected.k)
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


IDS = [f"{i:03d}" for i in range(60)]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Return embeddings in an order that is not the ids', some of them equal."""
    values = np.random.default_rng(0).normal(size=(60, 7)).astype(np.float32)
    values[30:40] = values[5]
    order = np.random.default_rng(1).permutation(60)
    path = tmp_path / "e.h5"
    write_embeddings(path, Embeddings([IDS[i] for i in order], values[order]))
    return path


def by_hand(path: Path, asked: list[str], include_self: bool) -> list[list[tuple[float, str]]]:
    """Return for each query all (similarity, id), most similar first, ties by id."""
    every = read_some(path, IDS)
    units = every.values.astype(np.float64)
    units /= np.linalg.norm(units, axis=1, keepdims=True)
    of = dict(zip(IDS, units, strict=True))
    lists = []
    for query in asked:
        pairs = [(round(float(of[query] @ of[i]), 5), i) for i in IDS if include_self or i != query]
        lists.append(sorted(pairs, key=lambda pair: (-pair[0], pair[1])))
    return lists


@pytest.mark.parametrize("include_self", [True, False])
def test_rankings_are_those_of_plain_python(file: Path, include_self: bool) -> None:
    asked = ["031", "005", "059", "000"]
    found = rank(read_some(file, asked), file, IDS, include_self)
    for query, expected in enumerate(by_hand(file, asked, include_self)):
        positions = found.first(query, len(IDS))
        assert [IDS[p] for p in positions] == [image_id for _, image_id in expected]
        values = found.similarities[query, positions]
        assert np.allclose(values, [value for value, _ in expected], atol=2e-5)
        ranks = found.ranks(query)
        assert [ranks[IDS.index(i)] for _, i in expected] == list(range(1, len(expected) + 1))
        assert list(found.first(query, 3)) == list(positions[:3])


def test_queries_are_drawn_by_their_ids_alone() -> None:
    drawn = draw_queries(IDS, 10)
    assert drawn == draw_queries(reversed(IDS), 10)
    assert draw_queries(IDS, 4) == drawn[:4]
    assert len(set(drawn)) == 10 and drawn != sorted(drawn)
    assert draw_queries(IDS, 100) != IDS and sorted(draw_queries(IDS, 100)) == IDS


def test_what_does_not_agree_is_refused(tmp_path: Path, file: Path) -> None:
    with pytest.raises(InputError, match=r"e\.h5: has no embedding of 'x'"):
        read_some(file, ["000", "x"])
    asked = read_some(file, ["000"])
    with pytest.raises(InputError, match="holds other ids than the reference"):
        rank(asked, file, IDS[:-1], include_self=True)
    with pytest.raises(InputError, match="7 dimensions for queries of 3"):
        rank(Embeddings(["000"], asked.values[:, :3]), file, IDS, include_self=True)
