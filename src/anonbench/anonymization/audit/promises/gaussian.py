"""Gaussian blur of a region whose borders are mirrors, from the sums that define it."""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np

from anonbench.core.numeric.compiled import compiled_sums

OFF = 0.006
"""Grey levels that `blurred` and the method may be off by, together: 0.0022 by polynomials, 0.0034
by a kernel that ends at 4.5 times sigma. What is nearer to a half may be rounded either way."""
_MEAN = 2.0
"""Sigma over a line's length, of Gaussians that leave its mean."""


def blurred(original: np.ndarray, sigma: float) -> np.ndarray:
    """Return float32 [c, h, w]: the blur of uint8 [c, h, w]; of one row, where all are alike.

    What a wide Gaussian leaves is smooth: then only pixels a fifth of sigma apart are computed,
    from two before a line to three behind it. Lagrange's polynomial through three of them on each
    side gives the others. A Gaussian leaves a sixth derivative of at most 3410 / sigma^6 grey
    levels: so this is off by 0.0011 along each axis.

    A very wide one leaves the mean, but for 510 sum(exp(-(pi k sigma / length)^2 / 2)) grey levels:
    0.000002.
    """
    down, across = (_step(length, sigma) for length in original.shape[1:])
    shares = _polynomials(max(down, 1)), _polynomials(max(across, 1))
    return np.asarray(_blurred(original, gaussian(sigma), down, across, *shares))


@lru_cache(maxsize=256)
def gaussian(sigma: float) -> np.ndarray:
    """Return the Gaussian's weights as far as six times sigma, float32 [2r + 1], of sum 1."""
    reach = math.ceil(6 * sigma)
    weights = np.exp(-0.5 * (np.arange(-reach, reach + 1) / sigma) ** 2)
    return np.asarray(weights / weights.sum(), np.float32)


def _step(length: int, sigma: float) -> int:
    """Return how far the pixels are apart that are computed; 0: the mean alone is."""
    return 0 if sigma >= _MEAN * length else max(1, min(int(sigma / 5), length))


@lru_cache(maxsize=256)
def _polynomials(step: int) -> np.ndarray:
    """Return the shares of six pixels `step` apart in those behind the third, float32 [step, 6]."""
    places, t = range(-2, 4), np.arange(step) / step
    shares = [
        np.prod([(t - other) / (place - other) for other in places if other != place], axis=0)
        for place in places
    ]
    return np.array(shares, np.float32).T.copy()


@compiled_sums
def _blurred(original, weights, down, across, shares_down, shares_across):  # type: ignore[no-untyped-def]
    """See `blurred`; with `_step` of both axes and the `_polynomials` of these."""
    channels, height, width = original.shape
    result = np.empty((channels, height if down else 1, width), np.float32)
    rows, columns = _weights(weights, height, down), _weights(weights, width, across)
    line = np.empty(width, np.float32)
    for c in range(channels):
        few = np.zeros((rows.shape[0], width), np.float32)
        for y in range(height):
            for x in range(width):
                line[x] = original[c, y, x]
            for i in range(rows.shape[0]):
                share, total = rows[i, y], few[i]
                for x in range(width):
                    total[x] += share * line[x]
        wide = _products(columns, few)
        if across:
            wide = _between(wide, shares_across, width)
        turned = np.empty((wide.shape[1], width), np.float32)
        for y in range(turned.shape[0]):
            for x in range(width):
                turned[y, x] = wide[x if across else 0, y]
        if down:
            turned = _between(turned, shares_down, height)
        for y in range(result.shape[1]):
            for x in range(width):
                result[c, y, x] = turned[y, x]
    return result


@compiled_sums
def _weights(weights, length, step):  # type: ignore[no-untyped-def]
    """Return the share of each pixel of a line in its sums, float32 [n, length].

    A pixel has images in the mirrors at both ends, which come again with twice the length.

    Args:
        weights: float32 [2r + 1], even.
        length: of the line.
        step: `_step`.

    """
    count = -(-length // step) + 5 if step else 1
    shares = np.empty((count, length), np.float32)
    if step == 0:
        for x in range(length):
            shares[0, x] = 1.0 / length
        return shares
    period = 2 * length
    share = np.zeros(2 * period, np.float32)
    place = period - (weights.size // 2) % period
    for i in range(weights.size):
        share[place % period] += weights[i]
        share[place % period + period] += weights[i]
        place += 1
    for i in range(count):
        middle = ((i - 2) * step) % period
        itself, image = share[period - middle :], share[middle + 1 :]
        for x in range(length):
            shares[i, x] = itself[x] + image[x]
    return shares


@compiled_sums
def _products(one, other):  # type: ignore[no-untyped-def]
    """Return float32 [n, m]: sums of products, of float32 [n, length] and [m, length]."""
    products = np.empty((one.shape[0], other.shape[0]), np.float32)
    for i in range(one.shape[0]):
        for j in range(other.shape[0]):
            left, right, total = one[i], other[j], np.float32(0.0)
            for x in range(left.size):
                total += left[x] * right[x]
            products[i, j] = total
    return products


@compiled_sums
def _between(sums, shares, length):  # type: ignore[no-untyped-def]
    """Return float32 [length, n]: what lies between sums, float32 [m, n], by `_polynomials`."""
    values = np.zeros((length, sums.shape[1]), np.float32)
    step = shares.shape[0]
    for place in range(length):
        value, first = values[place], place // step
        for i in range(6):
            share, line = shares[place - first * step, i], sums[first + i]
            for x in range(line.size):
                value[x] += share * line[x]
    return values
