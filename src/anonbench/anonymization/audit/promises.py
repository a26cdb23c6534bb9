"""Promises of the anonymization methods about the pixels inside a region.

Promises of the built-in methods are stated in terms of the config and computed in another way than
by the anonymizer. Any other method states its own
(`anonbench.core.registries.methods.Method.is_hidden`). Without a promise an image is refused.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, cast

import numpy as np

from anonbench.anonymization.audit import averages, keyed
from anonbench.anonymization.audit.errors import Failure, NotHidden
from anonbench.anonymization.audit.inside import Inside
from anonbench.anonymization.audit.redrawn import redrawn
from anonbench.anonymization.audit.regions import Region
from anonbench.anonymization.audit.remains import check_unlike
from anonbench.config import Anonymization
from anonbench.core.registries.method_names import base_of
from anonbench.core.registries.methods import METHODS, WEAK
from anonbench.core.registries.methods import Method as AnyMethod

NONE, MEANS, UNKNOWN, MOST, ALL = range(5)
"""Information left in a region: none, means, unknown, most, or all of it. If kinds of regions have
different methods, the strongest come first, and are visible where they overlap.
"""
_STATED = {"none": NONE, "coarse": MEANS, "most": MOST, "all": ALL}


@dataclass(frozen=True)
class Promise:
    """Condition that a method's result must meet; functions get the method's parameters."""

    kept: Callable[[Inside, Any], np.ndarray]
    """Returns bool [h, w]: the pixels with the method's result for the original; only those of
    `mask` and `edge` are used. Raises Failure if a property of the region's pixels as a whole does
    not hold.
    """
    leaves: int
    least: Callable[[Any], int] = lambda asked: 1
    """Least sides of the window, if the image is large enough: a narrower region is computed
    together with the pixels beside it.
    """
    around: Callable[[Any], int] = lambda asked: 0
    """Width in pixels of the surroundings of a region that affect the result."""
    shows_nothing: bool = False
    """Whether it is proved that nothing of a region's pixels is left: a region may then be
    unchanged only by chance.
    """


PROMISES: dict[str, Promise] = {
    "mask": Promise(
        averages.one_colour,
        NONE,
        least=lambda asked: 4 if asked.colour == "mean" else 1,
        shows_nothing=True,
    ),
    "inpaint": Promise(
        averages.filled_in, NONE, around=lambda asked: asked.radius + 2, shows_nothing=True
    ),
    "replace": Promise(redrawn, MEANS, shows_nothing=True),
    "pixelate": Promise(averages.constant_blocks, MEANS, least=lambda asked: asked.min_block),
    "blur": Promise(
        averages.low_pass, MEANS, least=lambda asked: 2 * math.ceil(asked.min_sigma) + 1
    ),
    "box_blur": Promise(averages.box_means, MEANS, least=lambda asked: asked.min_size),
    "median": Promise(averages.medians, MEANS, least=lambda asked: asked.min_size),
    "dp_pixelate": Promise(keyed.noisy_blocks, MEANS, least=lambda asked: asked.min_block),
    "noise": Promise(keyed.noisy_values, MOST),
    "random_crop": Promise(keyed.enlarged_part, MOST, least=lambda asked: 4),
    "swirl": Promise(averages.turned, MOST, least=lambda asked: 2),
    "barrel": Promise(averages.bulged, MOST),
    "equalize": Promise(averages.even_histogram, MOST, least=lambda asked: 4),
    "tile_shuffle": Promise(keyed.mixed_tiles, ALL, least=lambda asked: 4),
    "patch_shuffle": Promise(keyed.mixed_patches, ALL, least=lambda asked: 2),
    "recolour": Promise(averages.other_space, ALL),
}


def stated(inside: Inside, method: AnyMethod) -> np.ndarray:
    """Refuse a region that is still visible, whatever its method says; then ask the method."""
    original, written = inside.original[:, inside.mask], inside.written[:, inside.mask]
    if inside.mask.any() and np.array_equal(original, written) and np.ptp(original, axis=1).any():
        raise NotHidden("a region is unchanged")
    if method.residue not in WEAK:
        check_unlike(inside.original, inside.written, inside.mask, method.residue == "none")
    kept = np.asarray(method.is_hidden(inside.original, inside.written, inside.entity), bool)
    if kept.shape == inside.mask.shape and (inside.mask & ~kept).any() and not inside.mask.all():
        raise Failure(
            "the method's is_hidden rejects pixels where regions overlap: it has to judge each "
            "pixel as if the other regions did not exist"
        )
    return kept


class Step(NamedTuple):
    """A method, or a strength of one, with its parameters."""

    name: str
    promise: Promise
    asked: Any


def steps_of(name: str, entity: str, settings: Anonymization) -> list[Step]:
    """Return the methods, one after the other, that hide a region of a kind.

    Raises:
        Failure: one of them promises nothing.

    """
    base, asked = base_of(name), cast("Any", settings.method(name))
    if base in PROMISES:
        return [Step(name, PROMISES[base], asked)]
    if base == "layers":
        names = asked.methods
    elif base == "by_entity":
        names = (getattr(asked, entity),)
    elif METHODS[base].steps is not AnyMethod.steps:
        names = asked.steps(entity)
    elif METHODS[base].is_hidden is AnyMethod.is_hidden:
        raise Failure("its method defines no check for the audit (docs/how-to/adding.md)")
    else:
        leaves = _STATED.get(asked.residue, UNKNOWN)
        promise = Promise(stated, leaves, lambda m: m.least_side(), lambda m: m.surroundings())
        return [Step(name, promise, asked)]
    return [step for each in names for step in steps_of(each, entity, settings)]


class Turn(NamedTuple):
    """Regions that are hidden by the same methods."""

    steps: list[Step]
    regions: list[Region]
    """In draw order."""

    @property
    def leaves(self) -> int:
        """Information left by all steps together: that of the strongest."""
        return min(step.promise.leaves for step in self.steps)


def in_turn(name: str, hidden: Sequence[Region], settings: Anonymization) -> list[Turn]:
    """Regions by their methods.

    The strongest come first, with all their steps. Later ones must not change their pixels, and see
    them hidden: otherwise a method that moves pixels would show again what another one had hidden.
    """
    turns: dict[tuple[str, ...], Turn] = {}
    kinds = {r.entity: steps_of(name, r.entity, settings) for r in hidden}
    for region in hidden:
        steps = kinds[region.entity]
        names = tuple(step.name for step in steps)
        turns.setdefault(names, Turn(steps, [])).regions.append(region)
    return [turns[names] for names in sorted(turns, key=lambda each: (turns[each].leaves, each))]
