"""Reconstruction of hidden regions, followed by comparison, reading and decoding."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import cache
from operator import attrgetter
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from anonbench.core.boxes import Region
from anonbench.core.libraries.opencv import cv2
from anonbench.core.registries.attacks import (
    LEARNED,
    EachRegion,
    Equipment,
    LoadedAttack,
    RegionAttack,
    RegionShares,
)
from anonbench.core.vocabulary import Entity, Method, Variant
from anonbench.evaluation.privacy.attacks.kinds.reading import Barcodes, MrzReading, Readability

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
    tells_hidden: ClassVar = True
    restores: ClassVar = True

    def load(self, equipment: Equipment) -> LoadedAttack:
        """See `RegionAttack.load`."""
        from anonbench.anonymization.geometry import cover

        def grey(versions: Sequence[np.ndarray], region: Region) -> np.ndarray | None:
            area = cover(region, versions[0].shape, equipment.anonymization.margin)
            if area is None:
                return None
            seen = versions[0][area.window].astype(np.float32)
            return seen if seen.ndim == 2 else seen.mean(axis=2, dtype=np.float32)

        def compared(truth: np.ndarray, found: np.ndarray) -> RegionShares:
            # another region, as a guess, has another size
            scaled = np.asarray(cv2.resize(found, truth.shape[::-1]))
            return {"ssim": similarity(truth, scaled), "psnr": signal_to_noise(truth, scaled)}

        return _restoring(equipment, grey, compared)


class Reconstruction(RegionAttack):
    """Text, machine-readable zones and barcodes read from restored regions.

    Blur is undone by Wiener and Richardson-Lucy deconvolution with the exact kernel, and mosaic is
    smoothed; then lines and zones are read and barcodes decoded. The output of a learned restorer
    is read too.

    For a line, the restoration with the recognizer's highest confidence counts. Zones are restored
    by Wiener deconvolution alone, after which more is read of them. Regions hidden by other methods
    are read unchanged, except by the restorer, which learns any method.
    """

    name: ClassVar = "reconstruction"
    label: ClassVar = "Reconstruction, then reading"
    tells_hidden: ClassVar = True
    restores: ClassVar = True
    entities: ClassVar = (Entity.TEXT, Entity.MRZ, Entity.BARCODE)
    reads_text: ClassVar = True
    seconds_a_region: ClassVar = 0.045

    def load(self, equipment: Equipment) -> LoadedAttack:
        """See `RegionAttack.load`."""
        kinds = {Entity.TEXT: Readability, Entity.MRZ: MrzReading, Entity.BARCODE: Barcodes}

        @cache
        def reader(entity: str) -> LoadedAttack:  # not loaded if there are no such regions
            return kinds[Entity(entity)]().load(equipment)

        def read(versions: Sequence[np.ndarray], region: Region) -> tuple[str, Any]:
            """Contents of codes, or the best reading of a line or zone."""
            reads = [reader(region.entity).look(each, [region], Variant())[0] for each in versions]
            if region.entity == Entity.BARCODE:
                return region.entity, set().union(*reads)
            is_zone = region.entity == Entity.MRZ  # which is restored in one way
            return region.entity, reads[0] if is_zone else max(reads, key=attrgetter("confidence"))

        def compared(truth: tuple[str, Any], found: tuple[str, Any]) -> RegionShares:
            (entity, shown), (other, again) = truth, found
            return reader(entity).shares(shown, again) if entity == other else {}

        return _restoring(equipment, read, compared, ITERATIONS)


NOISE = 3e-5  # power of the noise relative to that of the image, for Wiener deconvolution
ITERATIONS = 30  # of Richardson-Lucy deconvolution


def undone(
    image: np.ndarray, region: Region, variant: Variant, hiding: Any, iterations: int = 0
) -> list[np.ndarray]:
    """Undo the hiding of a region in each way there is, simplest first; return the images.

    Several methods on top of each other are undone in reverse order; one that cannot be undone is
    left. Images are uint8 [H, W] or [H, W, 3], `hiding` is the section `anonymization`, and
    `iterations` are those of Richardson-Lucy deconvolution (0: without it).
    """
    from anonbench.anonymization.geometry import cover_by
    from anonbench.anonymization.methods.blur import LEAST_SIGMA
    from anonbench.anonymization.methods.pixelate import LEAST_BLOCK

    if variant.method is None or str(variant.method) not in hiding.names:
        return [image]
    entity = region.entity
    used = [step for _, step in hiding.steps(variant.method, entity)][::-1]
    ways: list[Callable[[np.ndarray, np.ndarray], np.ndarray]] = [wiener]
    if iterations and Method.BLUR in {step.name for step in used}:
        ways.append(lambda blurred, kernel: richardson_lucy(blurred, kernel, iterations))
    versions = []
    for way in ways:
        restored = image.copy()
        for step in used:
            area = cover_by(step, region, image.shape, hiding)
            if area is None:
                continue
            seen = restored[area.window]
            if step.name == Method.PIXELATE:
                put(seen, smoothed(seen, float(getattr(step.blocks, entity)), LEAST_BLOCK), area)
            elif step.name == Method.BLUR:
                sigma = float(getattr(step.sigma, entity)) * min(seen.shape[:2])
                kernel = gaussian(max(LEAST_SIGMA, sigma))
                blurred = seen
                if not area.inside.all():  # blur around it, as if the whole window were blurred
                    border = cv2.BORDER_REFLECT
                    blurred = cv2.sepFilter2D(seen, cv2.CV_32F, kernel, kernel, borderType=border)
                    blurred = np.asarray(blurred, np.float64)
                    blurred[area.inside] = seen[area.inside]
                put(seen, way(blurred, kernel), area)
        versions.append(restored)
    return versions


def _restoring(
    equipment: Equipment,
    secret: Callable[[Sequence[np.ndarray], Region], Any],
    compared: Callable[[Any, Any], RegionShares],
    iterations: int = 0,
) -> EachRegion:
    """Attack that restores each region in all ways; secrets are by the prefix of their measures."""
    restorers = equipment.restorers

    def restored(image: np.ndarray, region: Region, variant: Variant) -> dict[str, Any] | None:
        many = 0 if region.entity == Entity.MRZ else iterations
        known = secret(undone(image, region, variant, equipment.anonymization, many), region)
        if known is None:
            return None
        secrets = {"": known}
        if restorers and not restorers.lack(region.entity):
            if variant.method is not None:  # else nothing was changed: read it once
                known = secret([restorers.restored(image, region, variant)], region)
            secrets[LEARNED] = known
        return secrets

    def shares(truth: dict[str, Any], found: dict[str, Any]) -> RegionShares:
        return {
            f"{prefix}{measure}": share
            for prefix, each in found.items()
            for measure, share in compared(truth[""], each).items()
        }

    return EachRegion(restored, shares)


def put(seen: np.ndarray, restored: np.ndarray, area: Cover) -> None:
    """Write restored pixels into a window, limited to the region."""
    seen[area.inside] = np.rint(restored).astype(np.uint8)[area.inside]


def gaussian(sigma: float) -> np.ndarray:
    """Kernel of the method blur, float64 [2 R + 1], cut off where it is negligible."""
    return np.asarray(cv2.getGaussianKernel(2 * int(np.ceil(6 * sigma)) + 1, sigma))[:, 0]


def wiener(blurred: np.ndarray, kernel: np.ndarray, noise: float = NOISE) -> np.ndarray:
    """Undo a blur of [H, W] or [H, W, C] by Wiener deconvolution (Wiener 1949), float64.

    With a mirrored border, convolution with an even kernel (along each axis, [2 R + 1]) multiplies
    the cosine transform (type II), so that no information is lost at the border. `noise` is the
    ratio of the noise's power to the image's.
    """
    response = _responses(blurred, kernel)
    gain = response / (np.square(response) + noise)
    return np.asarray(np.clip(_filtered(blurred.astype(np.float64), gain), 0.0, 255.0))


def _filtered(image: np.ndarray, gain: np.ndarray) -> np.ndarray:
    from scipy.fft import dctn, idctn

    spectrum = gain * dctn(image, axes=(0, 1), norm="ortho")
    return np.asarray(idctn(spectrum, axes=(0, 1), norm="ortho"))


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

    Its shorter side has `blocks` blocks, each of at least `least` pixels.
    """
    height, width = mosaic.shape[:2]
    side = max(least, math.ceil(min(height, width) / blocks))
    few = (max(1, width // side), max(1, height // side))
    means = cv2.resize(mosaic, few, interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.resize(means, (width, height), interpolation=cv2.INTER_CUBIC))


DECIBELS = 50.0  # peak signal-to-noise ratio that counts as 1: an error of 0.8 grey levels


def similarity(one: np.ndarray, other: np.ndarray) -> float:
    """Mean structural similarity of grey images [H, W], at least 0 (Wang et al. 2004, eq. 13)."""

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
