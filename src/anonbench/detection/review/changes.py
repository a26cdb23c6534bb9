"""One image's regions and corrections: as the page shows them, and as rows of the file."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from anonbench.core.boxes import Region
from anonbench.core.errors import InputError
from anonbench.core.vocabulary import Entity
from anonbench.datasets.annotations.read import Action, Correction, correct
from anonbench.detection.quality import Size

Key = tuple[str, float, float, float, float]


def key_of(region: Region) -> Key:
    """Key that identifies a region of an image: entity and box, as stored (float32)."""
    x0, y0, x1, y1 = np.array([region.x0, region.y0, region.x1, region.y1], np.float32).tolist()
    return (str(region.entity), x0, y0, x1, y1)


def found_without(
    regions: Sequence[Region], corrections: Sequence[Correction]
) -> tuple[list[Region], int]:
    """Findings of detectors in an image, from the regions after corrections (the box table's).

    Regions that a correction added are left out. Removed ones are put back if the removal has
    their position; they have no score and no slant. Also returned: the number of added ones that
    the table lacks; it was then written with other corrections.
    """
    left, absent = list(regions), 0
    for added in _regions(corrections, Action.ADD):
        same = [i for i, region in enumerate(left) if key_of(region) == key_of(added)]
        if same:
            # added regions come after equal ones: they have the full score and no slant
            same.sort(key=lambda i: (left[i].score, left[i].quad is None))
            del left[same[-1]]
        else:
            absent += 1
    known = {key_of(region) for region in left}
    removed = _regions(corrections, Action.REMOVE)
    return left + [region for region in removed if key_of(region) not in known], absent


def _regions(corrections: Sequence[Correction], action: Action) -> list[Region]:
    return [c.region for c in corrections if c.action is action and c.region is not None]


def corrections_for(
    found: Sequence[Region], present: Sequence[Correction], wanted: Sequence[Region]
) -> tuple[list[Correction], list[Correction]]:
    """Corrections of an image to keep, and new ones to add, so that `wanted` comes out.

    A removal takes all regions of its entity that overlap it by half. If one of these is wanted,
    it is removed by name and added again: additions come after removals.
    """
    keys = {key_of(region) for region in wanted}
    adding = [(c, c.region) for c in present if c.action is Action.ADD and c.region is not None]
    kept = [c for c, region in adding if key_of(region) in keys]
    added = {key_of(region) for _, region in adding} & keys
    for correction in present:
        if correction.action is Action.REMOVE:
            hit = {key_of(region) for region in found if not correct([region], [correction])[0]}
            if not hit & keys - added:
                kept.append(correction)
    new: list[Correction] = []
    surplus = {key_of(r): r for r in correct(found, kept)[0] if key_of(r) not in keys}
    new += [_remove(region) for region in surplus.values()]
    # a box that no removal can match is removed together with all of its entity
    stubborn = {r.entity for r in correct(found, kept + new)[0] if key_of(r) in surplus}
    new += [Correction("", Action.REMOVE, entity, None) for entity in sorted(stubborn)]
    by_key = {key_of(region): region for region in found}
    while True:
        there = {key_of(region) for region in correct(found, kept + new)[0]}
        missing = {key_of(r): r for r in wanted if key_of(r) not in there}
        if not missing:
            return sorted(kept, key=lambda c: int(c.row)), new
        for name, region in missing.items():
            if name in by_key and region.entity not in stubborn:
                new.append(_remove(region))
            new.append(Correction("", Action.ADD, region.entity, region))


def _remove(region: Region) -> Correction:
    return Correction("", Action.REMOVE, region.entity, region)


MOST = 5000  # regions of an image
_FARTHEST = 1e9


def added_regions(present: Sequence[Correction]) -> dict[str, Region]:
    """Regions that corrections add, by row of the file."""
    return {c.row: c.region for c in present if c.action is Action.ADD and c.region is not None}


def shown_regions(
    found: Sequence[Region], present: Sequence[Correction]
) -> dict[str, list[dict[str, Any]]]:
    """The `regions` that are hidden, and those that are `removed`, as the page shows them.

    `found` or `row` gives the origin of each.
    """
    added = added_regions(present)
    removals = [c for c in present if c.action is Action.REMOVE]
    left = {id(region) for region in correct(found, removals)[0]}
    again = {key_of(region) for region in added.values()}
    hidden, removed = [], []
    for place, region in enumerate(found):
        plain = _plain(region) | {"found": place}
        if key_of(region) in again:
            continue
        if id(region) in left:
            hidden.append(plain | {"score": round(region.score, 3)})
        else:
            removed.append(plain)
    hidden += [_plain(region) | {"row": row} for row, region in added.items()]
    return {"regions": hidden, "removed": removed}


def wanted_regions(
    found: Sequence[Region],
    present: Sequence[Correction],
    requested: Sequence[dict[str, Any]],
    size: Size,
) -> list[Region]:
    """Regions that the page requests: by `found`, by `row`, or by entity and box.

    Raises:
        InputError: one of them is not known, or no box inside the image (width, height).
    """
    if len(requested) > MOST:
        raise InputError(f"More than {MOST} regions.")
    added, result = added_regions(present), []
    for given in requested:
        place, row = given.get("found"), given.get("row")
        if type(place) is int and 0 <= place < len(found):
            result.append(found[place])
        elif isinstance(row, str) and row in added:
            result.append(added[row])
        else:
            result.append(_new(given.get("entity"), given.get("box"), size))
    return result


def _plain(region: Region) -> dict[str, Any]:
    return {
        "entity": str(region.entity),
        "box": [region.x0, region.y0, region.x1, region.y1],
        "quad": None if region.quad is None else list(region.quad),
    }


def _new(entity: Any, box: Any, size: Size) -> Region:
    is_box = isinstance(box, list) and len(box) == 4
    if (
        entity not in list(Entity)
        or not is_box
        or not all(type(value) in (int, float) and abs(value) < _FARTHEST for value in box)
    ):
        raise InputError("A region needs an entity and a box of four numbers.")
    x0, y0, x1, y1 = map(float, box)
    inside = min(x0, y0) >= 0 and x1 <= size[0] and y1 <= size[1]
    if not (inside and x1 - x0 >= 1 and y1 - y0 >= 1):
        raise InputError("A region is smaller than a pixel, or not inside the image.")
    return Region(Entity(entity), x0, y0, x1, y1, 1.0)
