"""Images that are attacked, and train images that attackers hide themselves."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd

from anonbench.anonymization.checked import as_published
from anonbench.config import Anonymization
from anonbench.core.boxes import Region
from anonbench.core.vocabulary import Variant
from anonbench.embedding.given_images import Picture
from anonbench.evaluation.privacy.crops import Images, Readable

HIDDEN = 100  # degree at which training sets are hidden
KEPT_BYTES = 2**28  # of the images that are cached, because several attackers read them


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
class Published:
    """Published images, what attackers have beside them, and what the rates need."""

    originals: Images  # of the validation split
    versions: Mapping[Variant, Readable]
    boxes: pd.DataFrame  # columns of `anonbench.core.boxes`, of both splits
    people: Mapping[str, str] = field(default_factory=dict)  # person of each image, where known
    train: Images | None = None
    """Originals of the train split, which attackers hide themselves and learn from."""
    given: Mapping[str, Images] = field(default_factory=dict)
    """Train images by method that an attacker cannot produce: of other programs, or redrawn."""
    clusters: pd.Series = field(default_factory=lambda: pd.Series(dtype="int64"))  # by image id
    labels: Mapping[str, str] = field(default_factory=dict)  # class of each image, where known
    attributes: Mapping[str, Mapping[str, str]] = field(default_factory=dict)  # further labels
    embeddings: Mapping[Variant, Path] = field(default_factory=dict)
    """HDF5 of each version's vectors, including the originals; empty if there are none."""
    training_vectors: Mapping[Variant, Path] = field(default_factory=dict)
    """As `embeddings`, of the train images; mapped ones by maps that have not seen them, those of
    adaption D by models that have."""
    maps: Mapping[Variant, Path] = field(default_factory=dict)
    """Maps by mapped variant, learned from the train images, or from the originals without any."""

    def train_ids(self) -> set[str]:
        """Ids of the train images that show no attacked person, even if the splits share some."""
        attacked = self.originals.ids
        shown = {self.people[name] for name in attacked if name in self.people}
        free = set(self.train.ids if self.train else ()) - set(attacked)
        return {name for name in free if self.people.get(name) not in shown}

    def hidden_train(
        self,
        method: str,
        regions: Mapping[str, Sequence[Region]],
        hiding: Anonymization,
        originals: Readable | None = None,
    ) -> Readable:
        """Train images, cached ones if given, with all their regions hidden by a method."""
        assert self.train is not None, "there are no train images"
        hidden = HiddenOnRead(originals or self.train, hiding, regions, method)
        return self.given.get(method) or hidden


@dataclass(frozen=True)
class HiddenOnRead:
    """Images with regions hidden by one method, encoded like the published ones."""

    originals: Readable
    settings: Anonymization
    regions: Mapping[str, Sequence[Region]]  # all regions of the images, in draw order
    method: str
    degree: int = HIDDEN

    def read(self, image_id: str) -> np.ndarray:
        """See `Readable.read`."""
        variant = Variant(self.method, self.degree)
        original = self.originals.read(image_id)
        regions = self.regions[image_id]
        return as_published(image_id, original, regions, variant, self.settings).pixels
