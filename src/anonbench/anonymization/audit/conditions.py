"""Conditions that the pixels inside a region must meet, by anonymization method.

Those of the built-in methods follow from the config and are computed in another way than by the
anonymizer. Any other method has its own (`anonbench.core.registries.methods.Method.is_hidden`).
Without a condition an image is refused.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, cast

import numpy as np

from anonbench.anonymization.audit import Failure, NotHidden, formulas, keyed
from anonbench.anonymization.audit.formulas import (
    LEAST_BLOCK,
    LEAST_KERNEL,
    LEAST_SIGMA,
    RADIUS,
    RegionWindow,
)
from anonbench.anonymization.audit.redrawn import redrawn
from anonbench.anonymization.audit.regions import Region
from anonbench.anonymization.audit.visibility import check_custom_method
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
class Condition:
    """Condition that a method's result must meet; functions get the method's parameters."""

    correct: Callable[[RegionWindow, Any], np.ndarray]
    """Returns bool [h, w]: the pixels with the method's result for the original; only those of
    `mask` and `edge` are used.
    """
    leaves: int
    least: Callable[[Any], int] = lambda method: 1
    """Least sides of the window, if the image is large enough: a narrower region is computed
    together with the pixels beside it.
    """
    around: Callable[[Any], int] = lambda method: 0
    """Width in pixels of the surroundings of a region that affect the result."""
    shows_nothing: bool = False
    """Whether it is proved that nothing of a region's pixels is left: a region may then be
    unchanged only by chance.
    """


def _least(side: int) -> Callable[[Any], int]:
    return lambda method: side


CONDITIONS: dict[str, Condition] = {
    "mask": Condition(
        formulas.uniform_colour,
        NONE,
        least=lambda method: 4 if method.colour == "mean" else 1,
        shows_nothing=True,
    ),
    "inpaint": Condition(
        formulas.filled_in, NONE, around=lambda method: RADIUS + 2, shows_nothing=True
    ),
    "replace": Condition(redrawn, MEANS, shows_nothing=True),
    "pixelate": Condition(formulas.constant_blocks, MEANS, _least(LEAST_BLOCK)),
    "blur": Condition(formulas.low_pass, MEANS, _least(2 * math.ceil(LEAST_SIGMA) + 1)),
    "box_blur": Condition(formulas.box_means, MEANS, _least(LEAST_KERNEL)),
    "median": Condition(formulas.medians, MEANS, _least(LEAST_KERNEL)),
    "dp_pixelate": Condition(keyed.noisy_blocks, MEANS, lambda method: method.min_block),
    "noise": Condition(keyed.noisy_values, MOST),
    "random_crop": Condition(keyed.enlarged_part, MOST, _least(4)),
    "swirl": Condition(formulas.turned, MOST, _least(2)),
    "barrel": Condition(formulas.bulged, MOST),
    "equalize": Condition(formulas.even_histogram, MOST, _least(4)),
    "tile_shuffle": Condition(keyed.mixed_tiles, ALL, _least(4)),
    "patch_shuffle": Condition(keyed.mixed_patches, ALL, _least(2)),
    "recolour": Condition(formulas.converted_colours, ALL),
}


def own_condition(inside: RegionWindow, method: AnyMethod) -> np.ndarray:
    """Pixels that a method's own check accepts; an unchanged region is refused first."""
    original, written = inside.original[:, inside.mask], inside.written[:, inside.mask]
    if inside.mask.any() and np.array_equal(original, written) and np.ptp(original, axis=1).any():
        raise NotHidden("a region is unchanged")
    if method.information_left not in WEAK:
        check_custom_method(
            inside.original, inside.written, inside.mask, method.information_left == "none"
        )
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
    condition: Condition
    method: Any

    @property
    def window(self) -> tuple[int, int]:
        """Least sides and surroundings of the window of each region."""
        return self.condition.least(self.method), self.condition.around(self.method)


def steps_of(name: str, entity: str, settings: Anonymization) -> list[Step]:
    """Return the methods, one after the other, that hide a region of a kind.

    Raises:
        Failure: one of them has no condition.

    """
    base, method = base_of(name), cast("Any", settings.method(name))
    if base in CONDITIONS:
        return [Step(name, CONDITIONS[base], method)]
    if base == "layers":
        names = method.methods
    elif base == "by_entity":
        names = (getattr(method, entity),)
    elif METHODS[base].steps is not AnyMethod.steps:
        names = method.steps(entity)
    elif METHODS[base].is_hidden is AnyMethod.is_hidden:
        raise Failure("its method defines no check for the audit (docs/how-to/adding.md)")
    else:
        leaves = _STATED.get(method.information_left, UNKNOWN)
        condition = Condition(
            own_condition, leaves, lambda m: m.least_side(), lambda m: m.surroundings()
        )
        return [Step(name, condition, method)]
    return [step for each in names for step in steps_of(each, entity, settings)]


class MethodGroup(NamedTuple):
    """Regions that are hidden by the same methods."""

    steps: list[Step]
    regions: list[Region]
    """In draw order."""

    @property
    def leaves(self) -> int:
        """Information left by all steps together: that of the strongest."""
        return min(step.condition.leaves for step in self.steps)


def group_by_methods(
    name: str, hidden: Sequence[Region], settings: Anonymization
) -> list[MethodGroup]:
    """Regions by their methods.

    The strongest come first, with all their steps. Later ones must not change their pixels, and see
    them hidden: otherwise a method that moves pixels would show again what another one had hidden.
    """
    groups: dict[tuple[str, ...], MethodGroup] = {}
    kinds = {r.entity: steps_of(name, r.entity, settings) for r in hidden}
    for region in hidden:
        steps = kinds[region.entity]
        names = tuple(step.name for step in steps)
        groups.setdefault(names, MethodGroup(steps, [])).regions.append(region)
    return [groups[names] for names in sorted(groups, key=lambda each: (groups[each].leaves, each))]
