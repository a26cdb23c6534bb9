"""Similarities: the same bits in every block, of equal vectors, in shared room; their order."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from anonbench.core.errors import InputError
from anonbench.core.numeric.similarity import (
    ProductBuffer,
    Similarity,
    first,
    require_rankings,
    row_chunks,
    unit_rows,
)


@pytest.mark.parametrize(("images", "depth"), [(1, 3), (97, 33), (300, 65), (1003, 64)])
def test_similarities_do_not_depend_on_the_block(images: int, depth: int) -> None:
    values = np.random.default_rng(images).standard_normal((images, depth)).astype(np.float32)
    values[-1] = values[0]
    units = unit_rows(values)
    alone = np.concatenate([unit_rows(row[None]) for row in values])
    assert np.array_equal(units, alone)
    assert np.allclose(np.linalg.norm(units, axis=1), 1.0, atol=1e-6)
    results = []
    for block in (1, 7, 64, 100, 512, 2048):
        similarity = Similarity(units, block)
        results.append(
            np.concatenate([similarity(units[s]).copy() for s in similarity.slices(images)])
        )
    assert all(np.array_equal(result, results[0]) for result in results)
    assert np.allclose(results[0], units @ units.T, atol=1e-6)
    assert np.array_equal(results[0][:, 0], results[0][:, -1]), "of equal vectors"


def test_databases_share_room() -> None:
    generator = np.random.default_rng(0)
    room = ProductBuffer()
    several = [generator.standard_normal((300, depth)).astype(np.float32) for depth in (5, 64)]
    shared = [Similarity(database, 192, room) for database in several]
    alone = [Similarity(database, 192) for database in several]
    for one, other, database in zip(shared, alone, several, strict=True):
        assert np.array_equal(one(database[:10]), other(database[:10]))
    assert np.shares_memory(shared[0](several[0][:10]), shared[1](several[1][:10]))
    elsewhere = shared[0](several[0][:10], ProductBuffer())
    assert not np.shares_memory(elsewhere, shared[1](several[1][:10]))


@settings(max_examples=30)
@given(st.integers(0, 50), st.integers(1, 8))
def test_chunks_cover_the_rows(rows: int, parts: int) -> None:
    chunks = list(row_chunks(rows, parts))
    assert [i for chunk in chunks for i in chunk] == list(range(rows))
    assert len(chunks) <= parts


def test_zero_is_similar_to_nothing_and_originals_of_zero_are_named() -> None:
    units = unit_rows(np.array([[3, 4], [0, 0]], np.float32))
    assert units.tolist() == [[np.float32(0.6), np.float32(0.8)], [0, 0]]
    assert Similarity(units, 2)(units).tolist() == [[pytest.approx(1), 0], [0, 0]]
    values = np.array([[1, 0], [0, 0], [0, 2], [0, 0]], np.float32)
    with pytest.raises(InputError, match=r"x.h5: 2 embeddings of originals.*'b'.*euclidean"):
        require_rankings(["a", "b", "c", "d"], values, "x.h5")
    require_rankings(["a", "c"], values[[0, 2]], "x.h5")


few = st.sampled_from([-1.0, -0.5, -0.0, 0.0, 1e-45, -1e-45, 0.25, 0.5, 1.0])
any_value = st.floats(-1, 1, width=32)
rows = st.integers(1, 60).flatmap(
    lambda n: arrays(np.float32, n, elements=st.one_of(few, any_value))
)


@given(rows, st.data())
def test_the_first_equal_a_plain_sort(values: np.ndarray, data: st.DataObject) -> None:
    k = data.draw(st.integers(1, len(values)))
    expected = sorted(range(len(values)), key=lambda i: (-float(values[i]), i))[:k]
    assert first(values, k).tolist() == expected


@pytest.mark.parametrize(
    ("lowest", "spread"), [(-0.5, 0.0), (0.0, 1e-44), (0.25, 1e-7), (-0.5, 1.0), (0.0, 1.0)]
)
def test_long_rows_with_many_ties(lowest: float, spread: float) -> None:
    draws = np.random.default_rng(3).integers(0, 300, 5000)
    values = (lowest + spread * draws).astype(np.float32)
    expected = np.argsort(-values.astype(np.float64), kind="stable")
    assert np.array_equal(first(values, 400), expected[:400])
