"""Means and rates of dependent values: cluster-robust standard errors, intervals, bootstrap.

Photographs of one person, or pages of one form, are alike: a cluster is a set of values that depend
on each other. Intervals are valid for new clusters of the same kind, for example new persons.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from anonbench.core.numeric.seeding import rng
from anonbench.core.numeric.statistics import bootstrap_means, weighted_sums, wilson
from anonbench.core.wording import count

MIN_CLUSTERS = 8
"""Least number of clusters for an interval: below it, their spread is too uncertain."""
DRAWS = 1 << 20  # counts in memory at once while resampling: 8 MB
_ROUNDING = 1e-12  # scores are of order one: a smaller standard error is rounding
_PSEUDO = 0.5  # clusters of each extreme that are added before a design effect is estimated


@dataclass(frozen=True)
class Estimate:
    """A mean or a difference of means with a t interval; NaN where there is none.

    `se`, `df`, `low` and `high` are NaN where `reason` says why there is no interval.
    """

    value: float
    se: float
    df: float  # degrees of freedom: the effective number of clusters less one
    low: float
    high: float
    n: int  # number of values that count, such as queries or images
    clusters: int
    reason: str = ""

    def p_above(self, bound: float) -> float:
        """One-sided p-value of the hypothesis that the true value is at most `bound`.

        NaN without an interval. Without spread (`se` = 0) it is 0 above the bound and 1 elsewhere.
        """
        from scipy.special import stdtr  # imported here: most commands start without it

        if self.se == 0.0:
            return float(self.value <= bound)
        return float(stdtr(self.df, (bound - self.value) / self.se))

    def p_below(self, bound: float) -> float:
        """P-value of a true value of at least `bound`: the mirror image of `p_above`."""
        return replace(self, value=-self.value).p_above(-bound)

    def p_different(self) -> float:
        """Two-sided p-value of the hypothesis that the true value is 0."""
        return min(2.0 * min(self.p_above(0.0), self.p_below(0.0)), 1.0)


def joined(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Number [N] of each row's component; rows with equal numbers in either array are linked."""
    from scipy.sparse import coo_array  # imported here: most commands start without it
    from scipy.sparse.csgraph import connected_components

    first, second = (np.unique(each, return_inverse=True)[1] for each in (one, other))
    second += first.max() + 1
    size = second.max() + 1
    links = coo_array((np.ones(len(one)), (first, second)), shape=(size, size))
    labels: np.ndarray = connected_components(links, directed=False)[1]
    return labels[first]


def t_estimate(
    value: float, variance: float, df: float, confidence: float, n: int, clusters: int
) -> Estimate:
    """Interval value ± t · √variance, or the reason why there is none.

    The sampling variance is NaN where it is not defined; df need not be whole; `n` values count, in
    as many independent `clusters`.
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
    return f"{count(clusters, 'cluster')}, and at least {MIN_CLUSTERS} are needed for an interval"


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
    """Mean of values and its cluster-robust t interval.

    The variance is the jackknife's over clusters (CV3 in MacKinnon, Nielsen and Webb 2023, J.
    Econometrics 232:272-299): (G - 1) / G · Σ_g (e_g / (n - n_g))², where e_g sums the deviations
    of cluster g from the mean; for single values it is s² / n. The degrees of freedom are those of
    the effective number of clusters (Carter, Schnepel and Steigerwald 2017, Rev. Econ. Stat.
    99:698-709), which is G for equal sizes. Values are float [N], NaN where undefined, in
    `clusters` [N]; the interval ends at the `least` and `most` that a value can be.
    """
    values, codes, sizes = _defined(values, clusters)
    mean = float(values.mean()) if len(values) else float("nan")
    variance = _jackknife_variance(values - mean, codes, sizes)
    return _clipped(mean, variance, sizes, confidence, least, most)


def cluster_draws(groups: int, resamples: int, *seed: object) -> Iterator[np.ndarray]:
    """Yield how often each of G clusters is drawn in each resample, float64 [S, G].

    Draws are with replacement, and depend only on `seed` and G; S rows are in memory at a time.
    """
    generator = rng("clusters", *seed)
    shares = np.full(groups, 1.0 / groups)
    step = max(1, DRAWS // groups)
    for start in range(0, resamples, step):
        size = min(step, resamples - start)
        yield generator.multinomial(groups, shares, size=size).astype(np.float64)


def clustered_draws(
    values: np.ndarray, clusters: np.ndarray, resamples: int, *seed: object
) -> np.ndarray:
    """Means [resamples, M] of values [N, M], without NaN, of clusters [N] that are drawn whole.

    Draws are with replacement. If each value is a cluster, they are those of `bootstrap_means`.
    """
    first, codes = np.unique(clusters, return_index=True, return_inverse=True)[1:]
    codes = np.argsort(np.argsort(first))[codes]  # in the order of the values
    defined = ~np.isnan(values)
    totals = np.zeros((len(first), 2 * values.shape[1]))
    np.add.at(totals, codes, np.hstack([np.where(defined, values, 0.0), defined]))
    sums, counts = np.split(bootstrap_means(totals, resamples, *seed), 2, axis=1)
    with np.errstate(invalid="ignore"):
        return np.asarray(sums / counts)


def cluster_totals(values: np.ndarray, clusters: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Sums [G, M] and sizes [G] of the clusters of values [N, M], by label."""
    codes = np.unique(clusters, return_inverse=True)[1]
    sums = [np.bincount(codes, weights=column) for column in values.T]
    return np.stack(sums, axis=1), np.bincount(codes).astype(np.float64)


def weighted_means(times: np.ndarray, totals: np.ndarray, sizes: np.ndarray) -> np.ndarray:
    """Means [S, M] of clusters of totals [G, M] and sizes [G], weighted by times [S, G], or NaN."""
    sums = weighted_sums(times, np.ascontiguousarray(totals.T))
    counts = weighted_sums(times, sizes[None])
    return np.asarray(sums / np.where(counts > 0, counts, np.nan))


def _clipped(
    value: float, variance: float, sizes: np.ndarray, confidence: float, least: float, most: float
) -> Estimate:
    df = effective_clusters(sizes) - 1.0
    found = t_estimate(value, variance, df, confidence, int(sizes.sum()), len(sizes))
    low, high = np.clip([found.low, found.high], least, most).tolist()
    return replace(found, low=low, high=high)


def _defined(values: np.ndarray, clusters: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Values that are defined [n], the number of each one's cluster [n], sizes of clusters [G]."""
    kept = ~np.isnan(values)
    codes = np.unique(clusters[kept], return_inverse=True)[1]
    return values[kept], codes, np.bincount(codes)


def _jackknife_variance(deviations: np.ndarray, codes: np.ndarray, sizes: np.ndarray) -> float:
    groups = len(sizes)
    if groups < 2:
        return float("nan")
    shifts = np.bincount(codes, weights=deviations) / (len(deviations) - sizes)
    return float((groups - 1) / groups * np.square(shifts).sum())


@dataclass(frozen=True)
class Rate(Estimate):
    """A share of `n` hits with its interval; it has no degrees of freedom.

    The standard error is √(p (1 - p) / n) for the effective number of probes.
    """

    effective: float = 0.0
    """Effective number of probes: as many independent ones would be as informative."""


def extreme_design_effect(values: np.ndarray, codes: np.ndarray, low: float, high: float) -> float:
    """Design effect of values between two extremes, also where all are the same.

    A plain estimate is 0 / 0 where all probes or none are hits, and too small near there. So half a
    cluster at either extreme is added before the estimate, as half a count is added to an empty
    cell. The effect is at least 1, and at most that of clusters within which all is alike,
    Σ n_g² / n (Korn and Graubard 1998, Survey Methodology 24:193-201, for the use of n / effect
    with a binomial interval). Values are float [N], at least one, in clusters numbered `codes` [N].
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
    """Share of hits and Wilson's interval for the effective number of probes.

    Hits are float [N] within [0, 1], fractions for ties, NaN where undefined; `clusters` [N] label
    each probe's cluster, for example its person.
    """
    hits, codes, sizes = _defined(hits, clusters)
    nan = math.nan  # the same object each time: equal rates are equal
    if not len(hits):
        return Rate(nan, nan, nan, nan, nan, 0, 0, too_few(0))
    groups, value = len(sizes), float(hits.mean())
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
    """Difference of two shares of hits over the same probes, a less b, with its t interval.

    The standard error is Wald's of paired shares with a half added to each cell of the 2 × 2 table,
    which keeps its coverage where few probes differ, also where none does (Agresti and Min 2005,
    Stat. Med. 24:729-740), for the effective number of probes (`extreme_design_effect`). Hits are
    float [N] within [0, 1], NaN where a probe has none, in `clusters` [N].
    """
    differences, codes, sizes = _defined(a - b, clusters)
    if not len(differences):
        return _clipped(float("nan"), float("nan"), sizes, confidence, -1.0, 1.0)
    effect = extreme_design_effect(differences, codes, -1.0, 1.0)
    probes = len(differences) / effect + 2.0
    differing = float(np.square(differences).sum()) / effect + 1.0
    shift = float(differences.sum()) / effect
    variance = (differing - shift**2 / probes) / probes**2
    return _clipped(float(differences.mean()), variance, sizes, confidence, -1.0, 1.0)
