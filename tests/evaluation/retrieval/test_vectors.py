"""A few queries against a streamed archive: the same scores as with everything in memory."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from anonbench.config import Retrieval
from anonbench.core.numeric import similarity
from anonbench.core.numeric.similarity import ProductBuffer
from anonbench.embedding.store import Embeddings
from anonbench.evaluation.retrieval import vectors
from anonbench.evaluation.retrieval.scenario import score_scenario
from anonbench.evaluation.retrieval.vectors import Streamed, Vectors

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
    monkeypatch.setattr(vectors, "_PART", 4096)
    expected = score_scenario(reference, {"queries": queries}, database, retrieval)
    for memory in (vectors._BYTES, vectors._BYTES_A_PAIR * SIZE * 7):  # blocks of 7 queries
        monkeypatch.setattr(vectors, "_BYTES", memory)
        found = score_scenario(reference, {"queries": queries}, database, retrieval, streamed=True)
        pd.testing.assert_frame_equal(found.table, expected.table, check_exact=True)
        assert found.chance == pytest.approx(expected.chance, abs=1e-12)
        assert (found.images, found.k) == (expected.images, expected.k)
    assert 0.1 < found.table["ap"].mean() < 0.9


def test_a_narrow_rest_is_streamed_bit_for_bit(monkeypatch: pytest.MonkeyPatch) -> None:
    """One vector more than fits into the chunks of a product."""
    monkeypatch.setattr(similarity, "CHUNK", 512)
    monkeypatch.setattr(vectors, "_PART", 1024)
    values = np.random.default_rng(0).standard_normal((1025, 384)).astype(np.float32)
    opened = Vectors.of(Embeddings([f"{row:04d}" for row in range(1025)], values), "drawn")
    units = opened.units()
    whole = similarity.Similarity(units, 192)(units[:24])
    np.testing.assert_array_equal(Streamed(opened)(units[:24], ProductBuffer()), whole)
