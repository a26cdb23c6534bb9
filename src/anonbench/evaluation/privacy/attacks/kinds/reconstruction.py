"""Reconstruction of hidden regions, followed by comparison, reading and decoding.

Deconvolution knows the method; a restorer learned it from train images that were hidden alike.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from anonbench.core.boxes import Region
from anonbench.core.libraries.opencv import cv2
from anonbench.core.registries.attacks import (
    Equipment,
    Looking,
    RegionAttack,
    RegionShares,
    Restorers,
    Risk,
)
from anonbench.core.settings import Count, Positive
from anonbench.core.vocabulary import Entity, Method, Variant
from anonbench.evaluation.privacy.attacks.deconvolution import (
    gaussian,
    richardson_lucy,
    signal_to_noise,
    similarity,
    smoothed,
    wiener,
)
from anonbench.evaluation.privacy.attacks.kinds.reading import Readability, decoded, surrounded

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

    noise: Positive = 3e-5
    """Power of the noise (rounding to whole grey levels) over that of the image, for Wiener."""

    def load(self, equipment: Equipment) -> Looking:
        """See `RegionAttack.load`."""
        return _Comparing(equipment, self.noise)


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
    seconds_an_image: ClassVar = 0.15

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


LEARNED = "learned_"
"""Prefix of measures of a learned restorer."""
Deconvolution = Callable[[np.ndarray, np.ndarray], np.ndarray]
"""Function of a blurred window and the kernel that returns the deblurred window."""


def undone(
    image: np.ndarray,
    region: Region,
    variant: Variant,
    hiding: Any,
    noise: float,
    iterations: int = 0,
) -> list[np.ndarray]:
    """Undo the hiding of a region in each way there is, simplest first; return the images.

    Several methods on top of each other are undone in reverse order. Methods that cannot be undone
    are left as they are.

    Args:
        image: uint8 [H, W] or [H, W, 3].
        region: the hidden region.
        variant: how it was hidden.
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
                put(seen, _before(seen, step, area, region.entity, way), area)
        versions.append(restored)
    return versions


def _before(
    seen: np.ndarray, step: Any, area: Cover, entity: str, way: Deconvolution
) -> np.ndarray:
    """A window before one method was applied to it."""
    if step.name == Method.BLUR:
        share = float(getattr(step.sigma, entity))
        kernel = gaussian(max(step.min_sigma, share * min(seen.shape[:2])))
        return way(_as_blurred(seen, area, kernel), kernel)
    if step.name == Method.PIXELATE:
        return smoothed(seen, float(getattr(step.blocks, entity)), step.min_block)
    return seen


def _restored(
    image: np.ndarray, region: Region, variant: Variant, restorers: Restorers | None
) -> np.ndarray | None:
    """The image with a region restored by a learned restorer; None if none was learned."""
    if restorers is None or restorers.lack(region.entity):
        return None
    return restorers.restored(image, region, variant)


@dataclass(frozen=True)
class _Found:
    """Result for a region by each way to restore it."""

    known: Any
    """Result with knowledge of the method."""
    learned: Any
    """Result by a learned restorer; None if none was learned."""

    def shares(self, truth: Any, compare: Callable[[Any, Any], RegionShares]) -> RegionShares:
        """Shares of both ways; those of the second are prefixed with `learned_`."""
        shares = dict(compare(truth, self.known))
        if self.learned is not None:
            learned = compare(truth, self.learned)
            shares |= {f"{LEARNED}{measure}": share for measure, share in learned.items()}
        return shares


class _Comparing:
    def __init__(self, equipment: Equipment, noise: float) -> None:
        self._equipment = equipment
        self._noise = noise

    def look(self, image: np.ndarray, regions: Sequence[Region], variant: Variant) -> list[Any]:
        """See `Looking.look`: gives the region's window in grey."""
        return [self._one(image, region, variant) for region in regions]

    def _one(self, image: np.ndarray, region: Region, variant: Variant) -> _Found | None:
        from anonbench.anonymization.geometry import cover

        hiding = self._equipment.anonymization
        area = cover(region, image.shape, hiding.margin)
        if area is None:
            return None
        (known,) = undone(image, region, variant, hiding, self._noise)
        learned = _restored(image, region, variant, self._equipment.restorers)
        return _Found(
            _grey(known[area.window]), None if learned is None else _grey(learned[area.window])
        )

    def shares(self, truth: _Found, found: _Found) -> RegionShares:
        """Structural similarity and signal-to-noise ratio; a guess is first resized."""
        return found.shares(truth.known, _likeness)


def _likeness(truth: np.ndarray, found: np.ndarray) -> RegionShares:
    scaled = np.asarray(cv2.resize(found, (truth.shape[1], truth.shape[0])))
    return {"ssim": similarity(truth, scaled), "psnr": signal_to_noise(truth, scaled)}


def _grey(seen: np.ndarray) -> np.ndarray:
    return seen.astype(np.float32) if seen.ndim == 2 else seen.mean(axis=2, dtype=np.float32)


class _Restoring:
    def __init__(self, settings: Reconstruction, equipment: Equipment) -> None:
        self._settings = settings
        self._hiding = equipment.anonymization
        self._equipment = equipment
        self._reader: Looking | None = None

    def look(self, image: np.ndarray, regions: Sequence[Region], variant: Variant) -> list[Any]:
        """See `Looking.look`: gives the line that was read, or the contents of codes."""
        return [self._one(image, region, variant) for region in regions]

    def _one(self, image: np.ndarray, region: Region, variant: Variant) -> _Found:
        noise, iterations = self._settings.noise, self._settings.iterations
        versions = undone(image, region, variant, self._hiding, noise, iterations)
        known = self._got(versions, region, variant)
        learned = _restored(image, region, variant, self._equipment.restorers)
        if learned is None:
            return _Found(known, None)
        is_clear = variant.method is None  # nothing was changed: read it once
        return _Found(known, known if is_clear else self._got([learned], region, variant))

    def _got(self, versions: Sequence[np.ndarray], region: Region, variant: Variant) -> Any:
        """Text or codes of a region, read in several versions of an image."""
        if region.entity == Entity.BARCODE:
            return {text for each in versions for text in decoded(surrounded(each, region))}
        reader = self._line_reader()
        lines = [reader.look(each, [region], variant)[0] for each in versions]
        return max(lines, key=lambda line: line.confidence)

    def _line_reader(self) -> Looking:
        if self._reader is None:  # not needed if there are only barcodes
            self._reader = Readability().load(self._equipment)
        return self._reader

    def shares(self, truth: _Found, found: _Found) -> RegionShares:
        """Shares that were read or decoded after restoration."""
        return found.shares(truth.known, self._compared)

    def _compared(self, truth: Any, found: Any) -> RegionShares:
        if isinstance(truth, set):
            return {"decoded": float(bool(truth & found))} if truth else {}
        return self._line_reader().shares(truth, found)


def _as_blurred(seen: np.ndarray, area: Cover, kernel: np.ndarray) -> np.ndarray:
    """Blur the surroundings of a slanted region too, as if the whole window were blurred."""
    if area.inside is None:
        return seen
    outside = cv2.sepFilter2D(seen, cv2.CV_32F, kernel, kernel, borderType=cv2.BORDER_REFLECT)
    whole = outside.astype(np.float64)
    whole[area.inside] = seen[area.inside]
    return whole


def put(seen: np.ndarray, restored: np.ndarray, area: Cover) -> None:
    """Write restored pixels into a window, limited to the region."""
    values = np.rint(restored).astype(np.uint8)
    if area.inside is None:
        seen[...] = values
    else:
        seen[area.inside] = values[area.inside]
