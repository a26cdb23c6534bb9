"""Residual detection: whether a detector still finds hidden regions in published images."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar

from anonbench.core.boxes import Region
from anonbench.core.errors import InputError, UnreadableImage
from anonbench.core.registries.attacks import (
    AttackNotPossibleError,
    Equipment,
    LoadedAttack,
    RegionAttack,
    RegionShares,
)
from anonbench.core.settings import Count
from anonbench.core.vocabulary import Variant

if TYPE_CHECKING:
    import numpy as np

    from anonbench.core.registries.detectors import Detector

OWN, OTHER = "found", "found_by_other"
SHARE = 0.5
"""Least share of the smaller of region and detected box that lies in the other. Detectors frame the
same face or line more or less tightly, and regions have margins."""
OTHERS = ("centerface", "mtcnn")  # one without its package or weights is left out
_log = logging.getLogger(__name__)
_Secret = tuple[Region, dict[str, list[Region]]]


class Residual(RegionAttack):
    """Detectors on whole published images: those that found the regions, and others.

    A region counts as found where a detected box of its entity lies on it.
    """

    name: ClassVar = "residual"
    label: ClassVar = "Detection after hiding"
    seconds_an_image: ClassVar = (0.1, 0.4)
    seconds_a_region: ClassVar = 0.0

    images: Count = 50  # Largest number of images with each kind of region.

    def detectors(self, own: Sequence[str]) -> tuple[str, ...]:
        """See `RegionAttack.detectors`."""
        return (*own, *OTHERS)

    def load(self, equipment: Equipment) -> LoadedAttack:
        """See `RegionAttack.load`."""
        own = _loaded(equipment.detectors, equipment)
        others: dict[str, Detector] = {}
        for name in OTHERS:
            if name not in equipment.detectors:
                try:
                    others |= _loaded([name], equipment)
                except InputError as error:
                    _log.warning("%s is left out: %s", name, error)
        if not own and not others:
            raise AttackNotPossibleError("the data set's regions come from no detector")
        return _Searching({OWN: own, OTHER: others})


@dataclass(frozen=True)
class _Searching:
    """Secrets are regions with what detectors of their entity found in the image, by measure."""

    detectors: Mapping[str, Mapping[str, Detector]]

    def look(self, image: np.ndarray, regions: Sequence[Region], variant: Variant) -> list[Any]:
        secrets: list[_Secret] = [(region, {}) for region in regions]
        for measure, named in self.detectors.items():
            sought = {entity for name in named for entity in _entities(name)}
            found: list[Region] = []
            failed = set[str]()  # what they would have found is not known
            for name, detector in named.items():
                if any(region.entity in _entities(name) for region in regions):
                    try:
                        found += detector.detect([image])[0]
                    except UnreadableImage as error:
                        _log.warning("%s cannot look at an image: %s", name, error)
                        failed |= {*_entities(name)}
            for region, boxes in secrets:
                if region.entity in sought - failed or _shows(region, found):
                    boxes[measure] = found
        return secrets

    def shares(self, truth: _Secret, found: _Secret) -> RegionShares:
        (region, _), (other, boxes_of) = truth, found
        return {
            measure: float(_shows(replace(region, entity=other.entity), boxes))
            for measure, boxes in boxes_of.items()
        }


def _shows(region: Region, boxes: Sequence[Region]) -> bool:
    return any(box.entity == region.entity and lies_on(region, box) for box in boxes)


def lies_on(region: Region, box: Region) -> bool:
    """Whether a detected box shows where a region is, see `SHARE`."""
    width = min(region.x1, box.x1) - max(region.x0, box.x0)
    height = min(region.y1, box.y1) - max(region.y0, box.y0)
    smaller = min((each.x1 - each.x0) * (each.y1 - each.y0) for each in (region, box))
    return width > 0 and height > 0 and width * height >= SHARE * smaller


def _entities(name: str) -> tuple[str, ...]:
    from anonbench.detection.kinds import kind_named

    return kind_named(name).entities


def _loaded(names: Sequence[str], equipment: Equipment) -> dict[str, Detector]:
    from anonbench.detection.search import build_all

    # templates and files of regions do not depend on the image, so they are no attack
    able = [name for name in names if _entities(name) and name != "template"]
    return build_all(able, equipment.detection, equipment.threads)
