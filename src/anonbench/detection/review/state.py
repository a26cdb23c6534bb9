"""One image's regions and corrections, as the page shows them and sends them back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from anonbench.core.boxes import Region
from anonbench.core.errors import InputError
from anonbench.core.vocabulary import Entity
from anonbench.datasets.annotations import Correction, correct
from anonbench.datasets.annotations.corrections import Action
from anonbench.detection.quality.quality import Size
from anonbench.detection.review.changes import key_of

MOST = 5000
"""Regions of an image."""
_FARTHEST = 1e9


@dataclass(frozen=True)
class State:
    """Findings in an image, and its current corrections."""

    found: Sequence[Region]
    present: Sequence[Correction]

    @cached_property
    def added(self) -> dict[str, Region]:
        """Regions that corrections add, by row of the file."""
        adding = [c for c in self.present if c.action is Action.ADD]
        return {c.row: c.region for c in adding if c.region is not None}

    def shown(self) -> list[dict[str, Any]]:
        """Return the regions that are hidden; `found` or `row` gives the origin of each."""
        kept = self._kept()
        again = self._added_keys()
        found = [
            _plain(region) | {"found": place, "score": round(region.score, 3)}
            for place, region in enumerate(self.found)
            if place in kept and key_of(region) not in again
        ]
        return found + [_plain(region) | {"row": row} for row, region in self.added.items()]

    def removed(self) -> list[dict[str, Any]]:
        """Return the regions that were found and that corrections remove."""
        kept, again = self._kept(), self._added_keys()
        return [
            _plain(region) | {"found": place}
            for place, region in enumerate(self.found)
            if place not in kept and key_of(region) not in again
        ]

    def wanted(self, regions: Sequence[dict[str, Any]], size: Size) -> list[Region]:
        """Return the regions that the page requests.

        Args:
            regions: each `{"found": place}`, `{"row": row}` or `{"entity": …, "box": [x0, …]}`.
            size: width and height of the image.

        Raises:
            InputError: one of them is not known, or no box inside the image.

        """
        if len(regions) > MOST:
            raise InputError(f"More than {MOST} regions.")
        result = []
        for given in regions:
            place, row = given.get("found"), given.get("row")
            if type(place) is int and 0 <= place < len(self.found):
                result.append(self.found[place])
            elif isinstance(row, str) and row in self.added:
                result.append(self.added[row])
            else:
                result.append(_new(given.get("entity"), given.get("box"), size))
        return result

    def _kept(self) -> set[int]:
        removals = [c for c in self.present if c.action is Action.REMOVE]
        left = {id(region) for region in correct(self.found, removals)[0]}
        return {place for place, region in enumerate(self.found) if id(region) in left}

    def _added_keys(self) -> set[object]:
        return {key_of(region) for region in self.added.values()}


def _plain(region: Region) -> dict[str, Any]:
    return {
        "entity": str(region.entity),
        "box": [region.x0, region.y0, region.x1, region.y1],
        "quad": None if region.quad is None else list(region.quad),
    }


def _new(entity: Any, box: Any, size: Size) -> Region:
    numbers = isinstance(box, list) and [
        value for value in box if type(value) in (int, float) and abs(value) < _FARTHEST
    ]
    if not numbers or len(numbers) != 4 or numbers != box or entity not in list(Entity):
        raise InputError("A region needs an entity and a box of four numbers.")
    x0, y0, x1, y1 = (float(value) for value in numbers)
    inside = min(x0, y0) >= 0 and x1 <= size[0] and y1 <= size[1]
    if not (inside and x1 - x0 >= 1 and y1 - y0 >= 1):
        raise InputError("A region is smaller than a pixel, or not inside the image.")
    return Region(Entity(entity), x0, y0, x1, y1, 1.0)
