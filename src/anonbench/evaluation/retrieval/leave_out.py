"""Mean average precision without one cluster at a time, for intervals over new persons.

Where the same persons are in queries and database, one person changes the scores of all queries: as
a query, as a relevant image and as a rival. Intervals over queries take the database as given.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from anonbench.core.numeric.clusters import Estimate, jackknife
from anonbench.core.numeric.seeding import rng


@dataclass(frozen=True)
class Similarities:
    """Similarities of some queries to all N images."""

    queries: np.ndarray
    """Places of the B queries among the images, int64 [B]."""
    reference: np.ndarray
    """Of the reference, [B, N]."""
    systems: np.ndarray
    """Of M systems, [M, B, N]."""


def leave_out_maps(
    blocks: Iterable[Similarities],
    clusters: np.ndarray,
    k: int,
    include_self: bool,
    most: int,
    *seed: object,
    depth_k: bool = False,
    by_place: bool = False,
) -> tuple[np.ndarray, np.ndarray]:
    """Return mAP of all images, and without the images of one cluster at a time.

    They are left out as queries and from the database. The share of relevant images stays what it
    is: between the two whole numbers of them, mAP is interpolated. Where there are more than `most`
    clusters, they are put into so many groups at random, which are left out whole (Kott 2001, "The
    delete-a-group jackknife", J. Off. Stat. 17:521-526).

    A query is ranked once: without a cluster, an image's rank is less by the cluster's images above
    it. A block of queries is in memory at a time.

    Args:
        blocks: queries with their similarities; equal ones come in a drawn order.
        clusters: label of each image's cluster [N].
        k: relevant images of a query, of all N.
        include_self: whether a query's own image counts.
        most: clusters or groups that are left out, one at a time.
        seed: what the groups depend on.
        depth_k: whether precision counts among the first k alone.
        by_place: rank equal similarities by place.

    Returns:
        float64 [M], and [G, M] for G clusters or groups; NaN where no query is left.

    """
    groups = groups_of(clusters, most, *seed)
    cuts = _Cuts.of(groups, k, depth_k)
    total, count = 0.0, np.zeros(cuts.columns)
    draw, every = rng("ties", *seed), np.arange(len(groups))

    def order(similarity: np.ndarray, query: int) -> np.ndarray:
        drawn = every if by_place else draw.permutation(every)
        return _order(similarity, query, include_self, drawn)

    for block in blocks:
        found = np.array(
            [
                _without(
                    order(block.reference[row], query),
                    [order(each[row], query) for each in block.systems],
                    groups,
                    cuts,
                )
                for row, query in enumerate(block.queries.tolist())
            ]
        )  # [B, M, G + 1]
        counted = groups[block.queries, None] != np.arange(cuts.columns)
        total = total + np.einsum("bmg,bg->gm", found, counted.astype(np.float64))
        count += counted.sum(axis=0)
    means = np.asarray(total) / np.where(count > 0, count, np.nan)[:, None]
    return means[-1], means[:-1]


def groups_of(clusters: np.ndarray, most: int, *seed: object) -> np.ndarray:
    """Return the number of each image's cluster, or of its group where there are too many, [N]."""
    codes = np.unique(clusters, return_inverse=True)[1]
    found = int(codes.max()) + 1
    if found <= most:
        return np.asarray(codes)
    return np.asarray(rng("leave out", *seed).permutation(np.arange(found) % most)[codes])


def over_persons(whole: float, without: np.ndarray, images: int, confidence: float) -> Estimate:
    """Return the jackknife's interval of a score, or of a difference of scores.

    Leaving out makes the archive smaller for every cluster alike; what that adds to all values of
    `without` is no spread between clusters, and is taken off.

    Args:
        whole: of all images.
        without: float [G], as `leave_out_maps` returns it (or a difference of two of its columns).
        images: how many there are.
        confidence: coverage of the interval, as a share within (0, 1).

    """
    return jackknife(whole, without - without.mean() + whole, images, confidence)


@dataclass(frozen=True)
class _Cuts:
    """Relevant images without each of the groups, and last without none."""

    low: np.ndarray
    """The whole number below, int64 [G + 1]."""
    upper: np.ndarray
    """How far it is to the number above, [G + 1]."""
    candidates: int
    """First images of the reference that may be relevant."""
    depth_k: bool

    @property
    def columns(self) -> int:
        return len(self.low)

    @classmethod
    def of(cls, groups: np.ndarray, k: int, depth_k: bool) -> _Cuts:
        sizes = np.bincount(groups)
        relevant = k * (1.0 - np.append(sizes, 0) / len(groups))
        low = np.maximum(np.floor(relevant + 1e-9).astype(np.int64), 1)
        upper = np.clip(relevant - low, 0.0, 1.0)
        upper[upper < 1e-9] = 0.0
        return cls(low, upper, int(k + 1 + sizes.max()), depth_k)


def _order(similarity: np.ndarray, query: int, include_self: bool, drawn: np.ndarray) -> np.ndarray:
    """Images by similarity, descending, then by a drawn order, with or without the query's own."""
    order = drawn[np.argsort(-similarity[drawn], kind="stable")]
    return order if include_self else order[order != query]


def _without(
    reference: np.ndarray, systems: list[np.ndarray], groups: np.ndarray, cuts: _Cuts
) -> np.ndarray:
    """Return AP [M, G + 1] of one query, without each group and without none."""
    candidates = reference[: cuts.candidates]
    kept = groups[candidates][:, None] != np.arange(cuts.columns)
    places = np.cumsum(kept, axis=0, dtype=np.int32)
    rank = np.empty(len(groups), dtype=np.int64)
    found = []
    for order in systems:
        rank[order] = np.arange(len(order))
        ranks = rank[candidates]
        by_rank = np.argsort(ranks)
        ranks = ranks[by_rank]
        alone = ranks[:, None] + 1 - _above(ranks, groups[order], cuts.columns)
        found.append(_precision(kept[by_rank], places[by_rank], alone, cuts))
    return np.stack(found)


def _above(ranks: np.ndarray, groups: np.ndarray, columns: int) -> np.ndarray:
    """Return how many images of each group are above each rank, [K, G + 1].

    Args:
        ranks: from 0, ascending [K].
        groups: of all images in the order of the ranking.
        columns: G + 1; the last counts nothing.

    """
    lengths = np.diff(ranks, prepend=0, append=len(groups))
    part = np.repeat(np.arange(len(ranks) + 1), lengths)
    counts = np.bincount(part * columns + groups, minlength=(len(ranks) + 1) * columns)
    return np.asarray(np.cumsum(counts.reshape(-1, columns)[:-1], axis=0))


def _precision(kept: np.ndarray, places: np.ndarray, ranks: np.ndarray, cuts: _Cuts) -> np.ndarray:
    """Return AP [G + 1] of candidates by rank: places in the reference, ranks in the system."""

    def at(k: np.ndarray) -> np.ndarray:
        relevant = kept & (places <= k)
        precision = np.cumsum(relevant, axis=0) / ranks
        counted = relevant & (ranks <= k) if cuts.depth_k else relevant
        return np.asarray((precision * counted).sum(axis=0) / k)

    below = at(cuts.low)
    if not cuts.upper.any():
        return below
    return np.asarray(below + cuts.upper * (at(cuts.low + 1) - below))
