"""Groups of k-same: at least k, each face in one, the same whatever the order."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from anonbench.anonymization.given.k_same_groups import k_same_groups

VECTORS = st.integers(2, 24).flatmap(lambda n: arrays(np.uint8, (n, 6)))


@given(VECTORS, st.integers(1, 6))
def test_each_row_is_in_one_group_of_at_least_k(vectors: np.ndarray, k: int) -> None:
    k = min(k, len(vectors))
    groups = k_same_groups(vectors, k)
    assert sorted(np.concatenate(groups).tolist()) == list(range(len(vectors)))
    assert all(k <= len(group) < 2 * k for group in groups)


@given(VECTORS, st.integers(2, 4), st.randoms(use_true_random=False))
def test_groups_do_not_depend_on_the_order(vectors: np.ndarray, k: int, random: object) -> None:
    vectors = np.unique(vectors, axis=0)
    k = min(k, len(vectors))
    order = np.arange(len(vectors))
    random.shuffle(order)  # type: ignore[attr-defined]
    of_sorted = {frozenset(group.tolist()) for group in k_same_groups(vectors, k)}
    of_mixed = {frozenset(order[group].tolist()) for group in k_same_groups(vectors[order], k)}
    assert of_sorted == of_mixed


def test_they_are_those_of_the_definition() -> None:
    vectors = np.random.default_rng(3).integers(0, 256, (57, 256), dtype=np.uint8)
    wide = vectors.astype(np.float64)
    first = np.argsort(-np.square(wide - wide.mean(axis=0)).sum(axis=1))
    left, groups = first.tolist(), []
    while len(left) >= 2 * 5:
        away = [np.square(wide[row] - wide[left[0]]).sum() for row in left]
        near = [left[place] for place in np.argsort(away, kind="stable")[:5]]
        groups.append(sorted(near))
        left = [row for row in left if row not in near]
    groups.append(sorted(left))
    assert [group.tolist() for group in k_same_groups(vectors, 5)] == groups


@pytest.mark.parametrize("k", [2, 3])
def test_pairs_that_are_alike_are_together(k: int) -> None:
    vectors = np.repeat(np.array([[10], [120], [240]], np.uint8), k, axis=0)
    found = {frozenset(group.tolist()) for group in k_same_groups(vectors, k)}
    assert found == {frozenset(range(start, start + k)) for start in (0, k, 2 * k)}
