"""Rank-1 rates in galleries of other sizes than the one that was searched.

A person is easier to find among a hundred others than among a million. Each probe has one mate in
the gallery; all other crops are of other persons.
"""

from __future__ import annotations

import numpy as np
from scipy.special import gammaln

from anonbench.core.numeric.clusters import cluster_bootstrap_means
from anonbench.core.numeric.rates import Rate, clustered_rate


def hits_among(above: np.ndarray, tied: np.ndarray, others: np.ndarray, size: int) -> np.ndarray:
    """Return the chance of each probe that its mate comes first among `size` others, float64 [P].

    The others are drawn from those that were searched, without replacement, and tied crops come in
    random order: the chance is the mean of C(B - a - u, n) / C(B, n) over u = 0 … t, for n drawn of
    B others, a of them above the mate and t tied with it. Its mean over probes is unbiased for
    every gallery up to the one that was searched.

    Args:
        above: int [P], others that are more similar to the probe than its mate is.
        tied: int [P], others that are as similar.
        others: int [P], other persons' crops that were searched, at least `size`.
        size: others in the gallery that is asked for.

    """
    below = others - above
    # hockey-stick identity: the sum of C(j, n) over j = below - tied … below
    total = _ratio(below + 1, size + 1, others, size) - _ratio(below - tied, size + 1, others, size)
    # whose mate is above all others comes first in any gallery, whatever rounding makes of it
    first = (above + tied) == 0
    return np.where(first, 1.0, np.clip(total / (tied + 1.0), 0.0, 1.0))


def rate_among(
    above: np.ndarray,
    tied: np.ndarray,
    others: np.ndarray,
    clusters: np.ndarray,
    size: int,
    confidence: float,
    resamples: int,
    *seed: object,
) -> Rate:
    """Return the rank-1 rate among so many others, with its interval.

    Up to the gallery that was searched, it is `hits_among` with `clustered_rate`'s interval. Beyond
    it, the value assumes that each doubling of the gallery takes the same factor as the last one
    did. The interval does not: for any distribution of persons, the rate falls with the size, and
    its logarithm is convex in it (a mean of powers (1 - p)^n). So it is at most the rate in the
    gallery that was searched, and at least the continuation by its slope in the upper half. The
    ends add the sampling error to these bounds, the lower one by a bootstrap of whole clusters;
    it is never above the lower end in the gallery that was searched, continued likewise. The error
    is that of probes: which others they were searched among is taken as given.

    Args:
        above: as `hits_among`.
        tied: as `hits_among`.
        others: as `hits_among`, at least 2.
        clusters: label of each probe's person [P].
        size: others in the gallery that is asked for.
        confidence: coverage of the interval, as a share within (0, 1).
        resamples: of the bootstrap.
        seed: what its draws depend on.

    """
    searched = int(others.min())
    if size <= searched:
        return clustered_rate(hits_among(above, tied, others, size), clusters, confidence)
    half = searched // 2
    columns = np.stack([hits_among(above, tied, others, n) for n in (half, searched)], axis=1)
    whole = clustered_rate(columns[:, 1], clusters, confidence)
    value = _continued(
        columns.mean(axis=0)[None], np.log(size / searched) / np.log(searched / half)
    )
    low = whole.low
    if not whole.reason:
        means = cluster_bootstrap_means(columns, clusters, resamples, "gallery", *seed)
        steps = (size - searched) / (searched - half)
        drawn = float(np.quantile(_continued(means, steps), (1.0 - confidence) / 2.0))
        # no resample shows what no probe does: a mate that is lost, or that is lost in between
        kept = _kept(columns, clusters, confidence)
        low = min(drawn, whole.low * kept**steps)
    return Rate(
        float(value[0]),
        low,
        whole.high,
        whole.n,
        whole.clusters,
        whole.effective,
        whole.reason,
    )


def _kept(columns: np.ndarray, clusters: np.ndarray, confidence: float) -> float:
    """Return the ratio of a rate in the whole gallery to that in half of it.

    Where no probe is lost in between, its lower end for so many clusters.
    """
    half, whole = columns.sum(axis=0)
    if whole < half or half == 0:
        return float(whole / half) if half else 0.0
    found = columns[:, 0] > 0
    return clustered_rate(np.ones(int(found.sum())), clusters[found], confidence).low


def _continued(means: np.ndarray, steps: float) -> np.ndarray:
    """Return the second of means [S, 2] times so many steps of its ratio to the first, [S]."""
    ratio = np.divide(means[:, 1], means[:, 0], out=np.zeros(len(means)), where=means[:, 0] > 0)
    return np.asarray(means[:, 1] * np.minimum(ratio, 1.0) ** steps)


def _ratio(items: np.ndarray, drawn: int, of: np.ndarray, taken: int) -> np.ndarray:
    """Return C(items, drawn) / C(of, taken) elementwise; 0 where items are too few."""
    enough = items >= drawn
    many = np.where(enough, items, drawn)
    logarithm = gammaln(many + 1.0) - gammaln(drawn + 1.0) - gammaln(many - drawn + 1.0)
    logarithm -= gammaln(of + 1.0) - gammaln(taken + 1.0) - gammaln(of - taken + 1.0)
    return np.where(enough, np.exp(logarithm), 0.0)
