"""Train images, hidden by attackers that learn."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from anonbench.anonymization.apply import anonymize
from anonbench.config import Anonymization
from anonbench.core.boxes import Region
from anonbench.core.vocabulary import Variant
from anonbench.datasets.images import decode, encode
from anonbench.embedding.given.images import Picture
from anonbench.evaluation.privacy.crops import (
    Images,
    Readable,
)

HIDDEN = 100
"""Degree at which training sets are hidden."""
KEPT_BYTES = 2**28
"""Size of the images that are cached in memory, because several attackers read them."""


class KeptImages:
    """Images that are read once, as far as `KEPT_BYTES` allows."""

    def __init__(self, images: Readable) -> None:
        self._images = images
        self._kept: dict[str, np.ndarray] = {}
        self._left = KEPT_BYTES

    def read(self, image_id: str) -> np.ndarray:
        """See `Readable.read`; the result must not be modified."""
        if image_id in self._kept:
            return self._kept[image_id]
        image = self._images.read(image_id)
        if image.nbytes <= self._left:
            self._left -= image.nbytes
            image.flags.writeable = False
            self._kept[image_id] = image
        return image


class GivenImages:
    """Images of a user, read on demand."""

    def __init__(self, pictures: Mapping[str, Picture]) -> None:
        self._pictures = pictures

    @property
    def ids(self) -> list[str]:
        """The ids, sorted."""
        return sorted(self._pictures)

    def read(self, image_id: str) -> np.ndarray:
        """Return one image, uint8 [H, W] or [H, W, 3] RGB."""
        return self._pictures[image_id].pixels()

    def read_bytes(self, image_id: str) -> bytes:
        """Read the encoded bytes of one image."""
        data = self._pictures[image_id].data
        assert data is not None, "arrays are no files"
        return data()


@dataclass(frozen=True)
class TrainImages:
    """Data that attackers may learn from, and how images are hidden."""

    originals: Images
    settings: Anonymization
    given: Mapping[str, Images] = field(default_factory=dict)
    """Images by method that an attacker cannot produce: of other programs, or redrawn."""

    def free_of(self, attacked: Collection[str], people: Mapping[str, str]) -> set[str]:
        """Ids of the images that show no attacked person, even if the splits share persons.

        Args:
            attacked: ids of the images that are attacked.

        """
        shown = {people[name] for name in attacked if name in people}
        free = set(self.originals.ids) - set(attacked)
        return {name for name in free if people.get(name) not in shown}


class HiddenOnRead:
    """Images with all regions hidden by one method, encoded like the published ones."""

    def __init__(
        self,
        originals: Readable,
        settings: Anonymization,
        regions: Mapping[str, Sequence[Region]],
        method: str,
        degree: int = HIDDEN,
    ) -> None:
        """Take the images and how they are hidden.

        Args:
            originals: of the images.
            settings: how they are hidden.
            regions: all regions of the images, in draw order.
            method: that hides them.
            degree: percent of an image's regions that are hidden.

        """
        self._originals, self._settings = originals, settings
        self._regions = regions
        self._variant = Variant(method, degree)

    def read(self, image_id: str) -> np.ndarray:
        """See `Readable.read`."""
        image, regions = self._originals.read(image_id), self._regions[image_id]
        hidden = anonymize(image, regions, self._variant, self._settings)
        if self._settings.format == "png":  # lossless: the same pixels at two thirds of the time
            return hidden
        return decode(encode(hidden, self._settings.format))
