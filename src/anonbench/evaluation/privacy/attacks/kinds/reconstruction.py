"""Reconstruction of hidden regions by deconvolution, then reading and decoding."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from anonbench.core.boxes import Region
from anonbench.core.registries.privacy_attacks import (
    Equipment,
    Looking,
    RegionAttack,
    RegionShares,
    Risk,
)
from anonbench.core.settings import Count, Positive
from anonbench.core.vocabulary import Entity, Method, Variant
from anonbench.evaluation.privacy.attacks.kinds.barcodes import decoded, surrounded
from anonbench.evaluation.privacy.attacks.kinds.readability import Readability

if TYPE_CHECKING:
    from anonbench.anonymization.geometry import Cover


class Reconstruction(RegionAttack):
    """Blur is undone by Wiener and Richardson-Lucy deconvolution with the very kernel, mosaic is
    smoothed; then lines are read and barcodes decoded.

    Of a line, the restoration that the recognizer is surest of counts. Other methods are attacked
    as they are.
    """

    name: ClassVar = "reconstruction"
    label: ClassVar = "Reconstruction, then reading"
    risk: ClassVar = Risk.SINGLING_OUT
    entities: ClassVar = (Entity.TEXT, Entity.BARCODE)
    seconds_an_image: ClassVar = 0.3

    noise: Positive = 3e-5
    """Power of the noise (rounding to whole grey levels) over that of the image, for Wiener."""
    iterations: Count = 30
    """Of Richardson-Lucy."""

    def detectors(self, own: Sequence[str]) -> tuple[str, ...]:
        """See `RegionAttack.detectors`: the recognizer is that of the detector mrz."""
        return ("mrz",)

    def load(self, equipment: Equipment) -> Looking:
        """See `RegionAttack.load`."""
        return _Restoring(self, equipment)


@dataclass(frozen=True)
class _Restored:
    entity: Entity
    got: Any
    """What was read or decoded."""
    pixels: np.ndarray
    """Of the region, grey, float32 [h, w]."""


class _Restoring:
    def __init__(self, settings: Reconstruction, equipment: Equipment) -> None:
        self._settings = settings
        self._hiding = equipment.anonymization
        self._equipment = equipment
        self._reader: Looking | None = None

    def look(self, image: np.ndarray, regions: Sequence[Region], variant: Variant) -> list[Any]:
        """See `Looking.look`."""
        return [self._one(image, region, variant) for region in regions]

    def _one(self, image: np.ndarray, region: Region, variant: Variant) -> _Restored | None:
        from anonbench.anonymization.geometry import cover

        area = cover(region, image.shape, self._hiding.margin)
        if area is None:
            return None
        versions = []
        for restore in self._ways(region, variant):
            restored = image.copy()
            seen = restored[area.window]
            _put(seen, restore(seen, area), area)
            versions.append(restored)
        if region.entity == Entity.BARCODE:
            got: Any = {text for each in versions for text in decoded(surrounded(each, region))}
        else:
            reader = self._line_reader()
            lines = [reader.look(each, [region], variant)[0] for each in versions]
            got = max(lines, key=lambda line: line.confidence)
        return _Restored(region.entity, got, _grey(versions[0][area.window]))

    def _line_reader(self) -> Looking:
        if self._reader is None:
            self._reader = Readability().load(self._equipment)
        return self._reader

    def _ways(
        self, region: Region, variant: Variant
    ) -> list[Callable[[np.ndarray, Cover], np.ndarray]]:
        """Return the restorations of a method; the first one's image is compared as such."""
        if variant.method == Method.BLUR:
            share = float(getattr(self._hiding.blur.sigma, region.entity))
            least = float(self._hiding.blur.min_sigma)

            def kernel(shape: tuple[int, ...]) -> np.ndarray:
                return gaussian(max(least, share * min(shape[:2])))

            return [
                lambda seen, area: wiener(
                    _as_blurred(seen, area, kernel(seen.shape)),
                    kernel(seen.shape),
                    self._settings.noise,
                ),
                lambda seen, area: richardson_lucy(
                    _as_blurred(seen, area, kernel(seen.shape)),
                    kernel(seen.shape),
                    self._settings.iterations,
                ),
            ]
        if variant.method == Method.PIXELATE:
            blocks = int(getattr(self._hiding.pixelate.blocks, region.entity))
            return [lambda seen, area: smoothed(seen, blocks)]
        return [lambda seen, area: seen]

    def shares(self, truth: _Restored, found: _Restored) -> RegionShares:
        """Return what was read or decoded after restoration, and the structural similarity."""
        if truth.entity == Entity.BARCODE:
            shares = {"decoded": float(bool(truth.got & found.got))} if truth.got else {}
        else:
            shares = dict(self._line_reader().shares(truth.got, found.got))
        if not shares or truth.pixels.shape != found.pixels.shape:
            return shares
        return shares | {"ssim": similarity(truth.pixels, found.pixels)}


def gaussian(sigma: float) -> np.ndarray:
    """Return the kernel of the method blur, float64 [2 R + 1]: cut off at three sigma."""
    from anonbench.core.libraries.opencv import cv2

    return np.asarray(cv2.getGaussianKernel(2 * int(np.ceil(3 * sigma)) + 1, sigma))[:, 0]


def wiener(blurred: np.ndarray, kernel: np.ndarray, noise: float) -> np.ndarray:
    """Return an image whose blur is undone (Wiener 1949), float64 [H, W] or [H, W, C].

    With a mirrored border, convolution with an even kernel multiplies the cosine transform (type
    II), so that nothing is lost at the border.

    Args:
        blurred: [H, W] or [H, W, C].
        kernel: along each axis, even and of odd length [2 R + 1].
        noise: power of the noise over that of the image.

    """
    from scipy.fft import dctn, idctn

    response = np.multiply.outer(*(_response(kernel, side) for side in blurred.shape[:2]))
    gain = response / (np.square(response) + noise)
    gain = gain.reshape(*gain.shape, *[1] * (blurred.ndim - 2))
    spectrum = dctn(blurred.astype(np.float64), axes=(0, 1), norm="ortho")
    result: np.ndarray = idctn(gain * spectrum, axes=(0, 1), norm="ortho")
    return np.clip(result, 0.0, 255.0)


def _response(kernel: np.ndarray, side: int) -> np.ndarray:
    """Return by what a kernel multiplies each coefficient of a cosine transform, float64 [side]."""
    half = kernel[len(kernel) // 2 :]
    angles = np.pi * np.multiply.outer(np.arange(side), np.arange(1, len(half))) / side
    response: np.ndarray = half[0] + 2.0 * np.cos(angles) @ half[1:]
    return response


def richardson_lucy(blurred: np.ndarray, kernel: np.ndarray, iterations: int) -> np.ndarray:
    """Return an image whose blur is undone (Richardson 1972, Lucy 1974), as `wiener` does."""
    from anonbench.core.libraries.opencv import cv2

    def blur(image: np.ndarray) -> np.ndarray:
        again = cv2.sepFilter2D(image, cv2.CV_64F, kernel, kernel, borderType=cv2.BORDER_REFLECT)
        return np.maximum(again, 1e-6)

    seen = np.maximum(blurred.astype(np.float64), 1e-6)
    found = seen.copy()
    for _ in range(iterations):
        found = found * blur(seen / blur(found))
    return np.clip(found, 0.0, 255.0)


def smoothed(mosaic: np.ndarray, blocks: int) -> np.ndarray:
    """Return a mosaic of so many blocks across its shorter side, interpolated between blocks."""
    from anonbench.core.libraries.opencv import cv2

    height, width = mosaic.shape[:2]
    side = max(1, -(-min(height, width) // blocks))
    few = (max(1, width // side), max(1, height // side))
    means = cv2.resize(mosaic, few, interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.resize(means, (width, height), interpolation=cv2.INTER_CUBIC))


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


def _as_blurred(seen: np.ndarray, area: Cover, kernel: np.ndarray) -> np.ndarray:
    """Return a window as if it were blurred as a whole: what is beside a slanted region is not."""
    if area.inside is None:
        return seen
    from anonbench.core.libraries.opencv import cv2

    outside = cv2.sepFilter2D(seen, cv2.CV_32F, kernel, kernel, borderType=cv2.BORDER_REFLECT)
    whole = outside.astype(np.float64)
    whole[area.inside] = seen[area.inside]
    return whole


def _put(seen: np.ndarray, restored: np.ndarray, area: Cover) -> None:
    values = np.rint(restored).astype(np.uint8)
    if area.inside is None:
        seen[...] = values
    else:
        seen[area.inside] = values[area.inside]


def _grey(pixels: np.ndarray) -> np.ndarray:
    return pixels.astype(np.float32) if pixels.ndim == 2 else pixels.mean(axis=2, dtype=np.float32)
