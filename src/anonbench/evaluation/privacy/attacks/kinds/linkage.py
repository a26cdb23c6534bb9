"""Linkage by retrieval: an original among published vectors, and a person's membership."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

import numpy as np

from anonbench.core.registries.attacks import (
    Archive,
    ArchiveAttack,
    AttackNotPossibleError,
    Outcome,
    Risk,
)

LEAST = 2
"""Images in an archive where anything can be linked."""
TIED = 1e-6
"""Similarities that differ by no more are equal: products of equal vectors may differ by rounding.
"""


class Linkage(ArchiveAttack):
    """An original is looked for in the published archive by its vector, as a query is.

    `rank_1`: its own version comes first. `member`: a person's photograph tells whether others of
    that person are in the archive (area under the ROC curve).
    """

    name: ClassVar = "linkage"
    label: ClassVar = "Linkage by retrieval"
    risk: ClassVar = Risk.LINKABILITY

    def outcomes(self, archive: Archive) -> Iterator[Outcome]:
        """See `ArchiveAttack.outcomes`."""
        if len(archive.ids) < LEAST:
            raise AttackNotPossibleError("one image is no archive")
        clusters = archive.clusters[archive.queries]
        for variant in archive.vectors:
            similar = archive.similarities(variant)
            own = rank_1(similar, archive.queries)
            yield Outcome("rank_1", variant, own, clusters, 1.0 / len(archive.ids))
            if archive.persons is not None:
                shares = membership(similar, archive.queries, archive.persons)
                chance = membership_by_chance(archive.queries, archive.persons)
                yield Outcome("member", variant, shares, clusters, chance)


def rank_1(similar: np.ndarray, own: np.ndarray) -> np.ndarray:
    """Return the probability that each query's own version comes first, float [Q].

    Args:
        similar: of queries to an archive, [Q, N].
        own: place of each query's own version, int64 [Q].

    """
    mine = similar[np.arange(len(own)), own][:, None]
    tied = (np.abs(similar - mine) <= TIED).sum(axis=1)
    return np.where((similar > mine + TIED).any(axis=1), 0.0, 1.0 / tied)


def membership(similar: np.ndarray, own: np.ndarray, persons: np.ndarray) -> np.ndarray:
    """Return how often each query's person seems more of a member than others without theirs do.

    A query's highest similarity to its person's other images or anybody's (the person is a member)
    is compared with the highest similarities that queries of other persons have to an archive
    without their person. The mean is the area under the ROC curve (Mann and Whitney 1947).

    Args:
        similar: of queries to an archive, [Q, N].
        own: place of each query's own version, int64 [Q].
        persons: number of each image's person [N], -1 where it is not known.

    Returns:
        Float [Q]; NaN for queries whose person has no other image, or is not known.

    """
    mine = persons[own]
    rows = np.arange(len(own))
    without_own = similar.copy()
    without_own[rows, own] = -np.inf
    strangers = np.where(mine[:, None] == persons, -np.inf, similar)
    with_person, without_person = without_own.max(axis=1), strangers.max(axis=1)
    counts = (mine[:, None] == persons).sum(axis=1)
    able = (mine >= 0) & (counts > 1) & np.isfinite(without_person)
    shares = np.full(len(own), np.nan)
    for row in np.flatnonzero(able):
        others = without_person[able & (mine != mine[row])]
        if len(others):
            score = with_person[row]
            shares[row] = ((others < score) + 0.5 * (others == score)).mean()
    return shares


def membership_by_chance(own: np.ndarray, persons: np.ndarray) -> float:
    """Return what `membership` is where similarities tell nothing: a little more than one half.

    The highest of n similarities is above the highest of m others with probability n / (n + m), and
    an archive without a person is smaller.

    Args:
        own: place of each query's own version, int64 [Q].
        persons: number of each image's person [N], -1 where it is not known.

    """
    mine = persons[own]
    sizes = (mine[:, None] == persons).sum(axis=1)
    able = (mine >= 0) & (sizes > 1)
    with_person, without_person = len(persons) - 1.0, len(persons) - sizes[able]
    return float((with_person / (with_person + without_person)).mean()) if able.any() else 0.5
