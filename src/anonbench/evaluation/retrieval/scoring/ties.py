"""Expected average precision and gains over all orders of images with equal similarities.

Ordering equal images by id would favour classes whose ids sort first. AP and DCG are therefore
means over all orders of equal images, in closed form (McSherry and Najork 2008, ECIR, pp. 414-421).
If the reference's k-th and next image are equal, they are also means over the reference's orders.
"""

from collections.abc import Callable

import numpy as np


def harmonic_numbers(size: int) -> np.ndarray:
    """Harmonic numbers H_0 … H_size, float64 [size + 1]."""
    return np.concatenate([np.zeros(1), np.cumsum(1.0 / np.arange(1, size + 1))])


def tied_precision(
    harmonic: np.ndarray,
    before: np.ndarray,
    size: np.ndarray,
    earlier: np.ndarray,
    pace: np.ndarray,
    depth: int,
) -> np.ndarray:
    """Expected precision at a relevant image's rank, over all orders of its equals, float64.

    `before` images have a higher similarity, `size` the same, the image itself included. `earlier`
    is the expected number of relevant images among these, plus one for the image itself; `pace` the
    probability that another image of the same similarity is relevant. Ranks beyond `depth` are
    ignored.
    """
    counted = (size - (before + size - depth).clip(0)).clip(0)
    reached = harmonic[before + counted] - harmonic[before]
    return np.asarray(((earlier - (before + 1) * pace) * reached + pace * counted) / size)


def relevance(reference: np.ndarray, k: int) -> np.ndarray:
    """Probability that an image is relevant [N], given similarities of the reference [N]."""
    lowest = np.partition(reference, len(reference) - k)[len(reference) - k]
    certain, possible = reference > lowest, reference == lowest
    share = (k - np.count_nonzero(certain)) / np.count_nonzero(possible)
    return np.where(possible, share, certain.astype(np.float64))


def average_precision(
    values: np.ndarray, reference: np.ndarray, k: int, depth: int, harmonic: np.ndarray
) -> float:
    """Expected average precision of one query over all orders of both rankings' equal images.

    `values` and `reference` are similarities of all images, float32 [N], of which k are relevant;
    ranks beyond `depth` are ignored.
    """
    lowest = np.partition(reference, len(reference) - k)[len(reference) - k]
    every = np.sort(values)
    certain = np.sort(values[reference > lowest])
    possible = np.sort(values[reference == lowest])
    left = k - len(certain)
    # of the others, given that one of the possible images is relevant
    others = (left - 1) / max(len(possible) - 1, 1)
    share = left / len(possible)
    total = 0.0
    for images, weight, chance in ((certain, 1.0, share), (possible, share, others)):
        before, size = _above(every, images)
        certain_before, certain_tied = _above(certain, images)
        possible_before, possible_tied = _above(possible, images)
        own_tied = certain_tied if images is certain else possible_tied
        own_tied -= 1  # the image itself
        earlier = 1.0 + certain_before + chance * possible_before
        pace = (certain_tied + chance * possible_tied) / np.maximum(size - 1, 1)
        precision = tied_precision(harmonic, before, size, earlier, pace, depth)
        total += weight * float(precision.sum())
    return total / k


def _above(ascending: np.ndarray, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Count the ascending values that are higher than each value, and those that are equal."""
    upper = np.searchsorted(ascending, values, side="right")
    return len(ascending) - upper, upper - np.searchsorted(ascending, values, side="left")


def level(
    gain: np.ndarray,
    found: np.ndarray,
    values: np.ndarray,
    gains_at: Callable[[np.ndarray], np.ndarray],
) -> None:
    """Replace gains of equal images by their mean, which is their expected gain at any rank.

    `gain`, float64 [k], is of the first images in order, at the positions `found`; `values` are all
    similarities, float32 [N]; `gains_at` has the gains of the images at some positions.
    """
    first = values[found]
    starts = np.flatnonzero(np.concatenate([[True], first[1:] != first[:-1]]))
    sizes = np.diff(starts, append=len(first))
    total = np.add.reduceat(gain, starts)
    last = np.flatnonzero(values == first[-1])
    if len(last) > sizes[-1]:  # some equal images are not among the first
        total[-1] = gains_at(last).mean() * sizes[-1]
    gain[:] = np.repeat(total / sizes, sizes)
