"""Agreement of the first results with the reference ranking's: overlap, RBO, Kendall's tau.

All functions take `places`, integers [rows, ≥ depth]: for each image found, in order, its place in
the reference ranking, from 0. An image that is not among the reference's first ones has any number
that is at least their count. Equal lists score exactly 1.
"""

from __future__ import annotations

import numpy as np


def overlap(places: np.ndarray, depth: int) -> np.ndarray:
    """Share of the reference's first `depth` images that are found by then, float64 [rows]."""
    shared = np.count_nonzero(places[:, :depth] < depth, -1)
    return np.asarray(shared, dtype=np.float64) / depth


def overlap_weights(persistence: float, depth: int, length: int) -> np.ndarray:
    """Weight of an image in rank-biased overlap, by the first depth at which both lists hold it.

    Extrapolated rank-biased overlap is linear in the images. An image that both lists hold from
    depth m on counts in the overlaps of the depths m … k, and in the extrapolation from the last
    depth (Webber, Moffat and Zobel 2010, equation 30 with X_k / k beyond depth k = `depth`):
    RBO = X_k / k · p^k + (1 - p) / p · Σ_d X_d / d · p^d.

    Args:
        persistence: p.
        depth: k, to which both lists are compared.
        length: of the result, more than `depth`: weights from place `depth` on are 0.

    Returns:
        float64 [length].

    """
    depths = np.arange(1, depth + 1)
    terms = persistence**depths / depths
    weights = np.zeros(length)
    weights[:depth] = np.cumsum(terms[::-1])[::-1] * (1 - persistence) / persistence + terms[-1]
    return weights


def rank_biased_overlap(places: np.ndarray, steps: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Return extrapolated rank-biased overlap, float64 [rows].

    Args:
        places: see the module's docstring, [rows, depth].
        steps: 0 … depth - 1, of the places' type.
        weights: of `overlap_weights`, at least as long as the largest place.

    """
    # both lists hold an image from the larger of its two places on
    found = weights.take(np.maximum(places, steps)).sum(-1)
    # the sum over equal lists is 1 up to rounding, which is removed
    return np.asarray(found / weights[: len(steps)][None].sum(-1))


def kendall_tau(places: np.ndarray, steps: np.ndarray, top: int) -> np.ndarray:
    """Return Kendall's tau of two lists of `top` images that need not hold the same.

    Fagin, Kumar and Sivakumar 2003, "Comparing top k lists", K^(p) with p = 1/2. A pair that the
    lists order differently costs 1, a pair whose order only one list knows costs 1/2. An image
    outside a list ranks behind all images in it. The cost K is scaled to 1 - 2 K / K_max: 1 for
    equal lists, -1 for lists without a common image (reversed lists of 10 have 0.38).

    Returns:
        float64 [rows].

    """
    head = np.asarray(places[:, :top], dtype=np.int64)
    shared = head < top
    order = np.asarray(steps[:top], dtype=np.int64)
    # the image of the smaller place is shared too
    swapped = (head[:, :, None] > head[:, None, :]) & shared[:, :, None]
    discordant = (swapped & (order[:, None] < order)).sum((-2, -1))
    both = np.count_nonzero(shared, -1)
    one = top - both  # images that only one list has
    # A shared image and an image of only one list are ordered differently if the latter comes
    # first. A place counts all images before it, so the shared ones are subtracted.
    before = (shared * (head + order)).sum(-1) - both * (both - 1)
    # twice the cost, which is an integer
    cost = 2 * (discordant + before + one * one) + one * (one - 1)
    worst = 2 * top * top + top * (top - 1)
    return 1 - np.asarray(2 * cost, dtype=np.float64) / worst


def unchanged(places: np.ndarray, steps: np.ndarray, top: int) -> np.ndarray:
    """1.0 if the first `top` images equal the reference's, in the same order, else 0.0."""
    return np.asarray((places[:, :top] == steps[:top]).all(-1), dtype=np.float64)
