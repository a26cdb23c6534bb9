"""Corrections that turn an image's findings into the regions that a person wants hidden."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from anonbench.core.boxes import Region
from anonbench.datasets.annotations import Correction, correct
from anonbench.datasets.annotations.corrections import Action

Key = tuple[str, float, float, float, float]


def key_of(region: Region) -> Key:
    """Key that identifies a region of an image: entity and box, as stored (float32)."""
    x0, y0, x1, y1 = np.array([region.x0, region.y0, region.x1, region.y1], np.float32).tolist()
    return (str(region.entity), x0, y0, x1, y1)


def found_without(
    regions: Sequence[Region], corrections: Sequence[Correction]
) -> tuple[list[Region], int]:
    """Findings of detectors in an image, from the regions after corrections.

    Regions that a correction added are left out. Removed ones are put back if the removal has
    their position; they have no score and no slant.

    Args:
        regions: from the box table, written by detection with these corrections.
        corrections: those that detection applied to the image.

    Returns:
        The regions, and the number of added ones that the table lacks: it was then written with
        other corrections.

    """
    left = list(regions)
    absent = 0
    for correction in corrections:
        if correction.action is not Action.ADD or correction.region is None:
            continue
        wanted = key_of(correction.region)
        same = [i for i, region in enumerate(left) if key_of(region) == wanted]
        if same:
            # added regions come after equal ones: they have the full score and no slant
            same.sort(key=lambda i: (left[i].score, left[i].quad is None))
            del left[same[-1]]
        else:
            absent += 1
    removed = [c.region for c in corrections if c.action is Action.REMOVE and c.region is not None]
    known = {key_of(region) for region in left}
    return left + [region for region in removed if key_of(region) not in known], absent


def corrections_for(
    found: Sequence[Region], present: Sequence[Correction], wanted: Sequence[Region]
) -> tuple[list[Correction], list[Correction]]:
    """Corrections of an image to keep, and new ones to add, so that `wanted` comes out.

    A removal takes all regions of its entity that overlap it by half. If one of these is wanted,
    it is removed by name and added again: additions come after removals.

    Args:
        found: findings of the detectors.
        present: the image's current corrections.
        wanted: the regions to hide.

    """
    keys = {key_of(region) for region in wanted}
    adding = [c for c in present if c.region is not None and c.action is Action.ADD]
    kept = [c for c in adding if c.region is not None and key_of(c.region) in keys]
    added = {key_of(c.region) for c in kept if c.region is not None}
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
