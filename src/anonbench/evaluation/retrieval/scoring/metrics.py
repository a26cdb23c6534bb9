"""Average precision, nDCG and agreement of rankings with a reference ranking, exact.

AP is Σ_r P(r)·Δrecall(r). nDCG@k uses the reference similarity of each retrieved image as gain, the
only reading that can give the values published in arXiv 2602.19641. `Measures` turns an engine's
results for a block of queries (see `engine`) into scores.
"""

from __future__ import annotations

import math
from fractions import Fraction
from typing import TYPE_CHECKING

import numpy as np

from anonbench.core.errors import InputError
from anonbench.evaluation.retrieval.scoring import ties

if TYPE_CHECKING:
    from anonbench.config import Retrieval


COLUMNS = ("ap", "ndcg", "overlap", "overlap_top", "rbo", "tau", "unchanged")
"""The scores of a query, see `Measures.scores`."""
PER_QUERY = {"map": "ap", "mndcg": "ndcg"} | {name: name for name in COLUMNS[2:]}
"""The retrieval metrics, means over queries, and the columns of the per-query scores."""
MIN_K = 5
"""Smallest k for statements. Below it, a query's own image would be most of the relevant images: at
k = 1 the only one, so that every ranking scores 100 %."""


def cutoff(images: int, settings: Retrieval) -> int:
    """k = floor(fraction · N) of the N images that a query can find; InputError if it is 0."""
    share = Fraction(str(settings.fraction))  # 0.29 · 100 is 29, not 28.999…
    self_images = images - retrievable(images, settings)
    k = math.floor(share * (images - self_images))
    if k < 1:
        needed = str(math.ceil(1 / share) + self_images)
        needed = needed if len(needed) < 12 else f"1e{len(needed) - 1}"
        raise InputError(
            f"retrieval.fraction {settings.fraction} of {images} images is no image at all; "
            f"it needs at least {needed} images, or a larger "
            "fraction (`--fraction` of `anonbench score`, else `retrieval.fraction` of a config)"
        )
    return k


def effective_settings(images: int, settings: Retrieval) -> Retrieval:
    """Settings for this number of images: own images do not count below k = 5.

    Raises InputError if k is 0.
    """
    if settings.include_self and images < images_needed(settings):
        settings = settings.model_copy(update={"include_self": False})
        cutoff(images, settings)
    return settings


def images_needed(settings: Retrieval, k: int = MIN_K) -> int:
    """Smallest number of images whose cut-off is at least k."""
    self_images = 0 if settings.include_self and k >= MIN_K else 1
    return math.ceil(k / Fraction(str(settings.fraction))) + self_images


def retrievable(images: int, settings: Retrieval) -> int:
    """Number of images that can be retrieved for a query; its own one may not count."""
    return images if settings.include_self else images - 1


def top(images: int, settings: Retrieval) -> int:
    """Number of first results that are compared: `retrieval.top`, or all if there are fewer."""
    return min(settings.top, retrievable(images, settings))


def gains(similarity: np.ndarray, settings: Retrieval) -> np.ndarray:
    """Gain of images with these reference similarities, float64, same shape."""
    values = np.asarray(similarity, dtype=np.float64)
    if settings.negative_gain == "clip":
        values = np.where(values < 0, 0.0, values)
    elif settings.negative_gain == "shift":
        values = (values + 1.0) / 2.0
    return np.exp2(values) - 1.0 if settings.gain == "exponential" else values


class Measures:
    """Scores of rows of a ranking, computed from an engine's results."""

    def __init__(self, settings: Retrieval, images: int) -> None:
        """Prepare what all rows share; InputError if k is 0.

        Settings are those of `effective_settings`, for N images in the database.
        """
        self._settings, self._images = settings, images
        self.k = cutoff(images, settings)
        self.top = top(images, settings)
        self.depth = max(self.k, self.top)  # length of the ranking's head that is compared
        self.place_type = np.dtype(np.int16 if self.depth < 1 << 15 else np.int32)
        """Of places: the smallest, since they are looked up all over a row."""
        self.steps = np.arange(self.depth, dtype=self.place_type)  # 0 … depth - 1
        self._discounts = 1.0 / np.log2(np.arange(2, self.k + 2))
        self._ranks = np.arange(1.0, self.k + 1)
        self._harmonic = ties.harmonic_numbers(images)
        self._overlap_weights = overlap_weights(settings.persistence, self.k, self.depth + 1)

    def ideal(self, similarity: np.ndarray) -> np.ndarray:
        """DCG of relevant images with similarities in order, float32 [rows, k]: float64 [rows]."""
        return np.asarray((gains(similarity, self._settings) * self._discounts).sum(-1))

    def chance(
        self, similarity: np.ndarray, relevant: np.ndarray, to_self: np.ndarray, ideal: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Expected nDCG of random rankings, float64 [rows]; NaN where undefined.

        The expected gain at every rank is the mean over the images that can be retrieved there.
        `similarity` is of all images [rows, N], `relevant` of the relevant ones [rows, k],
        `to_self` of each query's own image [rows], float32; for `ideal` see there. The second value
        is of rankings in which the own image comes first; the same if own images do not count.
        """
        settings = self._settings
        own = gains(to_self, settings)
        if settings.gain_of == "relevant":
            total = gains(relevant, settings).sum(-1)
        else:
            total = gains(similarity, settings).sum(-1)
            if not settings.include_self:
                total = total - own
        expected = total / retrievable(self._images, settings)
        random = self._share(expected * self._discounts.sum(), ideal)
        if not (settings.include_self and self._images > 1):
            return random, random
        others = (total - own) / (self._images - 1) * self._discounts[1:].sum()
        return random, self._share(own * self._discounts[0] + others, ideal)

    def gain(self, similarity: np.ndarray, places: np.ndarray) -> np.ndarray:
        """Gains of the first images with reference similarities in order, float [rows, k]."""
        found = gains(similarity, self._settings)
        if self._settings.gain_of == "relevant":
            found = found * (places[:, : self.k] < self.k)
        return found

    def average_gain(
        self, gain: np.ndarray, found: np.ndarray, values: np.ndarray, reference: np.ndarray
    ) -> None:
        """Replace a query's gains [k] by their means over all orders of equal images (see `ties`).

        The first k images are at the positions `found`; `values` and `reference` are similarities
        of all images, float32 [N].
        """
        weights = None
        if self._settings.gain_of == "relevant":
            weights = ties.relevance(reference, self.k)

        def gains_at(positions: np.ndarray) -> np.ndarray:
            found = gains(reference[positions], self._settings)
            return found if weights is None else found * weights[positions]

        gain[:] = gains_at(found)
        ties.level(gain, found, values, gains_at)

    def average_precision(self, values: np.ndarray, reference: np.ndarray) -> float:
        """Average precision of a query over all orders of equal images; see `average_gain`."""
        depth = len(values) if self._settings.ap_depth == "full" else self.k
        return ties.average_precision(values, reference, self.k, depth, self._harmonic)

    def scores(
        self, places: np.ndarray, precision: np.ndarray | None, gain: np.ndarray, ideal: np.ndarray
    ) -> np.ndarray:
        """Score rows of a ranking, float64 [`COLUMNS`, rows].

        Average precision; nDCG@k, NaN where the ideal gain is not positive (a share of nothing, or
        of a loss, says nothing); overlap with the reference's first k and first `top`; rank-biased
        overlap to depth k; Kendall's tau of the first `top`; 1.0 where those are the same in the
        same order, else 0.0.

        Args:
            places: for each of the first images, in order, its place in the reference ranking, from
                0; `depth` if it is not among the reference's first images [rows, depth].
            precision: at the ranks of the relevant images in the whole ranking [rows, k]; None if
                average precision is truncated at k and computed from the places.
            gain, ideal: of the methods `gain` [rows, k] and `ideal` [rows].
        """
        k, steps = self.k, self.steps
        first = places[:, :k]
        if precision is None:
            relevant = first < k
            precision = relevant * np.cumsum(relevant, -1) / self._ranks
        # both lists hold an image from the larger of its two places on
        shared = self._overlap_weights.take(np.maximum(first, steps[:k]))
        scores = [
            precision.sum(-1) / k,
            self._share((gain * self._discounts).sum(-1), ideal),
            overlap(places, k),
            overlap(places, self.top),
            # the sum over equal lists is 1 up to rounding, which is removed
            shared.sum(-1) / self._overlap_weights[:k][None].sum(-1),
            kendall_tau(places, steps, self.top),
            (places[:, : self.top] == steps[: self.top]).all(-1),
        ]
        return np.stack(scores).astype(np.float64)

    def _share(self, values: np.ndarray, ideal: np.ndarray) -> np.ndarray:
        defined = ideal > 0
        return np.where(defined, values / np.where(defined, ideal, 1.0), math.nan)


def overlap(places: np.ndarray, depth: int) -> np.ndarray:
    """Share of the reference's first `depth` images that are found by then, float64 [rows].

    Here and below, `places` are those of `Measures.scores`, integers [rows, ≥ depth].
    """
    shared = np.count_nonzero(places[:, :depth] < depth, -1)
    return np.asarray(shared, dtype=np.float64) / depth


def overlap_weights(persistence: float, depth: int, length: int) -> np.ndarray:
    """Weight of an image in rank-biased overlap, by the first depth at which both lists hold it.

    Extrapolated rank-biased overlap is linear in the images (Webber, Moffat and Zobel 2010,
    equation 30 with X_k / k beyond depth k): RBO = X_k / k · p^k + (1 - p) / p · Σ_d X_d / d · p^d.
    Float64 [length]; 0 from place k = `depth` on.
    """
    depths = np.arange(1, depth + 1)
    terms = persistence**depths / depths
    weights = np.zeros(length)
    weights[:depth] = np.cumsum(terms[::-1])[::-1] * (1 - persistence) / persistence + terms[-1]
    return weights


def kendall_tau(places: np.ndarray, steps: np.ndarray, top: int) -> np.ndarray:
    """Kendall's tau of two lists of `top` images that need not hold the same, float64 [rows].

    Fagin, Kumar and Sivakumar 2003, "Comparing top k lists", K^(p) with p = 1/2. A pair that the
    lists order differently costs 1, a pair whose order only one list knows costs 1/2. The cost K is
    scaled to 1 - 2 K / K_max: 1 for equal lists, -1 for lists without a common image.
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
