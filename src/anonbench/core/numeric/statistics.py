"""Intervals and coefficients: vectorized, seeded, NaN where a value is undefined."""

import math
from statistics import NormalDist

import numpy as np

from anonbench.core.numeric.seeding import rng

DRAWS = 1 << 20  # draws in memory at once while resampling: 8 MB


def bootstrap_means(values: np.ndarray, resamples: int, *seed: object) -> np.ndarray:
    """Means [resamples, M] of rows drawn with replacement from values [N, M], without NaN.

    All columns share the draws, which depend on `seed` and N alone.
    """
    generator = rng("bootstrap", *seed)
    count = len(values)
    columns = np.ascontiguousarray(values.T, dtype=np.float64)
    defined = ~np.isnan(columns)
    columns = np.where(defined, columns, 0.0)
    masks = None if defined.all() else defined.astype(np.float64)
    means = np.empty((resamples, len(columns)))
    step = max(1, DRAWS // max(count, 1))
    for start in range(0, resamples, step):
        size = min(step, resamples - start)
        times = np.empty((size, count))
        for row in times:
            row[:] = np.bincount(generator.integers(count, size=count), minlength=count)
        totals = weighted_sums(times, columns)
        counts = np.float64(count) if masks is None else weighted_sums(times, masks)
        with np.errstate(invalid="ignore"):
            means[start : start + size] = totals / counts
    return means


def weighted_sums(times: np.ndarray, columns: np.ndarray) -> np.ndarray:
    """Sums [S, M] of columns [M, N], each value weighted by times [S, N]."""
    # not by BLAS, whose last bit depends on its threads and on the other columns
    return np.stack([np.einsum("sn,n->s", times, column) for column in columns], axis=1)


def interval(samples: np.ndarray, confidence: float) -> tuple[float, float]:
    """Percentile interval of samples [S]; NaN are left out, NaN where none is left."""
    defined = samples[~np.isnan(samples)]
    if not len(defined):
        return float("nan"), float("nan")
    tail = (1.0 - confidence) / 2.0
    low, high = np.quantile(defined, [tail, 1.0 - tail])
    return float(low), float(high)


def wilson(correct: float, count: float, confidence: float) -> tuple[float, float]:
    """Wilson's score interval of the share correct / count (Wilson 1927)."""
    if confidence <= 0.0:
        return correct / count, correct / count
    if confidence >= 1.0:
        return 0.0, 1.0
    z = NormalDist().inv_cdf((1.0 + confidence) / 2.0)
    share, spread = correct / count, z * z / count
    centre = (share + spread / 2.0) / (1.0 + spread)
    half = z / (1.0 + spread) * np.sqrt(share * (1.0 - share) / count + spread / count / 4.0)
    # at the ends the bound is exact in spite of rounding
    low = 0.0 if correct == 0 else float(centre - half)
    high = 1.0 if correct == count else float(centre + half)
    return low, high


def with_width(
    value: float, low: float, high: float, images: float, confidence: float
) -> tuple[float, float]:
    """Interval of a mean of shares, also where all of its images are alike.

    Then a bootstrap has no width, and Wilson's is wider than any interval of such a mean.
    """
    alike = images > 0 and high - low < 1e-12
    return wilson(images * value, images, confidence) if alike else (low, high)


def fewest_trials(limit: float, confidence: float) -> int:
    """Fewest trials, none successful, whose Wilson interval ends within a limit (a share)."""
    z = NormalDist().inv_cdf((1.0 + confidence) / 2.0)
    return max(1, math.ceil(z * z * (1.0 - limit) / limit))


def standard_error(values: np.ndarray) -> float:
    """Standard error s / √n of a mean of values [n]; NaN for fewer than two."""
    return float(values.std(ddof=1) / np.sqrt(len(values))) if len(values) > 1 else math.nan


def holm(p: np.ndarray) -> np.ndarray:
    """P-values [m] adjusted for m tests (Holm 1979, Scand. J. Statist. 6:65-70).

    The i-th smallest becomes the largest of (m + 1 - j) p_j over j ≤ i, at most 1. NaN: no tests.
    """
    adjusted = np.full(p.shape, np.nan)
    tests = np.flatnonzero(~np.isnan(p))
    order = tests[np.argsort(p[tests], kind="stable")]
    times = np.arange(len(order), 0, -1)
    adjusted[order] = np.minimum(np.maximum.accumulate(times * p[order]), 1.0)
    return adjusted


def varies(values: np.ndarray) -> np.ndarray:
    """Whether series vary along the last axis by more than means rounded in another order do."""
    return np.asarray(np.ptp(values, axis=-1) > 1e-12 * np.abs(values).max(axis=-1))


def pearson(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Pearson's coefficient along the last axis; NaN where a series is constant."""
    if x.shape[-1] < 2:
        return np.full(x.shape[:-1], np.nan)
    dx = x - x.mean(axis=-1, keepdims=True)
    dy = y - y.mean(axis=-1, keepdims=True)
    varied = varies(x) & varies(y)
    scale = np.sqrt((dx * dx).sum(axis=-1) * (dy * dy).sum(axis=-1))
    varied &= scale > 0
    value = (dx * dy).sum(axis=-1) / np.where(varied, scale, 1.0)
    return np.where(varied, np.clip(value, -1.0, 1.0), np.nan)


def spearman(x: np.ndarray, y: np.ndarray) -> float:
    """Spearman's rank correlation of two series [N]; NaN where one is constant."""
    import pandas as pd  # imported here: some commands start without it

    return float(pearson(*(pd.Series(series).rank().to_numpy() for series in (x, y))))


def bootstrap_pearson(x: np.ndarray, y: np.ndarray, resamples: int, *seed: object) -> np.ndarray:
    """Pearson's coefficient [resamples] of rows drawn with replacement from x, y [N].

    The draws depend on `seed` and N alone. NaN where a resample is constant.
    """
    draws = rng("bootstrap", *seed).integers(len(x), size=(resamples, len(x)))
    return pearson(x[draws], y[draws])
