"""Groups of k-same: at least k, each row once, the nearest together, whatever the order."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from anonbench.anonymization.given.k_same_groups import MOST_VALUES, k_same_groups

TABLES = st.integers(1, 40).flatmap(
    lambda rows: arrays(np.uint8, (rows, 5), elements=st.integers(0, 255), unique=False)
)


@given(TABLES, st.data())
def test_each_row_is_in_one_group_of_k_to_2k(vectors: np.ndarray, data: st.DataObject) -> None:
    k = data.draw(st.integers(1, len(vectors)))
    groups = k_same_groups(vectors, k)
    assert sorted(np.concatenate(groups).tolist()) == [*range(len(vectors))]
    sizes = [len(group) for group in groups]
    assert all(size == k for size in sizes[:-1]) and k <= sizes[-1] < 2 * k


@given(TABLES, st.data())
def test_groups_do_not_depend_on_the_order(vectors: np.ndarray, data: st.DataObject) -> None:
    k = data.draw(st.integers(1, len(vectors)))
    order = np.array(data.draw(st.permutations(range(len(vectors)))))

    def contents(table: np.ndarray) -> list[list[list[int]]]:
        return [sorted(table[group].tolist()) for group in k_same_groups(table, k)]

    assert contents(vectors) == contents(vectors[order])


@pytest.mark.parametrize("k", [2, 3, 10])
def test_they_are_those_of_the_algorithm_as_it_is_printed(k: int) -> None:
    vectors = np.random.default_rng(k).integers(0, 256, (97, MOST_VALUES), dtype=np.uint8)
    whole = vectors.astype(np.int64)
    away = ((len(whole) * whole - whole.sum(axis=0)) ** 2).sum(axis=1)
    left = sorted(range(len(whole)), key=lambda row: -away[row])
    expected = []
    while len(left) >= 2 * k:
        first = whole[left[0]]
        near = sorted(left, key=lambda row: ((whole[row] - first) ** 2).sum())[:k]
        expected.append(sorted(near))
        left = [row for row in left if row not in near]
    expected.append(sorted(left))
    assert [group.tolist() for group in k_same_groups(vectors, k)] == expected


def test_extreme_levels_are_told_apart_exactly() -> None:
    """The largest distances that there are: of white, black, and two that differ by one level."""
    vectors = np.zeros((6, MOST_VALUES), np.uint8)
    vectors[:4] = 255
    vectors[2, 0] = 254
    vectors[3, :2] = 254
    vectors[5, 0] = 1
    groups = [group.tolist() for group in k_same_groups(vectors, 2)]
    assert sorted(groups) == [[0, 1], [2, 3], [4, 5]]
