"""Pairs of original and hidden regions of train images, and the restorers learned from them.

Persons of the images that are attacked are left out, whatever the splits say.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

import pandas as pd

from anonbench.anonymization.geometry import cover
from anonbench.core.boxes import image_regions
from anonbench.core.progress import track
from anonbench.core.vocabulary import Entity
from anonbench.evaluation.privacy.attacks.regions import draw
from anonbench.evaluation.privacy.attacks.restorer import Pair, Restorer, lack, learned
from anonbench.evaluation.privacy.crops import Readable
from anonbench.evaluation.privacy.lessons import HiddenOnRead, TrainImages


class LearnedRestorers:
    """Learns once of each method, however many attacks restore by it."""

    def __init__(
        self,
        train: TrainImages,
        boxes: pd.DataFrame,
        people: Mapping[str, str],
        attacked: Collection[str],
        most: int,
        seed: int,
    ) -> None:
        """Draw the regions; no image is read yet.

        Args:
            train: images of the train split.
            boxes: columns of `anonbench.core.boxes`, of both splits.
            people: the person of each image, where it is known.
            attacked: ids of the validation images; their persons are left out.
            most: regions of each entity.
            seed: of the draw.

        """
        shown = {people[name] for name in attacked if name in people}
        free = set(train.originals.ids) - set(attacked)
        ids = {name for name in free if people.get(name) not in shown}
        drawn = draw(boxes, ids, most, seed)
        self._train, self._drawn = train, drawn
        self._regions = image_regions(boxes[boxes["id"].isin(set(drawn["id"]))])
        counts = drawn.groupby("entity")["id"].agg(["size", "nunique"])
        found = {str(name): (int(n), int(images)) for name, n, images in counts.itertuples()}
        self._lacks = {entity: lack(*found.get(entity, (0, 0))) for entity in Entity}
        self._learned: dict[str, Mapping[str, Restorer]] = {}

    def lack(self, entity: str) -> str:
        """Return why an entity's regions are not restored, for people; nothing if they are."""
        return self._lacks[Entity(entity)]

    def of(self, method: str, entity: str) -> Restorer:
        """Return what was learned of a method; of an entity without a `lack`."""
        if method not in self._learned:
            self._learned[method] = self._learn(method)
        return self._learned[method][entity]

    def _learn(self, method: str) -> dict[str, Restorer]:
        """Return the restorers of one method by entity; each image is hidden once for all."""
        hidden: Readable = self._train.given.get(method) or HiddenOnRead(
            self._train, self._regions, method
        )
        pairs: dict[str, list[Pair]] = {}
        images = self._drawn.groupby("id", sort=False)["order"]
        for image_id, orders in track(list(images), len(images), "train images hidden"):
            clear, shown = (each.read(image_id) for each in (self._train.originals, hidden))
            for order in sorted(orders):
                region = self._regions[image_id][order]
                area = cover(region, clear.shape, self._train.settings.margin)
                if area is not None and not self.lack(region.entity):
                    pair = Pair(shown[area.window].copy(), clear[area.window].copy(), image_id)
                    pairs.setdefault(region.entity, []).append(pair)
        return {entity: learned(own, entity) for entity, own in pairs.items()}
