"""Tests of two systems that answered the same queries, and intervals of their difference."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.stats import binomtest, ttest_rel

from anonbench.core.numeric.statistics import normal_interval

# scores are of order one: differences that vary less than this are rounding
_SAME = 1e-12


@dataclass(frozen=True)
class Paired:
    """The difference of two means over the same n queries or images."""

    difference: float
    low: float
    high: float
    p: float
    """Two-sided."""
    n: int


def paired_t(a: np.ndarray, b: np.ndarray, confidence: float) -> Paired:
    """Compare scores of the same queries by Student's paired t test.

    On retrieval metrics it agrees closely with the randomization test, which assumes less, and is
    exact arithmetic where that needs draws (Smucker, Allan, Carterette 2007, CIKM).

    Where all differences are the same there is nothing to estimate a variance from: a difference of
    zero has p = 1, any other p = 0, and the interval is the difference itself.

    Args:
        a: scores [n] of order one, NaN where a query has none: those queries are left out.
        b: scores [n] of the same queries.
        confidence: coverage of the interval, as a share.

    Returns:
        Mean of a - b; interval and p are NaN for fewer than two queries.

    """
    both = ~(np.isnan(a) | np.isnan(b))
    a, b = a[both], b[both]
    nan = float("nan")
    if not len(a):
        return Paired(nan, nan, nan, nan, 0)
    differences = a - b
    difference = float(differences.mean())
    if len(a) < 2:
        return Paired(difference, nan, nan, nan, len(a))
    if np.ptp(differences) <= _SAME:
        same = abs(difference) <= _SAME
        return Paired(difference, difference, difference, 1.0 if same else 0.0, len(a))
    result = ttest_rel(a, b)
    low, high = result.confidence_interval(confidence)
    return Paired(difference, float(low), float(high), float(result.pvalue), len(a))


def mcnemar(a: np.ndarray, b: np.ndarray, confidence: float) -> Paired:
    """Compare which images two classifiers get right by McNemar's exact test.

    The test is binomial, on the images that one of them alone gets right (McNemar 1947,
    Psychometrika 12:153-157); p = 1 where there are none. The interval is Wald's with a half added
    to each cell of the 2 × 2 table, which keeps its coverage where few images differ (Agresti and
    Min 2005, Stat. Med. 24:729-740).

    Args:
        a: 1 where an image is classified correctly, 0 where not, NaN where it was not classified
            (left out) [n].
        b: the same images, by the other classifier [n].
        confidence: coverage of the interval, as a share.

    Returns:
        Accuracy of a less that of b; all is NaN without an image.

    """
    n = int((~(np.isnan(a) | np.isnan(b))).sum())
    if not n:
        nan = float("nan")
        return Paired(nan, nan, nan, nan, 0)
    only_a, only_b = int((a > b).sum()), int((b > a).sum())
    differing = only_a + only_b
    p = float(binomtest(only_a, differing, 0.5).pvalue) if differing else 1.0
    shift = only_a - only_b
    se = float(np.sqrt(differing + 1 - shift**2 / (n + 2))) / (n + 2)
    ends = np.clip(normal_interval(shift / (n + 2), se, confidence), -1.0, 1.0)
    # half an image more in each cell must not push the difference itself out of its interval
    low, high = min(float(ends[0]), shift / n), max(float(ends[1]), shift / n)
    return Paired(shift / n, low, high, p, n)
