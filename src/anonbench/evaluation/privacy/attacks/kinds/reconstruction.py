"""Reconstruction of hidden regions, followed by comparison, reading and decoding.

Deconvolution knows the method; a restorer learned it from train images that were hidden alike.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from anonbench.core.boxes import Region
from anonbench.core.libraries.opencv import cv2
from anonbench.core.registries.attacks import (
    Equipment,
    LoadedAttack,
    RegionAttack,
    RegionShares,
    Risk,
)
from anonbench.core.vocabulary import Entity, Method, Variant
from anonbench.evaluation.privacy.attacks.kinds.reading import (
    Barcodes,
    Readability,
    decoded,
    surrounded,
)

if TYPE_CHECKING:
    from anonbench.anonymization.geometry import Cover


class Likeness(RegionAttack):
    """Similarity of restored regions to their originals.

    Blur is undone by Wiener deconvolution with the exact kernel, and mosaic is smoothed; then the
    region is compared with its original. The output of a learned restorer is compared too.

    Regions hidden by other methods are compared unchanged, except by the restorer, which learns any
    method.
    """

    name: ClassVar = "likeness"
    label: ClassVar = "Likeness after reconstruction"
    risk: ClassVar = Risk.SINGLING_OUT
    tells_hidden: ClassVar = True
    restores: ClassVar = True

    def load(self, equipment: Equipment) -> LoadedAttack:
        """See `RegionAttack.load`."""
        return _Comparing(equipment)


class Reconstruction(RegionAttack):
    """Text and barcodes read from restored regions.

    Blur is undone by Wiener and Richardson-Lucy deconvolution with the exact kernel, and mosaic is
    smoothed; then lines are read and barcodes decoded. The output of a learned restorer is read
    too.

    For a line, the restoration with the recognizer's highest confidence counts. Regions hidden by
    other methods are read unchanged, except by the restorer, which learns any method.
    """

    name: ClassVar = "reconstruction"
    label: ClassVar = "Reconstruction, then reading"
    risk: ClassVar = Risk.SINGLING_OUT
    tells_hidden: ClassVar = True
    restores: ClassVar = True
    entities: ClassVar = (Entity.TEXT, Entity.BARCODE)
    reads_text: ClassVar = True
    seconds_a_region: ClassVar = 0.045

    def load(self, equipment: Equipment) -> LoadedAttack:
        """See `RegionAttack.load`."""
        return _Reading(equipment)


NOISE = 3e-5  # power of the noise relative to that of the image, for Wiener deconvolution
ITERATIONS = 30  # of Richardson-Lucy deconvolution
LEARNED = "learned_"  # prefix of measures of a learned restorer
Deconvolution = Callable[[np.ndarray, np.ndarray], np.ndarray]
"""Function of a blurred window and the kernel that returns the deblurred window."""


def undone(
    image: np.ndarray,
    region: Region,
    variant: Variant,
    hiding: Any,
    iterations: int = 0,
) -> list[np.ndarray]:
    """Undo the hiding of a region in each way there is, simplest first; return the images.

    Several methods on top of each other are undone in reverse order. Methods that cannot be undone
    are left as they are.

    Args:
        image: uint8 [H, W] or [H, W, 3].
        hiding: the section `anonymization` of the config.
        iterations: of Richardson-Lucy deconvolution; 0: without it.
    """
    from anonbench.anonymization.geometry import cover

    if variant.method is None or not hiding.has(str(variant.method)):
        return [image]
    used = [step for _, step in hiding.steps(variant.method, region.entity)][::-1]
    form = getattr(hiding.shape, region.entity)
    ways: list[Deconvolution] = [wiener]
    if iterations and Method.BLUR in {step.name for step in used}:
        ways.append(lambda blurred, kernel: richardson_lucy(blurred, kernel, iterations))
    versions = []
    for way in ways:
        restored = image.copy()
        for step in used:
            sides = step.least_side, form, step.surroundings
            area = cover(region, image.shape, hiding.margin, *sides, hiding.coding_blocks)
            if area is not None:
                seen = restored[area.window]
                put(seen, _before(seen, step, area, region.entity, way), area)
        versions.append(restored)
    return versions


def _before(
    seen: np.ndarray, step: Any, area: Cover, entity: str, way: Deconvolution
) -> np.ndarray:
    """A window before one method was applied to it."""
    from anonbench.anonymization.methods.blur import LEAST_SIGMA
    from anonbench.anonymization.methods.pixelate import LEAST_BLOCK

    if step.name == Method.BLUR:
        share = float(getattr(step.sigma, entity))
        kernel = gaussian(max(LEAST_SIGMA, share * min(seen.shape[:2])))
        if not area.inside.all():  # blur the surroundings too, as if the whole window were blurred
            whole = cv2.sepFilter2D(seen, cv2.CV_32F, kernel, kernel, borderType=cv2.BORDER_REFLECT)
            whole = whole.astype(np.float64)
            whole[area.inside] = seen[area.inside]
            seen = whole
        return way(seen, kernel)
    if step.name == Method.PIXELATE:
        return smoothed(seen, float(getattr(step.blocks, entity)), LEAST_BLOCK)
    return seen


class _Restoring:
    """Restores each region in all ways, and compares what is left of its secret."""

    iterations = 0  # see `undone`

    def __init__(self, equipment: Equipment) -> None:
        self._equipment = equipment

    def look(self, image: np.ndarray, regions: Sequence[Region], variant: Variant) -> list[Any]:
        """Secrets by the prefix of their measures."""
        hiding, restorers = self._equipment.anonymization, self._equipment.restorers
        found: list[dict[str, Any] | None] = []
        for region in regions:
            versions = undone(image, region, variant, hiding, self.iterations)
            known = self._secret(versions, region, variant)
            secrets = {"": known}
            if known is not None and restorers and not restorers.lack(region.entity):
                if variant.method is not None:  # else nothing was changed: read it once
                    learned = restorers.restored(image, region, variant)
                    known = self._secret([learned], region, variant)
                secrets[LEARNED] = known
            found.append(None if secrets[""] is None else secrets)
        return found

    def shares(self, truth: dict[str, Any], found: dict[str, Any]) -> RegionShares:
        return {
            f"{prefix}{measure}": share
            for prefix, each in found.items()
            for measure, share in self._compared(truth[""], each).items()
        }

    def _secret(self, versions: Sequence[np.ndarray], region: Region, variant: Variant) -> Any:
        raise NotImplementedError

    def _compared(self, truth: Any, found: Any) -> RegionShares:
        raise NotImplementedError


class _Comparing(_Restoring):
    """Pixels, compared by structural similarity and signal-to-noise ratio."""

    def _secret(self, versions: Sequence[np.ndarray], region: Region, variant: Variant) -> Any:
        from anonbench.anonymization.geometry import cover

        area = cover(region, versions[0].shape, self._equipment.anonymization.margin)
        if area is None:
            return None
        seen = versions[0][area.window]
        return seen.astype(np.float32) if seen.ndim == 2 else seen.mean(axis=2, dtype=np.float32)

    def _compared(self, truth: np.ndarray, found: np.ndarray) -> RegionShares:
        # another region, as a guess, has another size
        scaled = np.asarray(cv2.resize(found, (truth.shape[1], truth.shape[0])))
        return {"ssim": similarity(truth, scaled), "psnr": signal_to_noise(truth, scaled)}


class _Reading(_Restoring):
    """Contents of codes, or the line that is read with the highest confidence."""

    iterations = ITERATIONS

    def _secret(self, versions: Sequence[np.ndarray], region: Region, variant: Variant) -> Any:
        if region.entity == Entity.BARCODE:
            return {text for each in versions for text in decoded(surrounded(each, region))}
        lines = [self._reader.look(each, [region], variant)[0] for each in versions]
        return max(lines, key=lambda line: line.confidence)

    @cached_property
    def _reader(self) -> LoadedAttack:
        return Readability().load(self._equipment)  # not needed if there are only barcodes

    def _compared(self, truth: Any, found: Any) -> RegionShares:
        if isinstance(truth, set):
            return Barcodes().load(self._equipment).shares(truth, found)
        return self._reader.shares(truth, found)


def put(seen: np.ndarray, restored: np.ndarray, area: Cover) -> None:
    """Write restored pixels into a window, limited to the region."""
    values = np.rint(restored).astype(np.uint8)
    seen[area.inside] = values[area.inside]


def gaussian(sigma: float) -> np.ndarray:
    """Kernel of the method blur, float64 [2 R + 1], cut off where it is negligible."""
    return np.asarray(cv2.getGaussianKernel(2 * int(np.ceil(6 * sigma)) + 1, sigma))[:, 0]


def wiener(blurred: np.ndarray, kernel: np.ndarray, noise: float = NOISE) -> np.ndarray:
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
    from scipy.fft import dctn, idctn

    spectrum = dctn(image, axes=(0, 1), norm="ortho")
    return np.asarray(idctn(gain * spectrum, axes=(0, 1), norm="ortho"))


def _responses(image: np.ndarray, kernel: np.ndarray) -> np.ndarray:
    """Factors of an image's cosine transform under a blur, [H, W] or [H, W, 1]."""
    half = kernel[len(kernel) // 2 :]
    factors = []
    for side in image.shape[:2]:
        angles = np.pi * np.multiply.outer(np.arange(side), np.arange(1, len(half))) / side
        factors.append(half[0] + 2.0 * np.cos(angles) @ half[1:])
    response = np.multiply.outer(*factors)
    return np.asarray(response.reshape(*response.shape, *[1] * (image.ndim - 2)))


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
    """Interpolate a mosaic [H, W] or [H, W, C] between its blocks.

    It has `blocks` blocks across its shorter side, each of at least `least` pixels.
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
    """Peak signal-to-noise ratio of grey images [H, W], as a share of `DECIBELS`, at most 1."""
    error = float(np.square(one.astype(np.float64) - other).mean())
    decibels = 10.0 * np.log10(255.0**2 / max(error, 1e-9))
    return float(np.clip(decibels / DECIBELS, 0.0, 1.0))
