"""Methods that hide each kind of region, read from the config, and what they promise."""

from __future__ import annotations

from collections.abc import Sequence
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
SHOW_NOTHING = ("mask", "inpaint", "replace")
"""Methods whose promise proves that nothing of a region's pixels is left: a region may then be
unchanged only by chance.
"""
_LEAST = {
    **dict.fromkeys(("mask", "replace", "inpaint", "noise", "barrel", "recolour"), 1),
    **dict.fromkeys(("pixelate", "swirl", "patch_shuffle", "dp_pixelate"), 2),
    **dict.fromkeys(("random_crop", "equalize", "tile_shuffle"), 4),
    **dict.fromkeys(("blur", "box_blur", "median"), 5),
}
_AROUND = {"inpaint": 5}
"""Least sides in pixels of built-in methods' windows, and the width of the surroundings that they
see. A narrower region is computed with the pixels beside it. Written down once more, since a method
that forgets it shows a pixel as its own mean.
"""


class Step(NamedTuple):
    """A method, or a strength of one, that hides regions."""

    name: str
    base: str
    """Name of the method, whatever its strength."""
    method: Any
    """With its parameters."""
    is_built_in: bool
    least: int
    """Least sides of the window of each region."""
    around: int
    """Width of the surroundings of each region."""
    leaves: int
    """Place in `_LEFT`."""

    @classmethod
    def of(cls, name: str, method: Any) -> Step:
        """Read what is known of a method."""
        base = method.name
        is_built_in = base in _LEAST  # no other package's method may have such a name
        left = method.information_left
        leaves = _LEFT.index(left) if left in _LEFT else UNKNOWN
        if not is_built_in:
            least, around = method.least_side(), method.surroundings()
        else:
            least, around = _LEAST[base], _AROUND.get(base, 0)
            least = method.min_block if base == "dp_pixelate" else least
            least = 4 if base == "mask" and method.colour == "mean" else least
        return cls(name, base, method, is_built_in, least, around, leaves)

    def kept(self, inside: RegionWindow) -> np.ndarray:
        """Pixels of a region that are as the method promises, bool [h, w].

        Raises:
            Failure: the region is visible although the method says that it is not, or what it says
                cannot be used.

        """
        mask, (original, written) = inside.mask, (inside.original, inside.written)
        if self.is_built_in and self.least > 1 and mask.size == 1:
            raise NotHidden("an image of one pixel has nothing to average it with")
        if not self.is_built_in:
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
        return [Step.of(name, method)]
    return [step for each in names for step in steps_of(each, entity, settings)]


def group_by_methods(
    name: str, hidden: Sequence[Region], settings: Anonymization
) -> list[tuple[int, list[Step], list[Region]]]:
    """Regions in draw order by their methods, and the information that these leave together.

    The strongest come first, with all their steps. Later ones must not change their pixels, and see
    them hidden: otherwise a method that moves pixels would show again what another one had hidden.
    """
    kinds = {each: steps_of(name, each, settings) for each in {r.entity for r in hidden}}
    groups: dict[tuple[int, tuple[str, ...]], tuple[int, list[Step], list[Region]]] = {}
    for region in hidden:
        steps = kinds[region.entity]
        leaves = min(step.leaves for step in steps)
        names = leaves, tuple(step.name for step in steps)
        groups.setdefault(names, (leaves, steps, []))[2].append(region)
    return [groups[names] for names in sorted(groups)]
