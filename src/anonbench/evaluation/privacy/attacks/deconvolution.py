"""Deconvolution of a known blur, smoothing of a mosaic, and similarity of the result."""

from __future__ import annotations

import math

import numpy as np

from anonbench.core.libraries.opencv import cv2


def gaussian(sigma: float) -> np.ndarray:
    """Kernel of the method blur, float64 [2 R + 1], cut off where it is negligible."""
    return np.asarray(cv2.getGaussianKernel(2 * int(np.ceil(6 * sigma)) + 1, sigma))[:, 0]


def wiener(blurred: np.ndarray, kernel: np.ndarray, noise: float) -> np.ndarray:
    """Undo a blur by Wiener deconvolution (Wiener 1949), float64 [H, W] or [H, W, C].

    With a mirrored border, convolution with an even kernel multiplies the cosine transform (type
    II), so that no information is lost at the border.

    Args:
        blurred: [H, W] or [H, W, C].
        kernel: along each axis, even and of odd length [2 R + 1].
        noise: ratio of the noise's power to the image's power.

    """
    response = _responses(blurred, kernel)
    gain = response / (np.square(response) + noise)
    return np.asarray(np.clip(_filtered(blurred.astype(np.float64), gain), 0.0, 255.0))


def _filtered(image: np.ndarray, gain: np.ndarray) -> np.ndarray:
    """Multiply the cosine transform of an image."""
    from scipy.fft import dctn, idctn

    spectrum = dctn(image, axes=(0, 1), norm="ortho")
    result: np.ndarray = idctn(gain * spectrum, axes=(0, 1), norm="ortho")
    return result


def _responses(image: np.ndarray, kernel: np.ndarray) -> np.ndarray:
    """Factors of an image's cosine transform under a blur, [H, W] or [H, W, 1]."""
    response = np.multiply.outer(*(_response(kernel, side) for side in image.shape[:2]))
    return np.asarray(response.reshape(*response.shape, *[1] * (image.ndim - 2)))


def _response(kernel: np.ndarray, side: int) -> np.ndarray:
    """Factor of a kernel for each coefficient of a cosine transform, float64 [side]."""
    half = kernel[len(kernel) // 2 :]
    angles = np.pi * np.multiply.outer(np.arange(side), np.arange(1, len(half))) / side
    response: np.ndarray = half[0] + 2.0 * np.cos(angles) @ half[1:]
    return response


def richardson_lucy(blurred: np.ndarray, kernel: np.ndarray, iterations: int) -> np.ndarray:
    """Undo a blur by Richardson-Lucy (Richardson 1972, Lucy 1974); see `wiener`."""
    response = _responses(blurred, kernel)

    def blur(image: np.ndarray) -> np.ndarray:
        return np.asarray(np.maximum(_filtered(image, response), 1e-6))

    seen = np.maximum(blurred.astype(np.float64), 1e-6)
    found = seen.copy()
    for _ in range(iterations):
        found = found * blur(seen / blur(found))
    return np.clip(found, 0.0, 255.0)


def smoothed(mosaic: np.ndarray, blocks: float, least: int = 1) -> np.ndarray:
    """Interpolate a mosaic between its blocks.

    Args:
        mosaic: [H, W] or [H, W, C].
        blocks: number of blocks across its shorter side.
        least: smallest side of a block, in pixels.

    """
    height, width = mosaic.shape[:2]
    side = max(least, math.ceil(min(height, width) / blocks))
    few = (max(1, width // side), max(1, height // side))
    means = cv2.resize(mosaic, few, interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.resize(means, (width, height), interpolation=cv2.INTER_CUBIC))


DECIBELS = 50.0
"""Peak signal-to-noise ratio that counts as 1: of 8 bits, an error of 0.8 grey levels."""


def similarity(one: np.ndarray, other: np.ndarray) -> float:
    """Mean structural similarity of grey images [H, W], within [0, 1].

    Wang et al. 2004, equation 13, with Gaussian windows of 1.5 pixels; a negative mean counts as 0.
    """

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
    """Peak signal-to-noise ratio of grey images [H, W], as a share of 50 dB.

    10 log10(255² / mean squared error) as a share of `DECIBELS`, limited to [0, 1]; 1 for equal
    images.
    """
    error = float(np.square(one.astype(np.float64) - other).mean())
    decibels = 10.0 * np.log10(255.0**2 / max(error, 1e-9))
    return float(np.clip(decibels / DECIBELS, 0.0, 1.0))
