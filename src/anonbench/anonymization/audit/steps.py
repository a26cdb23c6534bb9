"""Methods that hide each kind of region, read from the config, and what they promise."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, cast

import numpy as np

from anonbench.anonymization.audit import Failure, NotHidden
from anonbench.anonymization.audit.regions import Region
from anonbench.anonymization.audit.visibility import check_custom_method
from anonbench.config import Anonymization
from anonbench.core.registries.method_names import base_of
from anonbench.core.registries.methods import METHODS, WEAK, Method, RegionWindow

_LEFT = ("none", "coarse", "unknown", "most", "all")
"""Information left in a region. If kinds of regions have different methods, the strongest come
first, and are visible where they overlap.
"""
UNKNOWN = _LEFT.index("unknown")
_PROVED = ("mask", "inpaint", "replace")
"""Methods whose promise proves that nothing of a region's pixels is left: a region may then be
unchanged only by chance.
"""
WINDOWS: dict[str, Callable[[Any], int]] = {
    "pixelate": lambda method: 2,
    "blur": lambda method: 5,
    "mask": lambda method: 4 if method.colour == "mean" else 1,
    "replace": lambda method: 1,
    "box_blur": lambda method: 5,
    "median": lambda method: 5,
    "dp_pixelate": lambda method: method.min_block,
    "inpaint": lambda method: 1,
    "noise": lambda method: 1,
    "tile_shuffle": lambda method: 4,
    "patch_shuffle": lambda method: 2,
    "random_crop": lambda method: 4,
    "swirl": lambda method: 2,
    "barrel": lambda method: 1,
    "equalize": lambda method: 4,
    "recolour": lambda method: 1,
}
"""Least sides of the built-in methods' windows: a narrower region is computed with the pixels
beside it. Written once more, and not taken from `Method.least_side`, since a method that forgets it
shows a pixel as its own mean.
"""
_AROUND = {"inpaint": 5}
"""Width in pixels of the surroundings of a region that affect the result."""


class Step(NamedTuple):
    """A method, or a strength of one, with its parameters."""

    name: str
    base: str
    method: Any

    @property
    def is_built_in(self) -> bool:
        """Whether it comes with anonbench."""
        return self.base in WINDOWS

    @property
    def least(self) -> int:
        """Least sides of the window of each region."""
        return int(WINDOWS.get(self.base, lambda method: method.least_side())(self.method))

    @property
    def around(self) -> int:
        """Width of the surroundings of each region."""
        return _AROUND.get(self.base, 0) if self.is_built_in else int(self.method.surroundings())

    @property
    def leaves(self) -> int:
        """Place in `_LEFT` of what it leaves."""
        left = self.method.information_left
        return _LEFT.index(left) if left in _LEFT else UNKNOWN

    @property
    def shows_nothing(self) -> bool:
        """Whether that is proved."""
        return self.base in _PROVED

    def kept(self, inside: RegionWindow) -> np.ndarray:
        """Pixels of a region that are as the method promises, bool [h, w].

        Raises:
            Failure: the region is visible although the method says that it is not, or what it says
                cannot be used.

        """
        mask, (original, written) = inside.mask, (inside.original, inside.written)
        if self.is_built_in:
            if self.least > 1 and mask.size == 1:
                raise NotHidden("an image of one pixel has nothing to average it with")
        else:
            own = original[:, mask]
            if np.array_equal(own, written[:, mask]) and own.size and np.ptp(own, axis=1).any():
                raise NotHidden("a region is unchanged")
            if (left := self.method.information_left) not in WEAK:
                check_custom_method(original, written, mask, left == "none")
        kept = np.asarray(self.method.is_hidden_in(inside), bool)
        if kept.shape != mask.shape:
            raise Failure(f"its method's check returns shape {kept.shape}, not {mask.shape}")
        if not self.is_built_in and (mask & ~kept).any() and not mask.all():
            raise Failure(
                "the method's is_hidden rejects pixels where regions overlap: it has to judge each "
                "pixel as if the other regions did not exist"
            )
        return kept


def steps_of(name: str, entity: str, settings: Anonymization) -> list[Step]:
    """Return the methods, one after the other, that hide a region of a kind.

    Raises:
        Failure: one of them has no check.

    """
    base, method = base_of(name), cast("Any", settings.method(name))
    kind = METHODS[base]
    if base == "layers":
        names = method.methods
    elif base == "by_entity":
        names = (getattr(method, entity),)
    elif kind.steps is not Method.steps:
        names = method.steps(entity)
    elif (kind.is_hidden, kind.is_hidden_in) == (Method.is_hidden, Method.is_hidden_in):
        raise Failure("its method defines no check for the audit (docs/how-to/adding.md)")
    else:
        return [Step(name, base, method)]
    return [step for each in names for step in steps_of(each, entity, settings)]


class MethodGroup(NamedTuple):
    """Regions that are hidden by the same methods."""

    steps: list[Step]
    regions: list[Region]
    """In draw order."""

    @property
    def leaves(self) -> int:
        """Information left by all steps together: that of the strongest."""
        return min(step.leaves for step in self.steps)


def group_by_methods(
    name: str, hidden: Sequence[Region], settings: Anonymization
) -> list[MethodGroup]:
    """Regions by their methods.

    The strongest come first, with all their steps. Later ones must not change their pixels, and see
    them hidden: otherwise a method that moves pixels would show again what another one had hidden.
    """
    groups: dict[tuple[str, ...], MethodGroup] = {}
    kinds = {each: steps_of(name, each, settings) for each in {r.entity for r in hidden}}
    for region in hidden:
        steps = kinds[region.entity]
        names = tuple(step.name for step in steps)
        groups.setdefault(names, MethodGroup(steps, [])).regions.append(region)
    return [groups[names] for names in sorted(groups, key=lambda each: (groups[each].leaves, each))]
