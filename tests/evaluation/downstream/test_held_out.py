"""The held-out part: whole clusters, the share of each class, and the same from the same ids."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from anonbench.evaluation.downstream.linear import HeldOut, hold_out


def ids_of(count: int) -> list[str]:
    return [f"{row:04d}" for row in range(count)]


def each(labels: np.ndarray, found: HeldOut) -> dict[str, int]:
    return {str(name): int(found.images[labels == name].sum()) for name in np.unique(labels)}


archives = st.integers(1, 25).flatmap(
    lambda persons: st.tuples(
        st.lists(st.integers(0, persons), min_size=2, max_size=80),
        st.lists(st.sampled_from("abc"), min_size=80, max_size=80),
    )
)


@given(archive=archives, share=st.floats(0.01, 0.9), seed=st.integers(0, 3))
def test_no_cluster_is_torn_and_no_class_is_lost(
    archive: tuple[list[int], list[str]], share: float, seed: int
) -> None:
    clusters, labels = np.array(archive[0]), np.array(archive[1][: len(archive[0])])
    found = hold_out(ids_of(len(labels)), labels, clusters, share, seed)
    assert set(labels[~found.images]) == set(labels)
    if found.whole_clusters:
        both = set(clusters[found.images]) & set(clusters[~found.images])
        assert not both
        assert found.clusters == len(set(clusters[found.images]))
    else:
        assert all(len(set(clusters[labels == name])) == 1 for name in set(labels))


def test_persons_are_held_out_by_the_share_of_each_class() -> None:
    persons = np.repeat(np.arange(90), 6)
    labels = np.where(persons % 3 == 0, "few", "many")
    found = hold_out(ids_of(540), labels, persons, 0.2, 0)
    assert each(labels, found) == {"few": 36, "many": 72}
    assert (found.clusters, found.whole_clusters, found.few) == (18, True, False)


def test_a_person_of_several_classes_is_held_out_as_a_whole() -> None:
    persons = np.repeat(np.arange(20), 6)
    labels = np.array(list("aabbcc" * 20))
    found = hold_out(ids_of(120), labels, persons, 0.4, 0)
    assert each(labels, found) == dict.fromkeys("abc", 16)
    assert set(found.images.reshape(20, 6).sum(axis=1)) == {0, 6}


def test_the_part_depends_on_seed_and_ids_and_not_on_order_or_numbers() -> None:
    persons = np.repeat(np.arange(40), 3)
    labels = np.where(persons % 2 == 0, "a", "b")
    ids = ids_of(120)
    order = np.random.default_rng(0).permutation(120)
    mixed = [ids[row] for row in order]
    for clusters in (persons, np.arange(120)):
        held = hold_out(ids, labels, clusters, 0.2, 0).images
        named = 1000 - clusters[order]
        assert np.array_equal(held[order], hold_out(mixed, labels[order], named, 0.2, 0).images)
        assert not np.array_equal(held, hold_out(ids, labels, clusters, 0.2, 1).images)
        assert each(labels, hold_out(ids, labels, clusters, 0.2, 0)) == {"a": 12, "b": 12}
