"""Similarity of a restored region to its original."""

from __future__ import annotations

import numpy as np

DECIBELS = 50.0
"""Peak signal-to-noise ratio that counts as 1: of 8 bits, an error of 0.8 grey levels."""


def similarity(one: np.ndarray, other: np.ndarray) -> float:
    """Return the mean structural similarity of grey images [H, W], within [0, 1].

    Wang et al. 2004, equation 13, by Gaussian windows of 1.5 pixels; negative means count as 0.
    """
    from anonbench.core.libraries.opencv import cv2

    def mean(image: np.ndarray) -> np.ndarray:
        return np.asarray(cv2.GaussianBlur(image, (11, 11), 1.5, borderType=cv2.BORDER_REFLECT))

    a, b = one.astype(np.float64), other.astype(np.float64)
    means = mean(a), mean(b)
    squares = means[0] ** 2, means[1] ** 2
    product = means[0] * means[1]
    both = (2 * product + 6.5025) * (2 * (mean(a * b) - product) + 58.5225)
    spread = mean(a * a) - squares[0] + mean(b * b) - squares[1] + 58.5225
    whole = both / ((squares[0] + squares[1] + 6.5025) * spread)
    return float(np.clip(whole.mean(), 0.0, 1.0))


def signal_to_noise(one: np.ndarray, other: np.ndarray) -> float:
    """Return the peak signal-to-noise ratio of grey images [H, W], as a share of 50 dB.

    10 log10(255² / mean squared error), within [0, 1] of `DECIBELS`; of equal images 1.
    """
    error = float(np.square(one.astype(np.float64) - other).mean())
    decibels = 10.0 * np.log10(255.0**2 / max(error, 1e-9))
    return float(np.clip(decibels / DECIBELS, 0.0, 1.0))
