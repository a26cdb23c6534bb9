"""Attackers' view of a data set: the crops of all galleries, and their vectors."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from anonbench.config import Anonymization
from anonbench.config.privacy import Privacy
from anonbench.core.boxes import Region
from anonbench.core.registries.attacks import Attacker, is_aligned
from anonbench.core.vocabulary import Entity, Variant
from anonbench.evaluation.privacy.crops import Cut, Points, Readable, read_crops
from anonbench.evaluation.privacy.face_points import find_points
from anonbench.evaluation.privacy.gallery import Gallery, Match

Regions = Mapping[str, Sequence[Region]]
"""Of each image, in draw order."""
Vectors = Mapping[tuple[Entity, float], np.ndarray]
"""Vectors of one attacker for the crops of each gallery (`Gallery.key`), float32 [N, D]."""


@dataclass(frozen=True)
class View:
    """Crops of all galleries in one variant, by cut."""

    variant: Variant
    crops: Mapping[Cut, np.ndarray]


@dataclass(frozen=True)
class Seen:
    """Crops of a variant, and their vectors by attacker and gallery."""

    view: View
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
        self.compared = self._read[self._read["is_compared"]]
        self._points: Points = {}

    def view(
        self, variant: Variant, images: Readable, regions: Regions, cuts: Sequence[Cut]
    ) -> View:
        """Read the crops in one variant: all of the originals, else only those to compare.

        Faces are aligned by the points of the originals, so the originals must be read first.

        Raises:
            InputError: faces are to be aligned, and MTCNN is not installed.

        """
        is_clear = variant == Variant()
        rows = self._read if is_clear else self.compared
        if is_clear and any(cut.aligned for cut in cuts):
            self._points = find_points(images, regions, rows)
        crops = {cut: np.zeros((self._size, cut.side, cut.side, 3), np.uint8) for cut in cuts}
        for cut, values in read_crops(images, regions, rows, cuts, self._points).items():
            crops[cut][rows["place"].to_numpy()] = values
        return View(variant, crops)

    def shown_to(self, entities: Collection[str]) -> list[tuple[Gallery, slice]]:
        """Galleries of some entities (empty: of all) with the rows of their crops."""
        return [each for each in self.slices() if each[0].entity in (entities or Entity)]

    def slices(self) -> Iterator[tuple[Gallery, slice]]:
        """Yield each gallery with the rows of its crops."""
        start = 0
        for gallery in self.galleries:
            yield gallery, slice(start, start + len(gallery.crops))
            start += len(gallery.crops)


def margin_of(gallery: Gallery, settings: Privacy, hiding: Anonymization) -> float:
    """Factor by which a gallery's regions are grown before they are cut out.

    If only their surroundings are shown: before they are made grey.
    """
    if gallery.context:
        return float(hiding.margin)
    return settings.margin if gallery.match is Match.PERSON else 1.0


def embedded(
    attacker: Attacker,
    galleries: Sequence[tuple[Gallery, slice]],
    view: View,
    clear: tuple[View, Vectors] | None,
) -> Vectors:
    """Embed galleries' crops; only the probes if regions are matched.

    Args:
        attacker: embeds them.
        galleries: with the rows of their crops.
        view: of the crops.
        clear: the originals' crops and their vectors, which are reused for unchanged crops; None if
            `view` shows the originals.

    """
    vectors = {}
    for gallery, part in galleries:
        crops = view.crops[cut_of(attacker)][part]
        if clear is None:
            vectors[gallery.key] = attacker.embed(crops)
            continue
        is_shown = gallery.crops["probe"].to_numpy() | (gallery.match is Match.PERSON)
        crops, originals = crops[is_shown], clear[0].crops[cut_of(attacker)][part][is_shown]
        changed = differing(crops, originals)
        found = clear[1][gallery.key][is_shown]
        if changed.any():
            found[changed] = attacker.embed(crops[changed])
        vectors[gallery.key] = found
    return vectors


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
