"""Agreement of the first results with the reference ranking's: overlap, RBO, Kendall's tau.

All stand on `places`, integers [rows, ≥ depth]: for each image found, in the order found, its
place in the reference ranking, from 0; for an image that is not among the reference's first ones
any number that is not less than their count. Arrays are NumPy's, or torch's tensors where the
module `xp` is torch. Equal lists score exactly 1.
"""

from __future__ import annotations

from typing import Any

import numpy as np

Array = Any
"""A NumPy array or a torch tensor."""


def overlap(xp: Any, places: Array, depth: int) -> Array:
    """Return the share of the reference's first `depth` images found so early, float64 [rows]."""
    shared = xp.count_nonzero(places[:, :depth] < depth, -1)
    return xp.asarray(shared, dtype=xp.float64) / depth


def overlap_weights(persistence: float, depth: int, length: int) -> np.ndarray:
    """Return what an image adds to rank-biased overlap by the place from which both lists hold it.

    Extrapolated rank-biased overlap is linear in the images: one that both lists hold from depth m
    on counts in the overlaps of the depths m … k, and in what is extrapolated from the last
    (Webber, Moffat and Zobel 2010, equation 30 with X_k / k beyond depth k = `depth`):
    RBO = X_k / k · p^k + (1 - p) / p · Σ_d X_d / d · p^d.

    Args:
        persistence: p.
        depth: k, to which both lists are compared.
        length: of the result, more than `depth`: from place `depth` on, nothing is added.

    Returns:
        float64 [length].

    """
    depths = np.arange(1, depth + 1)
    terms = persistence**depths / depths
    weights = np.zeros(length)
    weights[:depth] = np.cumsum(terms[::-1])[::-1] * (1 - persistence) / persistence + terms[-1]
    return weights


def rank_biased_overlap(xp: Any, places: Array, steps: Array, weights: Array) -> Array:
    """Return extrapolated rank-biased overlap, float64 [rows].

    Args:
        xp: numpy or torch.
        places: as the module says, [rows, depth].
        steps: 0 … depth - 1, of the places' type.
        weights: of `overlap_weights`, at least as long as the largest place.

    """
    # two lists both hold an image from the later of its places on
    found = weights.take(xp.maximum(places, steps)).sum(-1)
    # the sum over equal lists is 1 but for its rounding, which is taken away
    return found / weights[: len(steps)][None].sum(-1)


def kendall_tau(xp: Any, places: Array, steps: Array, top: int) -> Array:
    """Return Kendall's tau of two lists of `top` images that need not hold the same.

    Fagin, Kumar and Sivakumar 2003, "Comparing top k lists", K^(p) with p = 1/2: a pair of images
    that the lists order differently costs 1, one whose order only one list knows 1/2; an image
    outside a list comes behind all in it. Scaled from the cost K to 1 - 2 K / K_max: 1 for equal
    lists, -1 for lists without a common image (reversed lists of 10 have 0.38).

    Returns:
        float64 [rows].

    """
    head = xp.asarray(places[:, :top], dtype=xp.int64)
    shared = head < top
    order = xp.asarray(steps[:top], dtype=xp.int64)
    # the image of the smaller place is shared too
    swapped = (head[:, :, None] > head[:, None, :]) & shared[:, :, None]
    discordant = (swapped & (order[:, None] < order)).sum((-2, -1))
    both = xp.count_nonzero(shared, -1)
    one = top - both  # images of one list alone
    # A shared image and one of one list alone are ordered differently where the latter comes
    # first: a place counts all images before, of which the shared ones are taken away.
    before = (shared * (head + order)).sum(-1) - both * (both - 1)
    # twice the cost, so that it is an integer
    cost = 2 * (discordant + before + one * one) + one * (one - 1)
    worst = 2 * top * top + top * (top - 1)
    return 1 - xp.asarray(2 * cost, dtype=xp.float64) / worst


def unchanged(xp: Any, places: Array, steps: Array, top: int) -> Array:
    """Return 1.0 where the first `top` images are the reference's in its order, else 0.0."""
    return xp.asarray((places[:, :top] == steps[:top]).all(-1), dtype=xp.float64)
