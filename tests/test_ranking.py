"""The exact order of a row, against a sort of (similarity, position) pairs."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from anonbench.embeddings import Embeddings
from anonbench.errors import InputError
from anonbench.ranking import Order, Similarity, row_chunks, unit_rows

few = st.sampled_from([-1.0, -0.5, -0.0, 0.0, 1e-45, -1e-45, 0.25, 0.5, 1.0])
any_value = st.floats(-1, 1, width=32)
rows = st.integers(1, 60).flatmap(
    lambda n: arrays(np.float32, n, elements=st.one_of(few, any_value))
)


def plain_order(values: np.ndarray) -> list[int]:
    return sorted(range(len(values)), key=lambda i: (-float(values[i]), i))


@given(rows, st.data())
def test_first_and_ranks_equal_a_plain_sort(values: np.ndarray, data: st.DataObject) -> None:
    expected = plain_order(values)
    k = data.draw(st.integers(1, len(values)))
    wanted = data.draw(
        st.lists(st.integers(0, len(values) - 1), unique=True, min_size=1, max_size=len(values))
    )
    order = Order(values)
    assert order.first(k).tolist() == expected[:k]
    first, ranks = order.first_and_ranks(k, np.array(wanted))
    assert first.tolist() == expected[:k]
    assert ranks.tolist() == sorted(expected.index(i) + 1 for i in wanted)


@pytest.mark.parametrize("spread", [0.0, 1e-44, 1e-7, 1.0])
def test_long_rows_with_many_ties(spread: float) -> None:
    generator = np.random.default_rng(3)
    values = (0.5 * (spread == 1e-7) + spread * generator.integers(0, 300, 5000)).astype(np.float32)
    wanted = generator.permutation(5000)[:700]
    first, ranks = Order(values).first_and_ranks(400, wanted)
    expected = np.argsort(-values.astype(np.float64), kind="stable")
    assert np.array_equal(first, expected[:400])
    assert np.array_equal(ranks, np.flatnonzero(np.isin(expected, wanted)) + 1)


@pytest.mark.parametrize(("images", "depth"), [(1, 3), (97, 33), (300, 65), (1003, 64)])
def test_similarities_do_not_depend_on_the_block(images: int, depth: int) -> None:
    generator = np.random.default_rng(images)
    units = unit_rows(_embeddings(generator.standard_normal((images, depth))), "x")
    results = []
    for block in (1, 7, 64, 100, 512, 2048):
        similarity = Similarity(units, block)
        results.append(
            np.concatenate([similarity(units[s]).copy() for s in similarity.slices(images)])
        )
    assert all(np.array_equal(result, results[0]) for result in results)
    assert np.allclose(results[0], units @ units.T, atol=1e-6)


def test_equal_embeddings_have_equal_similarities() -> None:
    generator = np.random.default_rng(0)
    values = generator.standard_normal((333, 70))
    values[332] = values[0]
    values[100] = values[31]
    units = unit_rows(_embeddings(values), "x")
    similarity = Similarity(units, 512)(units)
    assert np.array_equal(similarity[:, 0], similarity[:, 332])
    assert np.array_equal(similarity[:, 31], similarity[:, 100])


@settings(max_examples=30)
@given(st.integers(0, 50), st.integers(1, 8))
def test_chunks_cover_the_rows(rows: int, parts: int) -> None:
    chunks = list(row_chunks(rows, parts))
    assert [i for chunk in chunks for i in chunk] == list(range(rows))
    assert len(chunks) <= parts


def test_a_zero_embedding_is_named() -> None:
    with pytest.raises(InputError, match=r"queries: the embedding of 'b'"):
        unit_rows(Embeddings(["a", "b"], np.array([[1, 0], [0, 0]], np.float32)), "queries")


def test_huge_and_tiny_embeddings_keep_their_direction() -> None:
    values = np.array([[1e30, 1e30], [1e-30, -1e-30]], np.float32)
    units = unit_rows(Embeddings(["a", "b"], values), "x")
    assert np.allclose(units, np.array([[1, 1], [1, -1]]) / np.sqrt(2))


def _embeddings(values: np.ndarray) -> Embeddings:
    return Embeddings([f"{i:05d}" for i in range(len(values))], values.astype(np.float32))
