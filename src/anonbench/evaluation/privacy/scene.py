"""Attackers' view of a data set: the crops of all galleries, and their vectors."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from anonbench.config import Anonymization
from anonbench.config.privacy import Privacy
from anonbench.core.boxes import Region
from anonbench.core.registries.attacks import Attacker, is_aligned
from anonbench.core.vocabulary import Entity, Variant
from anonbench.evaluation.privacy.crops import Cut, Points, Readable, find_points, read_crops
from anonbench.evaluation.privacy.gallery import Gallery, Match
from anonbench.evaluation.privacy.kinds import KINDS

Regions = Mapping[str, Sequence[Region]]
"""Of each image, in draw order."""
Vectors = Mapping[tuple[Entity, float], np.ndarray]
"""Vectors of one attacker for the crops of each gallery (`Gallery.key`), float32 [N, D]."""


Crops = Mapping[Cut, np.ndarray]
"""Crops of all galleries in one variant, by cut; black where a variant is not compared."""


@dataclass(frozen=True)
class Seen:
    """Crops of a variant, and their vectors by attacker and gallery."""

    variant: Variant
    crops: Crops
    vectors: Mapping[str, Vectors]


class Scene:
    """Galleries of one data set, with all their crops in one table."""

    def __init__(
        self, galleries: Sequence[Gallery], settings: Privacy, hiding: Anonymization
    ) -> None:
        """Take the data; nothing is read yet.

        Args:
            galleries: of the data set.
            settings: section `privacy` of the config.
            hiding: how images are hidden.

        """
        self.galleries = galleries
        table = pd.concat(
            [
                gallery.crops.assign(
                    margin=margin_of(gallery, settings, hiding),
                    context=gallery.context,
                    is_compared=gallery.crops["probe"] | (gallery.match is Match.PERSON),
                )
                for gallery in galleries
            ],
            ignore_index=True,
        )
        self._size = len(table)
        # rows of one image together, so that it is decoded once
        self._read = table.assign(place=np.arange(len(table))).sort_values(["id", "order"])
        self._compared = self._read[self._read["is_compared"]]
        self._points: Points = {}

    def seen(
        self,
        variant: Variant,
        images: Readable,
        regions: Regions,
        attackers: Mapping[str, Attacker],
        clear: Seen | None = None,
    ) -> Seen:
        """Crops in one variant, and their vectors by each attacker that is shown them.

        All crops of the originals are read, and of a variant only those to compare. Faces are
        aligned by the points of the originals, so the originals must be read first.

        Args:
            variant: of the images.
            images: to read.
            regions: of the images.
            attackers: by name.
            clear: the originals as seen; None if the images are the originals.

        Raises:
            InputError: faces are to be aligned, and MTCNN is not installed.

        """
        entities = {gallery.entity for gallery in self.galleries}
        able = (able_attackers(attackers, entity).values() for entity in entities)
        cuts = sorted({cut for each in able for cut in cuts_of(each)})
        rows = self._read if clear is None else self._compared
        if clear is None and any(cut.aligned for cut in cuts):
            self._points = find_points(images, regions, rows)
        crops = {cut: np.zeros((self._size, cut.side, cut.side, 3), np.uint8) for cut in cuts}
        for cut, values in read_crops(images, regions, rows, cuts, self._points).items():
            crops[cut][rows["place"].to_numpy()] = values
        vectors = {
            name: self.embedded(
                attacker,
                [each for each in self.slices() if each[0].entity in entities_of(name)],
                crops,
                None if clear is None else (clear.crops, clear.vectors[name]),
            )
            for name, attacker in attackers.items()
        }
        return Seen(variant, crops, vectors)

    def embedded(
        self,
        attacker: Attacker,
        galleries: Iterable[tuple[Gallery, slice]],
        crops: Crops,
        clear: tuple[Crops, Vectors] | None = None,
    ) -> Vectors:
        """Embed galleries' crops; only the probes if regions are matched.

        Args:
            attacker: embeds them.
            galleries: with the rows of their crops.
            crops: to embed.
            clear: the originals' crops and their vectors, which are reused for unchanged crops;
                None if the crops are the originals'.

        """
        cut = cut_of(attacker)
        vectors: dict[tuple[Entity, float], np.ndarray] = {}
        for gallery, part in galleries:
            shown = crops[cut][part]
            if clear is None:
                vectors[gallery.key] = attacker.embed(shown)
                continue
            is_shown = gallery.crops["probe"].to_numpy() | (gallery.match is Match.PERSON)
            changed = differing(shown[is_shown], clear[0][cut][part][is_shown])
            found = clear[1][gallery.key][is_shown]
            if changed.any():
                found[changed] = attacker.embed(shown[is_shown][changed])
            vectors[gallery.key] = found
        return vectors

    def slices(self) -> Iterator[tuple[Gallery, slice]]:
        """Yield each gallery with the rows of its crops."""
        start = 0
        for gallery in self.galleries:
            yield gallery, slice(start, start + len(gallery.crops))
            start += len(gallery.crops)


def entities_of(attacker: str) -> tuple[str, ...]:
    """Entities that an attacker is shown."""
    kind = KINDS.get(attacker)
    return (kind.entities if kind else ()) or tuple(Entity)


def able_attackers(attackers: Mapping[str, Attacker], entity: Entity) -> dict[str, Attacker]:
    """Attackers that are shown an entity."""
    return {name: each for name, each in attackers.items() if entity in entities_of(name)}


def margin_of(gallery: Gallery, settings: Privacy, hiding: Anonymization) -> float:
    """Factor by which a gallery's regions are grown before they are cut out.

    If only their surroundings are shown: before they are made grey.
    """
    if gallery.context:
        return float(hiding.margin)
    return settings.margin if gallery.match is Match.PERSON else 1.0


def cut_of(attacker: Attacker) -> Cut:
    """Cut of an attacker's crops."""
    return Cut(attacker.side, is_aligned(attacker))


def cuts_of(attackers: Collection[Attacker]) -> list[Cut]:
    """Distinct cuts of attackers, sorted; the last one is the largest that is not aligned.

    Thumbnails are made of the last one.
    """
    cuts = {cut_of(each) for each in attackers}
    if cuts and all(cut.aligned for cut in cuts):
        cuts.add(Cut(max(cut.side for cut in cuts)))
    return sorted(cuts, key=lambda cut: (not cut.aligned, cut.side))


def differing(crops: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Mask of crops that differ between two lists, bool [N]; one by one, to save memory."""
    return np.array([not np.array_equal(*pair) for pair in zip(crops, others, strict=True)], bool)
