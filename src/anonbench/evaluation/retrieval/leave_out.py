"""Mean average precision without one cluster at a time, for intervals over new persons.

Where the same persons are in queries and database, one person changes the scores of all queries: as
a query, as a relevant image and as a rival. Intervals over queries take the database as given.
"""

from __future__ import annotations

import numpy as np

from anonbench.core.numeric.clusters import Estimate, jackknife
from anonbench.core.numeric.seeding import rng


def leave_out_maps(
    reference: np.ndarray,
    systems: np.ndarray,
    clusters: np.ndarray,
    k: int,
    include_self: bool,
    most: int,
    *seed: object,
) -> tuple[np.ndarray, np.ndarray]:
    """Return mAP of all images, and without the images of one cluster at a time.

    They are left out as queries and from the database. The share of relevant images stays what it
    is: between the two whole numbers of them, mAP is interpolated. Where there are more than `most`
    clusters, they are put into so many groups at random, which are left out whole (Kott 2001, "The
    delete-a-group jackknife", J. Off. Stat. 17:521-526).

    Args:
        reference: reference similarities of queries to the images of the same rows, [N, N].
        systems: similarities of M systems [M, N, N].
        clusters: label of each image's cluster [N].
        k: relevant images of a query, of all N.
        include_self: whether a query's own image counts.
        most: clusters or groups that are left out, one at a time.
        seed: what the groups depend on.

    Returns:
        float64 [M], and [G, M] for G clusters or groups.

    """
    codes = np.unique(clusters, return_inverse=True)[1]
    found = int(codes.max()) + 1
    if found > most:
        codes = rng("leave out", *seed).permutation(np.arange(found) % most)[codes]
    orders = [_order(similarity, include_self) for similarity in (reference, *systems)]
    everything = np.ones(len(codes), dtype=bool)
    whole = _maps(orders, everything, float(k))
    groups = range(int(codes.max()) + 1)
    share = k / len(codes)
    without = [_maps(orders, kept, share * kept.sum()) for kept in (codes != g for g in groups)]
    return whole, np.array(without)


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


def _order(similarity: np.ndarray, include_self: bool) -> np.ndarray:
    """Return the images by similarity, descending, int64 [N, N], or [N, N - 1] without own images.

    Equal ones come by position.
    """
    order = np.argsort(-similarity, axis=1, kind="stable")
    if include_self:
        return np.asarray(order)
    others = order != np.arange(len(order))[:, None]
    return np.asarray(order[others].reshape(len(order), -1))


def _maps(orders: list[np.ndarray], kept: np.ndarray, k: float) -> np.ndarray:
    """Return mAP [M] of the systems among the images that are kept, bool [N]."""
    rankings = [_among(order, kept) for order in orders]
    low = max(int(k), 1)
    upper = min(max(k - low, 0.0), 1.0)
    below = _mean_ap(rankings, len(kept), low)
    if upper == 0.0:
        return below
    return np.asarray(below + upper * (_mean_ap(rankings, len(kept), low + 1) - below))


def _among(order: np.ndarray, kept: np.ndarray) -> np.ndarray:
    """Return the rankings of the queries that are kept, of the images that are kept."""
    rows = order[kept]
    return np.asarray(rows[kept[rows]].reshape(len(rows), -1))


def _mean_ap(rankings: list[np.ndarray], images: int, k: int) -> np.ndarray:
    """Return mAP [M] of rankings [Q, n] against the first, whose first k are relevant."""
    relevant = np.zeros((len(rankings[0]), images), dtype=bool)
    np.put_along_axis(relevant, rankings[0][:, :k], True, axis=1)
    steps = np.arange(1.0, k + 1)
    means = []
    for ranking in rankings[1:]:
        hits = np.take_along_axis(relevant, ranking, axis=1)
        ranks = np.nonzero(hits)[1].reshape(-1, k) + 1
        means.append(float((steps / ranks).mean()))
    return np.array(means)
