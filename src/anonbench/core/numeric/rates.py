"""Rates of dependent hits: effective number of probes, Wilson intervals."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from anonbench.core.numeric.clusters import Estimate, effective_clusters, t_estimate, too_few
from anonbench.core.numeric.statistics import wilson

_PSEUDO = 0.5
"""Clusters of each extreme, all hits and no hits, that are added before a design effect is
estimated."""


@dataclass(frozen=True)
class Rate(Estimate):
    """A share of `n` hits with its interval; it has no degrees of freedom.

    The standard error is √(p (1 - p) / n) for the effective number of probes.
    """

    effective: float = 0.0
    """Effective number of probes: as many independent ones would be as informative."""


def extreme_design_effect(values: np.ndarray, codes: np.ndarray, low: float, high: float) -> float:
    """Return the design effect of values between two extremes, also where all are the same.

    A plain estimate is 0 / 0 where all probes or none are hits, and too small near there, because a
    few hits cannot show that they come in clusters. So half a cluster at either extreme is added
    before the estimate, as half a count is added to an empty cell. Where all values are the same,
    each cluster then counts as one value. The effect is at least 1, and at most that of clusters
    within which all is alike, Σ n_g² / n (Korn and Graubard 1998, Survey Methodology 24:193-201,
    for the use of n / effect with a binomial interval).

    Args:
        values: float [N], at least one.
        codes: number of each value's cluster [N], from 0 on.
        low: the least value that is possible.
        high: the greatest value that is possible.

    """
    sizes = np.bincount(codes)
    alike = float(np.square(sizes).sum() / len(values))
    if len(sizes) < 2:
        return alike
    # an added cluster has the size of the cluster of a value drawn at random
    added = _PSEUDO * alike
    mean = (values.sum() + added * (low + high)) / (len(values) + 2 * added)
    totals = np.bincount(codes, weights=values - mean)
    ends = (low - mean) ** 2 + (high - mean) ** 2
    between = np.square(totals).sum() + added * alike * ends
    single = np.square(values - mean).sum() + added * ends
    small = len(sizes) / (len(sizes) - 1)
    return float(np.clip(small * between / single, 1.0, alike))


def clustered_rate(hits: np.ndarray, clusters: np.ndarray, confidence: float) -> Rate:
    """Return the share of hits and Wilson's interval for the effective number of probes.

    Args:
        hits: float [N] within [0, 1], fractions for ties; NaN where undefined: those are left out.
        clusters: label of each probe's cluster [N], for example its person.
        confidence: coverage of the interval, as a share.

    """
    kept = ~np.isnan(hits)
    hits = hits[kept]
    nan = math.nan  # the same object each time: equal rates are equal
    if not len(hits):
        return Rate(nan, nan, nan, nan, nan, 0, 0, too_few(0))
    codes = np.unique(clusters[kept], return_inverse=True)[1]
    groups, value = int(codes.max()) + 1, float(hits.mean())
    effective = len(hits) / extreme_design_effect(hits, codes, 0.0, 1.0)
    if reason := too_few(groups):
        return Rate(value, nan, nan, nan, nan, len(hits), groups, reason, effective)
    low, high = wilson(value * effective, effective, confidence)
    # where all or none are hits, the product above may round
    low, high = (0.0 if value == 0 else low), (1.0 if value == 1 else high)
    se = math.sqrt(value * (1.0 - value) / effective)
    return Rate(value, se, nan, low, high, len(hits), groups, "", effective)


def paired_rate_difference(
    a: np.ndarray, b: np.ndarray, clusters: np.ndarray, confidence: float
) -> Estimate:
    """Return the difference of two shares of hits over the same probes, with its t interval.

    The standard error is Wald's of paired shares with a half added to each cell of the 2 × 2 table,
    which keeps its coverage where few probes differ, also where none does (Agresti and Min 2005,
    Stat. Med. 24:729-740), for the effective number of probes (`extreme_design_effect`).

    Args:
        a: float [N] within [0, 1], NaN where a probe has none: those are left out.
        b: float [N] of the same probes.
        clusters: label of each probe's cluster [N].
        confidence: coverage of the interval, as a share within (0, 1).

    Returns:
        Share of a less that of b; the interval ends within [-1, 1].

    """
    kept = ~(np.isnan(a) | np.isnan(b))
    differences = a[kept] - b[kept]
    if not len(differences):
        return t_estimate(float("nan"), float("nan"), 0.0, confidence, 0, 0)
    codes = np.unique(clusters[kept], return_inverse=True)[1]
    sizes = np.bincount(codes)
    effect = extreme_design_effect(differences, codes, -1.0, 1.0)
    probes = len(differences) / effect + 2.0
    differing = float(np.square(differences).sum()) / effect + 1.0
    shift = float(differences.sum()) / effect
    variance = (differing - shift**2 / probes) / probes**2
    df = effective_clusters(sizes) - 1.0
    value = float(differences.mean())
    wide = t_estimate(value, variance, df, confidence, len(differences), len(sizes))
    low, high = np.clip([wide.low, wide.high], -1.0, 1.0)
    return replace(wide, low=float(low), high=float(high))
