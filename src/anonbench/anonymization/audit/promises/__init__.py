"""Promises of the anonymization methods about the pixels inside a region.

Promises of the built-in methods are stated in the config's terms and computed in another way than
the anonymizer does. Another package's method states its own
(`anonbench.core.registries.methods.Method.is_hidden`). Without a promise an image is refused.
"""

from __future__ import annotations

import numpy as np

from anonbench.anonymization.audit.errors import Failure, NotHidden
from anonbench.anonymization.audit.promises.averages import (
    BoxMeans,
    ConstantBlocks,
    LowPass,
    Medians,
)
from anonbench.anonymization.audit.promises.colours import EvenHistogram, OneColour, OtherSpace
from anonbench.anonymization.audit.promises.filled import FilledIn
from anonbench.anonymization.audit.promises.inside import Inside, Promise
from anonbench.anonymization.audit.promises.keyed import (
    EnlargedPart,
    MixedPatches,
    MixedTiles,
    NoisyBlocks,
    NoisyValues,
)
from anonbench.anonymization.audit.promises.moved import Bulge, Turn
from anonbench.anonymization.audit.promises.redrawn import Redrawn
from anonbench.anonymization.audit.remains import check_unlike
from anonbench.config import Anonymization
from anonbench.core.registries.method_names import base_of
from anonbench.core.registries.methods import METHODS, WEAK
from anonbench.core.registries.methods import Method as AnyMethod
from anonbench.core.vocabulary import Method

__all__ = ["PROMISES", "Inside", "Promise", "StatedPromise", "promise_of", "steps_of"]


class StatedPromise(Promise):
    """Another package's method: what its own `is_hidden` says."""

    def __init__(self, method: type[AnyMethod]) -> None:
        self._method = method

    def least(self, settings: Anonymization) -> int:
        """Return what the method asks for."""
        return settings.of(self._method).least_side()

    def around(self, settings: Anonymization) -> int:
        """Return what the method asks for."""
        return settings.of(self._method).surroundings()

    def kept(self, inside: Inside, settings: Anonymization) -> np.ndarray:
        """Refuse a region that is still there, whatever the method says; then ask the method."""
        original, written = inside.original[:, inside.mask], inside.written[:, inside.mask]
        as_it_was = inside.mask.any() and np.array_equal(original, written)
        if as_it_was and np.ptp(original, axis=1).any():
            raise NotHidden("a region is as it was")
        if self._method.residue not in WEAK:
            claims_none = self._method.residue == "none"
            check_unlike(inside.original, inside.written, inside.mask, claims_none)
        is_hidden = settings.of(self._method).is_hidden
        kept = np.asarray(is_hidden(inside.original, inside.written, inside.entity), bool)
        if (
            kept.shape == inside.mask.shape
            and (inside.mask & ~kept).any()
            and not inside.mask.all()
        ):
            raise Failure(
                "the method's own is_hidden denies pixels of a region whose window has pixels of "
                "others: it has to judge each pixel as if these were not there"
            )
        return kept


PROMISES: dict[str, Promise] = {
    Method.MASK: OneColour(),
    Method.PIXELATE: ConstantBlocks(),
    Method.BLUR: LowPass(),
    "box_blur": BoxMeans(),
    "median": Medians(),
    "dp_pixelate": NoisyBlocks(),
    "inpaint": FilledIn(),
    "noise": NoisyValues(),
    "tile_shuffle": MixedTiles(),
    "patch_shuffle": MixedPatches(),
    "random_crop": EnlargedPart(),
    "swirl": Turn(),
    "barrel": Bulge(),
    "equalize": EvenHistogram(),
    "recolour": OtherSpace(),
    "replace": Redrawn(),
}


class OfStrength(Promise):
    """A strength of a method: what the method promises with the strength's parameters."""

    def __init__(self, promise: Promise, name: str) -> None:
        self._promise = promise
        self._name = name

    def least(self, settings: Anonymization) -> int:
        """See `Promise.least`."""
        return self._promise.least(settings.at(self._name))

    def around(self, settings: Anonymization) -> int:
        """See `Promise.around`."""
        return self._promise.around(settings.at(self._name))

    def plain(self, pixels: np.ndarray, settings: Anonymization) -> np.ndarray | None:
        """See `Promise.plain`."""
        return self._promise.plain(pixels, settings.at(self._name))

    def kept(self, inside: Inside, settings: Anonymization) -> np.ndarray:
        """See `Promise.kept`."""
        return self._promise.kept(inside, settings.at(self._name))


def steps_of(name: str, entity: str, settings: Anonymization) -> list[str]:
    """Return the methods that a region of a kind is hidden by, one after the other."""
    method = base_of(name)
    of_name = settings.at(name)
    if method == "layers":
        steps = list(of_name.layers.methods)
    elif method == "by_entity":
        steps = [getattr(of_name.by_entity, entity)]
    elif method in PROMISES or METHODS[method].steps is AnyMethod.steps:
        return [name]
    else:
        steps = list(of_name.of(METHODS[method]).steps(entity))
    return [each for step in steps for each in steps_of(step, entity, settings)]


def promise_of(name: str) -> Promise:
    """Return what a method, or a strength of one, promises.

    Raises:
        Failure: it promises nothing.

    """
    if name not in METHODS:
        return OfStrength(promise_of(base_of(name)), name)
    if name in PROMISES:
        return PROMISES[name]
    method = METHODS[name]
    if method.is_hidden is AnyMethod.is_hidden:
        raise Failure("its method declares no promise to the audit")
    return StatedPromise(method)
