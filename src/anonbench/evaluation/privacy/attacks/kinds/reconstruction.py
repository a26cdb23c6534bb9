"""Reconstruction of hidden regions by deconvolution: likeness, reading and decoding."""

from __future__ import annotations

from collections.abc import Callable, Sequence
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


class Likeness(RegionAttack):
    """Blur is undone by Wiener deconvolution with the very kernel, mosaic is smoothed; then the
    region is compared with its original.

    Other methods are attacked as they are.
    """

    name: ClassVar = "likeness"
    label: ClassVar = "Likeness after reconstruction"
    risk: ClassVar = Risk.SINGLING_OUT
    tells_hidden: ClassVar = True

    noise: Positive = 3e-5
    """Power of the noise (rounding to whole grey levels) over that of the image, for Wiener."""

    def load(self, equipment: Equipment) -> Looking:
        """See `RegionAttack.load`."""
        return _Comparing(equipment.anonymization, self.noise)


class Reconstruction(RegionAttack):
    """Blur is undone by Wiener and Richardson-Lucy deconvolution with the very kernel, mosaic is
    smoothed; then lines are read and barcodes decoded.

    Of a line, the restoration that the recognizer is surest of counts. Other methods are attacked
    as they are.
    """

    name: ClassVar = "reconstruction"
    label: ClassVar = "Reconstruction, then reading"
    risk: ClassVar = Risk.SINGLING_OUT
    tells_hidden: ClassVar = True
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


Deconvolution = Callable[[np.ndarray, np.ndarray], np.ndarray]
"""From a blurred window and the kernel to what was blurred."""


def undone(
    image: np.ndarray,
    region: Region,
    variant: Variant,
    hiding: Any,
    noise: float,
    iterations: int = 0,
) -> list[np.ndarray]:
    """Return the image with a region's hiding undone in each way there is, the plainest first.

    Of several methods on top of each other the last one is undone first. What cannot be undone
    stays as it is.

    Args:
        image: uint8 [H, W] or [H, W, 3].
        region: one that is hidden.
        variant: how.
        hiding: the section `anonymization` of the config.
        noise: see `wiener`.
        iterations: see `richardson_lucy`; 0: without it.

    """
    from anonbench.anonymization.apply import area_of, steps

    if variant.method is None or not hiding.has(str(variant.method)):
        return [image]
    used = steps(variant.method, region.entity, hiding)[::-1]
    ways: list[Deconvolution] = [lambda blurred, kernel: wiener(blurred, kernel, noise)]
    if iterations and Method.BLUR in {step.name for step in used}:
        ways.append(lambda blurred, kernel: richardson_lucy(blurred, kernel, iterations))
    versions = []
    for way in ways:
        restored = image.copy()
        for step in used:
            area = area_of(region, image.shape, step, hiding)
            if area is not None:
                seen = restored[area.window]
                _put(seen, _before(seen, step, area, region.entity, way), area)
        versions.append(restored)
    return versions


def _before(
    seen: np.ndarray, step: Any, area: Cover, entity: str, way: Deconvolution
) -> np.ndarray:
    """Return a window as it was before one method."""
    if step.name == Method.BLUR:
        share = float(getattr(step.sigma, entity))
        kernel = gaussian(max(step.min_sigma, share * min(seen.shape[:2])))
        return way(_as_blurred(seen, area, kernel), kernel)
    if step.name == Method.PIXELATE:
        return smoothed(seen, int(getattr(step.blocks, entity)), step.min_block)
    return seen


class _Comparing:
    def __init__(self, hiding: Any, noise: float) -> None:
        self._hiding = hiding
        self._noise = noise

    def look(self, image: np.ndarray, regions: Sequence[Region], variant: Variant) -> list[Any]:
        """See `Looking.look`: the region's window, grey."""
        return [self._one(image, region, variant) for region in regions]

    def _one(self, image: np.ndarray, region: Region, variant: Variant) -> np.ndarray | None:
        from anonbench.anonymization.geometry import cover

        area = cover(region, image.shape, self._hiding.margin)
        if area is None:
            return None
        (restored,) = undone(image, region, variant, self._hiding, self._noise)
        seen = restored[area.window]
        return seen.astype(np.float32) if seen.ndim == 2 else seen.mean(axis=2, dtype=np.float32)

    def shares(self, truth: np.ndarray, found: np.ndarray) -> RegionShares:
        """Return the structural similarity; what has another size (a guess) is scaled."""
        from anonbench.core.libraries.opencv import cv2

        size = (truth.shape[1], truth.shape[0])
        return {"ssim": similarity(truth, np.asarray(cv2.resize(found, size)))}


class _Restoring:
    def __init__(self, settings: Reconstruction, equipment: Equipment) -> None:
        self._settings = settings
        self._hiding = equipment.anonymization
        self._equipment = equipment
        self._reader: Looking | None = None

    def look(self, image: np.ndarray, regions: Sequence[Region], variant: Variant) -> list[Any]:
        """See `Looking.look`: the line that was read, or the contents of codes."""
        return [self._one(image, region, variant) for region in regions]

    def _one(self, image: np.ndarray, region: Region, variant: Variant) -> Any:
        noise, iterations = self._settings.noise, self._settings.iterations
        versions = undone(image, region, variant, self._hiding, noise, iterations)
        if region.entity == Entity.BARCODE:
            return {text for each in versions for text in decoded(surrounded(each, region))}
        reader = self._line_reader()
        lines = [reader.look(each, [region], variant)[0] for each in versions]
        return max(lines, key=lambda line: line.confidence)

    def _line_reader(self) -> Looking:
        if self._reader is None:  # where there are barcodes alone it is not needed
            self._reader = Readability().load(self._equipment)
        return self._reader

    def shares(self, truth: Any, found: Any) -> RegionShares:
        """Return what was read or decoded after restoration."""
        if isinstance(truth, set):
            return {"decoded": float(bool(truth & found))} if truth else {}
        return self._line_reader().shares(truth, found)


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
    response = _responses(blurred, kernel)
    gain = response / (np.square(response) + noise)
    return np.asarray(np.clip(_filtered(blurred.astype(np.float64), gain), 0.0, 255.0))


def _filtered(image: np.ndarray, gain: np.ndarray) -> np.ndarray:
    """Return an image whose cosine transform is multiplied."""
    from scipy.fft import dctn, idctn

    spectrum = dctn(image, axes=(0, 1), norm="ortho")
    result: np.ndarray = idctn(gain * spectrum, axes=(0, 1), norm="ortho")
    return result


def _responses(image: np.ndarray, kernel: np.ndarray) -> np.ndarray:
    """Return by what a blur multiplies the cosine transform of an image, [H, W] or [H, W, 1]."""
    response = np.multiply.outer(*(_response(kernel, side) for side in image.shape[:2]))
    return np.asarray(response.reshape(*response.shape, *[1] * (image.ndim - 2)))


def _response(kernel: np.ndarray, side: int) -> np.ndarray:
    """Return by what a kernel multiplies each coefficient of a cosine transform, float64 [side]."""
    half = kernel[len(kernel) // 2 :]
    angles = np.pi * np.multiply.outer(np.arange(side), np.arange(1, len(half))) / side
    response: np.ndarray = half[0] + 2.0 * np.cos(angles) @ half[1:]
    return response


def richardson_lucy(blurred: np.ndarray, kernel: np.ndarray, iterations: int) -> np.ndarray:
    """Return an image whose blur is undone (Richardson 1972, Lucy 1974), as `wiener` does."""
    response = _responses(blurred, kernel)

    def blur(image: np.ndarray) -> np.ndarray:
        return np.asarray(np.maximum(_filtered(image, response), 1e-6))

    seen = np.maximum(blurred.astype(np.float64), 1e-6)
    found = seen.copy()
    for _ in range(iterations):
        found = found * blur(seen / blur(found))
    return np.clip(found, 0.0, 255.0)


def smoothed(mosaic: np.ndarray, blocks: int, least: int = 1) -> np.ndarray:
    """Return a mosaic interpolated between its blocks.

    Args:
        mosaic: [H, W] or [H, W, C].
        blocks: across its shorter side.
        least: pixels of a block's side, at least.

    """
    from anonbench.core.libraries.opencv import cv2

    height, width = mosaic.shape[:2]
    side = max(least, -(-min(height, width) // blocks))
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
