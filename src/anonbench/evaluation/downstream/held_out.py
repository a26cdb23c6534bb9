"""Held-out part of the train split, on which the strength of the linear probe is chosen.

It relates to the rest as validation images relate to the train split. Validation shows persons whom
the train split lacks, so whole clusters (persons, cases) are held out: where photographs of one
person are in both parts, the choice rewards recognizing persons, and weak regularization does that
best. Source: Roberts et al., "Cross-validation strategies for data with temporal, spatial,
hierarchical, or phylogenetic structure", Ecography 2017, 40:913-929.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from anonbench.core.numeric.clusters import MIN_CLUSTERS
from anonbench.core.numeric.seeding import hash_ints

_PURPOSE = "linear probe, held out"


@dataclass(frozen=True)
class HeldOut:
    """Images that are held out, and how many independent ones they are."""

    images: np.ndarray
    """Which train images are held out: bool [N]."""
    clusters: int
    """Clusters held out; images where they were drawn one by one."""
    whole_clusters: bool
    """Whether no cluster is in both parts. Not so where each class is a single cluster: then
    validation images are of the same clusters as train images, and held-out images have to be."""

    @property
    def few(self) -> bool:
        """Whether the choice stands on fewer clusters than an interval would need."""
        return 0 < self.clusters < MIN_CLUSTERS


def hold_out(
    ids: Sequence[str], labels: np.ndarray, clusters: np.ndarray, share: float, seed: int
) -> HeldOut:
    """Return the part that is held out, drawn from seed and ids.

    About the share of each class is held out, and at least eight clusters or half of them. Every
    class keeps an image in the other part.

    Args:
        ids: of the train images [N].
        labels: their classes [N].
        clusters: their clusters, any values that sort [N].
        share: of each class's images.
        seed: of the draw.

    """
    codes = np.unique(labels, return_inverse=True)[1]
    groups, first, sizes = np.unique(clusters, return_inverse=True, return_counts=True)
    if (sizes == 1).all() or _classes_are_clusters(codes, first):
        images = _by_image(ids, codes, share, seed)
        return HeldOut(images, int(images.sum()), bool((sizes == 1).all()))
    share = max(share, min(MIN_CLUSTERS / len(groups), 0.5))
    drawn = _by_cluster(ids, codes, first, share, seed)
    return HeldOut(drawn[first], int(drawn.sum()), True)


def _classes_are_clusters(codes: np.ndarray, clusters: np.ndarray) -> bool:
    """Return whether the images of each class are of one cluster."""
    pairs = np.unique(np.column_stack([codes, clusters]), axis=0)
    return len(pairs) == int(codes.max()) + 1


def _by_image(ids: Sequence[str], codes: np.ndarray, share: float, seed: int) -> np.ndarray:
    """Return which images are held out [N]: the share of each class, drawn by id."""
    counts = np.bincount(codes)
    by_class = np.lexsort((hash_ints((seed, _PURPOSE), ids), codes))
    place = np.arange(len(ids)) - np.repeat(np.cumsum(counts) - counts, counts)
    taken = np.minimum(np.round(share * counts), counts - 1)
    is_held_out = np.zeros(len(ids), dtype=bool)
    is_held_out[by_class[place < np.repeat(taken, counts)]] = True
    return is_held_out


def _by_cluster(
    ids: Sequence[str], codes: np.ndarray, clusters: np.ndarray, share: float, seed: int
) -> np.ndarray:
    """Return which clusters are held out [G].

    In random order, each is taken that brings the classes' counts nearer to the share and leaves
    an image of each class.
    """
    counts = np.bincount(codes)
    wanted, held = share * counts, np.zeros(len(counts))
    taken = np.zeros(clusters.max() + 1, dtype=bool)
    members = np.split(np.argsort(clusters, kind="stable"), np.cumsum(np.bincount(clusters))[:-1])
    for cluster in _random_order(ids, clusters, seed):
        classes, own = np.unique(codes[members[cluster]], return_counts=True)
        before, after = held[classes], held[classes] + own
        aim = wanted[classes]
        nearer = np.abs(after - aim).sum() < np.abs(before - aim).sum()
        if nearer and (after < counts[classes]).all():
            taken[cluster] = True
            held[classes] = after
    return taken


def _random_order(ids: Sequence[str], clusters: np.ndarray, seed: int) -> np.ndarray:
    """Return the clusters [G] by the hash of their first ids; their numbers do not count."""
    order = np.array(sorted(range(len(ids)), key=ids.__getitem__))
    first = order[np.unique(clusters[order], return_index=True)[1]]
    return np.argsort(hash_ints((seed, _PURPOSE), [ids[row] for row in first]), kind="stable")
