"""Means of dependent values: cluster-robust standard errors, t intervals, cluster bootstrap.

Photographs of one person, or pages of one form, are alike: a cluster is a set of values that depend
on each other. Only clusters are taken to be independent. Intervals are valid for new clusters of
the same kind, for example new persons.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from anonbench.core.numeric.seeding import rng

MIN_CLUSTERS = 8
"""Least number of clusters for an interval: below it, their spread is too uncertain."""

# counts in memory at once while resampling: 8 MB
_DRAWS = 1 << 20
# scores are of order one: a smaller standard error is rounding
_ROUNDING = 1e-12


@dataclass(frozen=True)
class Estimate:
    """A mean or a difference of means with a t interval; NaN where there is none.

    `se`, `df`, `low` and `high` are NaN where `reason` says why there is no interval.
    """

    value: float
    se: float
    df: float
    """Degrees of freedom: the effective number of clusters less one."""
    low: float
    high: float
    n: int
    """Number of values that count, such as queries or images."""
    clusters: int
    reason: str = ""

    def p_above(self, bound: float) -> float:
        """Return the one-sided p-value of the hypothesis that the true value is at most `bound`.

        NaN without an interval. Without spread (`se` = 0) it is 0 above the bound and 1 elsewhere.
        """
        from scipy.special import stdtr  # imported here: most commands start without it

        if self.se == 0.0:
            return float(self.value <= bound)
        return float(stdtr(self.df, (bound - self.value) / self.se))

    def p_below(self, bound: float) -> float:
        """Return the one-sided p-value of the hypothesis that the true value is at least `bound`.

        The mirror image of `p_above`.
        """
        from scipy.special import stdtr

        if self.se == 0.0:
            return float(self.value >= bound)
        return float(stdtr(self.df, (self.value - bound) / self.se))

    def p_different(self) -> float:
        """Return the two-sided p-value of the hypothesis that the true value is 0."""
        return min(2.0 * min(self.p_above(0.0), self.p_below(0.0)), 1.0)


def t_estimate(
    value: float, variance: float, df: float, confidence: float, n: int, clusters: int
) -> Estimate:
    """Return value ± t · √variance, or the reason why there is no interval.

    Args:
        value: mean or difference.
        variance: its sampling variance; NaN where it is not defined.
        df: degrees of freedom of the variance; need not be whole.
        confidence: coverage of the interval, as a share within (0, 1).
        n: values that count.
        clusters: independent clusters among them; below `MIN_CLUSTERS` there is no interval.

    """
    from scipy.special import stdtrit

    nan = float("nan")
    reason = too_few(clusters) or ("it is not defined" if np.isnan(variance) else "")
    if reason:
        return Estimate(value, nan, nan, nan, nan, n, clusters, reason)
    se = float(np.sqrt(max(variance, 0.0)))
    if se < _ROUNDING:
        return Estimate(value, 0.0, df, value, value, n, clusters)
    half = float(stdtrit(df, (1.0 + confidence) / 2.0)) * se
    return Estimate(value, se, df, value - half, value + half, n, clusters)


def too_few(clusters: int) -> str:
    """Reason why a number of clusters gives no interval; empty if they are enough."""
    if clusters >= MIN_CLUSTERS:
        return ""
    groups = "cluster" if clusters == 1 else "clusters"
    return f"{clusters} {groups}, and at least {MIN_CLUSTERS} are needed for an interval"


def effective_clusters(sizes: np.ndarray) -> float:
    """Number of equal clusters that are as informative as clusters of sizes [G].

    (Σ n_g)² / Σ n_g² (Kish 1965, Survey Sampling): G for equal sizes, about 1 where one cluster
    holds nearly everything.
    """
    return float(sizes.sum() ** 2 / np.square(sizes).sum()) if len(sizes) else 0.0


def clustered_mean(
    values: np.ndarray,
    clusters: np.ndarray,
    confidence: float,
    least: float = -np.inf,
    most: float = np.inf,
) -> Estimate:
    """Return the mean of values and its cluster-robust t interval.

    The variance is the jackknife's over clusters (CV3 in MacKinnon, Nielsen and Webb 2023,
    "Cluster-robust inference: A guide to empirical practice", J. Econometrics 232:272-299):
    (G - 1) / G · Σ_g (e_g / (n - n_g))², where e_g sums the deviations of cluster g from the mean.
    Clusters of equal size make it G / (G - 1) · Σ e_g² / n², single values s² / n. The degrees of
    freedom are those of the effective number of clusters (Carter, Schnepel and Steigerwald 2017,
    Rev. Econ. Stat. 99:698-709), which is G for equal sizes.

    Args:
        values: float [N], NaN where undefined: those are left out.
        clusters: label of each value's cluster [N], of any type that sorts.
        confidence: coverage of the interval, as a share within (0, 1).
        least, most: that a value can be; the interval ends there.

    """
    values, codes, sizes = _defined(values, clusters)
    if not len(values):
        return t_estimate(float("nan"), float("nan"), 0.0, confidence, 0, 0)
    mean = float(values.mean())
    variance = _jackknife_variance(values - mean, codes, sizes)
    df = effective_clusters(sizes) - 1.0
    found = t_estimate(mean, variance, df, confidence, len(values), len(sizes))
    low, high = np.clip([found.low, found.high], least, most).tolist()
    return replace(found, low=low, high=high)


def design_effect(values: np.ndarray, clusters: np.ndarray) -> float:
    """Return the factor by which clusters widen the variance of a mean (Kish 1965).

    It is the cluster-robust variance over that of as many independent values. n values are as
    informative as n / effect independent ones. NaN for fewer than two clusters, and for values
    without spread.

    Args:
        values: float [N], NaN where undefined.
        clusters: label of each value's cluster [N].

    """
    values, codes, sizes = _defined(values, clusters)
    if len(sizes) < 2 or np.ptp(values) < _ROUNDING:
        return float("nan")
    variance = _jackknife_variance(values - values.mean(), codes, sizes)
    return float(variance * len(values) / values.var(ddof=1))


def cluster_draws(groups: int, resamples: int, *seed: object) -> Iterator[np.ndarray]:
    """Number of draws of each cluster in each resample, float64 [S, G], S rows at a time.

    G clusters are drawn with replacement in each resample. The draws depend only on `seed` and G.
    """
    generator = rng("clusters", *seed)
    shares = np.full(groups, 1.0 / groups)
    step = max(1, _DRAWS // groups)
    for start in range(0, resamples, step):
        size = min(step, resamples - start)
        yield generator.multinomial(groups, shares, size=size).astype(np.float64)


def cluster_totals(values: np.ndarray, clusters: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the sums [G, M] and the sizes [G] of the clusters of values [N, M], by label."""
    codes = np.unique(clusters, return_inverse=True)[1]
    sums = [np.bincount(codes, weights=column) for column in values.T]
    return np.stack(sums, axis=1), np.bincount(codes).astype(np.float64)


def weighted_means(times: np.ndarray, totals: np.ndarray, sizes: np.ndarray) -> np.ndarray:
    """Return the means [S, M] of clusters with totals [G, M] and sizes [G].

    Each cluster is weighted by times [S, G]. NaN if all weights are 0.
    """
    # not by BLAS, whose last bit depends on its threads and on the other columns
    sums = [np.einsum("sg,g->s", times, column) for column in np.ascontiguousarray(totals.T)]
    counts = np.einsum("sg,g->s", times, sizes)
    counted = np.where(counts > 0, counts, np.nan)
    return np.asarray(np.stack(sums, axis=1) / counted[:, None])


def _defined(values: np.ndarray, clusters: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the values that are defined [n], the number of each one's cluster [n], sizes [G]."""
    kept = ~np.isnan(values)
    codes = np.unique(clusters[kept], return_inverse=True)[1]
    return values[kept], codes, np.bincount(codes)


def _jackknife_variance(deviations: np.ndarray, codes: np.ndarray, sizes: np.ndarray) -> float:
    """Return the variance of a mean from deviations [n] of values in clusters of sizes [G]."""
    groups = len(sizes)
    if groups < 2:
        return float("nan")
    shifts = np.bincount(codes, weights=deviations) / (len(deviations) - sizes)
    return float((groups - 1) / groups * np.square(shifts).sum())
