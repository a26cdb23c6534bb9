"""Pairs of original and hidden regions of train images, and the restorers learned from them.

Persons of the images that are attacked are left out, whatever the splits say.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from threading import Lock

import numpy as np
import pandas as pd

from anonbench.anonymization.geometry import cover
from anonbench.core.boxes import Region, image_regions
from anonbench.core.progress import track
from anonbench.core.vocabulary import Entity, Variant
from anonbench.evaluation.privacy.attacks.kinds.reconstruction import put, undone
from anonbench.evaluation.privacy.attacks.regions import draw
from anonbench.evaluation.privacy.attacks.restorer import Pair, Restorer, lack_of, learned
from anonbench.evaluation.privacy.crops import Readable
from anonbench.evaluation.privacy.train_images import HIDDEN, HiddenOnRead, TrainImages


class LearnedRestorers:
    """Learns once of each method, however many attacks restore by it."""

    def __init__(
        self,
        train: TrainImages,
        boxes: pd.DataFrame,
        people: Mapping[str, str],
        attacked: Collection[str],
        most: int,
        noise: float,
        seed: int,
    ) -> None:
        """Draw the regions; no image is read yet.

        Args:
            train: images of the train split.
            boxes: columns of `anonbench.core.boxes`, of both splits.
            people: the person of each image, where it is known.
            attacked: ids of the validation images; their persons are left out.
            most: regions of each entity.
            noise: see `undone`.
            seed: of the draw.

        """
        shown = {people[name] for name in attacked if name in people}
        free = set(train.originals.ids) - set(attacked)
        ids = {name for name in free if people.get(name) not in shown}
        self._drawn = draw(boxes, ids, most, seed)
        self._train, self._noise = train, noise
        self._regions = image_regions(boxes[boxes["id"].isin(set(self._drawn["id"]))])
        of_entity = self._drawn.groupby("entity")["id"]
        sizes, images = of_entity.size(), of_entity.nunique()
        self._lacks = {
            entity: lack_of(int(sizes.get(entity, 0)), int(images.get(entity, 0)))
            for entity in Entity
        }
        self._learned: dict[str, Mapping[str, Restorer]] = {}
        self._learning = Lock()

    def lack(self, entity: str) -> str:
        """See `anonbench.core.registries.privacy_attacks.Restorers.lack`."""
        return self._lacks[Entity(entity)]

    def restored(self, image: np.ndarray, region: Region, variant: Variant) -> np.ndarray:
        """See `anonbench.core.registries.privacy_attacks.Restorers.restored`."""
        settings = self._train.settings
        area = cover(region, image.shape, settings.margin)
        method = variant.method
        if method is None or area is None:
            return image
        with self._learning:  # images are read by several threads
            if method not in self._learned:
                self._learned[method] = self._learn(method)
        found = undone(image, region, variant, settings, self._noise)[0].copy()
        seen = found[area.window]
        put(seen, self._learned[method][region.entity](seen), area)
        return found

    def _learn(self, method: str) -> dict[str, Restorer]:
        """Return the restorers of one method by entity; each image is hidden once for all."""
        settings, variant = self._train.settings, Variant(method, HIDDEN)
        hidden: Readable = self._train.given.get(method) or HiddenOnRead(
            self._train, self._regions, method
        )
        pairs: dict[str, list[Pair]] = {}
        rows = self._drawn.groupby("id", sort=False)["order"]
        images = [(str(name), sorted(orders)) for name, orders in rows]
        for image_id, orders in track(images, len(images), "train images hidden"):
            clear, shown = (each.read(image_id) for each in (self._train.originals, hidden))
            for order in orders:
                region = self._regions[image_id][order]
                area = cover(region, clear.shape, settings.margin)
                if area is None or self.lack(region.entity):
                    continue
                seen = undone(shown, region, variant, settings, self._noise)[0][area.window]
                pair = Pair(seen.copy(), clear[area.window].copy(), image_id)
                pairs.setdefault(region.entity, []).append(pair)
        return {entity: learned(own, entity) for entity, own in pairs.items()}
