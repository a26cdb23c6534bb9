"""The order in which an image's regions have to be hidden, where kinds have different methods.

What hides most comes first, with all its steps. What comes later may change no pixel of it, and
sees it hidden: else a method that moves pixels would show again what another one had hidden.
"""

from __future__ import annotations

from collections.abc import Sequence

from anonbench.anonymization.audit.promises import steps_of
from anonbench.anonymization.audit.regions import Region
from anonbench.config import Anonymization
from anonbench.core.registries.method_names import base_of
from anonbench.core.registries.methods import METHODS

_PLACES = (
    {"mask", "inpaint"},
    {"blur", "box_blur", "dp_pixelate", "median", "pixelate", "replace"},
    set[str](),
    {"barrel", "equalize", "noise", "random_crop", "swirl"},
    {"patch_shuffle", "recolour", "tile_shuffle"},
)
"""Methods of which nothing is left in a region, means, what nobody knows, most, all of it."""
_STATED = {"none": 0, "coarse": 1, "most": 3, "all": 4}
_NOT_KNOWN = 2
_PROVED = {"mask", "inpaint", "replace"}
"""Methods that show nothing of a region's pixels, which is proved of each: what they cover may look
as it was only where it was so by chance."""


def in_turn(
    name: str, hidden: Sequence[Region], settings: Anonymization
) -> list[tuple[list[str], list[Region]]]:
    """Return the methods of each kind of region, with its regions in draw order."""
    steps = {entity: steps_of(name, entity, settings) for entity in {r.entity for r in hidden}}
    turns = {(min(map(_place, names)), tuple(names)) for names in steps.values()}
    return [
        ([*names], [region for region in hidden if steps[region.entity] == [*names]])
        for _, names in sorted(turns)
    ]


def shows_nothing(names: Sequence[str]) -> bool:
    """Tell whether it is proved of one of several methods that nothing of a region is left."""
    return any(base_of(name) in _PROVED for name in names)


def is_weak(names: Sequence[str]) -> bool:
    """Tell whether methods, one after the other, promise to leave most of a region."""
    return min(map(_place, names)) > _NOT_KNOWN


def _place(name: str) -> int:
    """Return how much a method leaves, from 0 for nothing; another package's says so itself."""
    method = base_of(name)
    for place, names in enumerate(_PLACES):
        if method in names:
            return place
    return _STATED.get(METHODS[method].residue, _NOT_KNOWN)
