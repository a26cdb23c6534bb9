"""Correlation of two metrics over models, where rows of one method are alike.

A method that hides more lowers every metric of all its rows. Over a few methods this looks like a
correlation of the metrics; correlation within methods avoids this.
"""

import math
from dataclasses import dataclass
from functools import reduce
from itertools import permutations

import numpy as np

from anonbench.core.numeric.seeding import rng

MIN_FREE = 8  # least number of rows, besides one for each method, for an interval
_EXACT = 1 << 17  # permutations that are all computed; of more, a sample is drawn
_ROUNDING = 1e-9


@dataclass(frozen=True)
class GroupedCorrelation:
    """Correlation of models within methods, with rows independent given it; NaN: undefined."""

    coefficient: float
    low: float
    high: float
    p: float  # two-sided, by permutation of the rows within each method
    p_models: float
    """Two-sided, by permuting models alike in all methods: it also holds where a model is better
    than another in every method. NaN unless each method has the same models once."""
    rows: int
    methods: int
    reason: str = ""  # why there is no interval, or no coefficient


def within_methods(
    x: np.ndarray,
    y: np.ndarray,
    methods: np.ndarray,
    models: np.ndarray,
    confidence: float,
    resamples: int,
    *seed: object,
) -> GroupedCorrelation:
    """Correlation of two metrics, float [R], within methods.

    Pearson's coefficient of the deviations from each method's means. The interval is Fisher's
    (1924, Metron 3:329-332), with one row less for each further method. The p-values are exact
    where permutations are few, else (hits + 1) / (resamples + 1) with permutations that depend on
    `seed` (Phipson and Smyth 2010, Stat. Appl. Genet. Mol. Biol. 9:39).
    """
    nan = float("nan")
    groups = np.unique(methods, return_inverse=True)[1] if len(methods) else np.zeros(0, int)
    count = len(np.unique(groups))
    dx, dy = centred(x, groups), centred(y, groups)
    scale = float(np.sqrt(np.square(dx).sum() * np.square(dy).sum()))
    if scale <= _ROUNDING * max(1.0, float(np.abs(x).max(initial=0.0) * np.abs(y).max(initial=0))):
        reason = "a metric is the same for all models of each method"
        return GroupedCorrelation(nan, nan, nan, nan, nan, len(x), count, reason)
    coefficient = float(np.clip((dx * dy).sum() / scale, -1.0, 1.0))
    p = _p_within(dx, dy, groups, resamples, *seed)
    p_models = _p_models(dx, dy, groups, models, resamples, *seed)
    free = len(x) - count
    if free < MIN_FREE:
        reason = f"{len(x)} rows of {count} methods, and at least {count + MIN_FREE} are needed"
        return GroupedCorrelation(coefficient, nan, nan, p, p_models, len(x), count, reason)
    from scipy.special import ndtri  # imported here: most jobs start without it

    # a partial correlation given g - 1 contrasts: R - (g - 1) - 3
    half = float(ndtri((1.0 + confidence) / 2.0)) * (1.0 / math.sqrt(free - 2))
    centre = float(np.arctanh(np.clip(coefficient, -1.0 + 1e-12, 1.0 - 1e-12)))
    low, high = math.tanh(centre - half), math.tanh(centre + half)
    return GroupedCorrelation(coefficient, low, high, p, p_models, len(x), count)


def centred(values: np.ndarray, groups: np.ndarray) -> np.ndarray:
    """Values [R] less the mean of their group, by its number [R] from 0 on."""
    means = np.bincount(groups, weights=values) / np.bincount(groups)
    return np.asarray(values - means[groups])


def _p_within(
    dx: np.ndarray, dy: np.ndarray, groups: np.ndarray, resamples: int, *seed: object
) -> float:
    """Share of permutations within groups that correlate at least as much."""
    parts = [(dx[groups == group], dy[groups == group]) for group in np.unique(groups)]
    observed = float((dx * dy).sum())
    if math.prod(math.factorial(len(x)) for x, _ in parts) <= _EXACT:
        products = [_permutations(y) @ x for x, y in parts]
        sums = reduce(lambda a, b: np.add.outer(a, b).ravel(), products)
        return _share(sums, observed, exact=True)
    generator = rng("within methods", *seed)
    drawn = np.zeros(resamples)
    for x, y in parts:
        drawn += generator.permuted(np.tile(y, (resamples, 1)), axis=1) @ x
    return _share(drawn, observed, exact=False)


def _p_models(
    dx: np.ndarray,
    dy: np.ndarray,
    groups: np.ndarray,
    models: np.ndarray,
    resamples: int,
    *seed: object,
) -> float:
    """Share of permutations of models that correlate at least as much; else NaN."""
    columns = np.unique(models, return_inverse=True)[1]
    shape = (int(groups.max()) + 1, int(columns.max()) + 1)
    cells = groups * shape[1] + columns
    order = np.argsort(cells)
    if not np.array_equal(cells[order], np.arange(shape[0] * shape[1])):
        return float("nan")
    # products[u, v] sums, over methods, x of model u times y of model v
    products = dx[order].reshape(shape).T @ dy[order].reshape(shape)
    own = np.arange(shape[1])
    if exact := math.factorial(shape[1]) <= _EXACT:
        orders = _permutations(own)
    else:
        orders = rng("models", *seed).permuted(np.tile(own, (resamples, 1)), axis=1)
    return _share(products[own, orders].sum(axis=1), float(np.trace(products)), exact)


def _permutations(values: np.ndarray) -> np.ndarray:
    """All orders [n!, n] of values [n]."""
    return values[np.array(list(permutations(range(len(values)))), dtype=np.int64)]


def _share(sums: np.ndarray, observed: float, exact: bool) -> float:
    """Share of sums that are at least as far from 0, the observed one among them."""
    bound = abs(observed) - _ROUNDING * max(float(np.abs(sums).max()), abs(observed))
    hits = int((np.abs(sums) >= bound).sum())
    return hits / len(sums) if exact else (hits + 1) / (len(sums) + 1)
