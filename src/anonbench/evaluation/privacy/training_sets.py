"""Training sets of attackers: regions of train images that they anonymize themselves.

Persons of the attacked images are left out, even if they appear in the train split.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

import numpy as np
import pandas as pd

from anonbench.config.privacy import Privacy
from anonbench.core.boxes import Region, image_regions
from anonbench.core.libraries.opencv import cv2
from anonbench.core.registries.attacks import Attacker, AttackerKind
from anonbench.core.vocabulary import ORIGINAL, Entity
from anonbench.evaluation.privacy.crops import (
    Points,
    Readable,
    cut_of,
    cuts_of,
    differing,
    find_points,
    read_crops,
)
from anonbench.evaluation.privacy.gallery import (
    NO_LESSON,
    TOO_LITTLE,
    Gallery,
    Match,
    draw_galleries,
)
from anonbench.evaluation.privacy.supervised import (
    Comparison,
    TrainingSet,
    TrainingSetTooSmallError,
    learn,
)
from anonbench.evaluation.privacy.train_images import HiddenOnRead, KeptImages, TrainImages

THUMBNAIL = 16
"""Side of the thumbnails whose pixels are features, in pixels."""
_BATCH = 256
"""Crops in memory at once."""


class TrainingSets:
    """Training sets and models of attackers, cached per method and entity for all degrees."""

    def __init__(
        self,
        train: TrainImages,
        boxes: pd.DataFrame,
        people: Mapping[str, str],
        attacked: Collection[str],
        settings: Privacy,
        seed: int,
    ) -> None:
        """Take the data; nothing is read yet.

        Args:
            train: images of the train split.
            boxes: columns of `anonbench.core.boxes`, of both splits.
            attacked: ids of the validation images; their persons are left out.

        """
        self._ids = train.free_of(attacked, people)
        # each entity has its own training set, often from the same images
        self._train = train
        self._originals = KeptImages(train.originals)
        self._regions: dict[str, list[Region]] = {}
        self._hidden: tuple[str, Readable] = ("", self._originals)
        self._boxes = boxes[boxes["id"].isin(self._ids)]
        self._people = people
        self._settings = settings
        self._seed = seed
        self._clear: dict[tuple[str, Entity], tuple[np.ndarray, int]] = {}
        self._learned: dict[tuple[str, str, Entity], Mapping[bool, Comparison] | str] = {}
        self._points: dict[tuple[str, Entity], Points] = {}

    def of(
        self, kind: AttackerKind, method: str, gallery: Gallery, models: Mapping[str, Attacker]
    ) -> Mapping[bool, Comparison] | str:
        """Learned comparisons, by whether the gallery is hidden; or why nothing was learned.

        Args:
            kind: the attacker.
            method: that hides, or `original`; then the training set is not hidden either.
            gallery: to attack; the training set has the same entity and match.
            models: attackers without training, whose vectors are features, in a fixed order.

        """
        key = (kind.name, method, gallery.entity)
        if key not in self._learned:
            self._learned[key] = self._learn(kind, method, gallery, models)
        return self._learned[key]

    def _learn(
        self, kind: AttackerKind, method: str, gallery: Gallery, models: Mapping[str, Attacker]
    ) -> Mapping[bool, Comparison] | str:
        drawn = self._drawn(kind.training_size(), gallery)
        if drawn is None:
            return NO_LESSON
        own = self._boxes[self._boxes["id"].isin(set(drawn["id"]))]
        self._regions |= image_regions(own, self._train.settings.coding_blocks)
        regions, originals = self._regions, self._originals
        first = (kind.name, gallery.entity)
        if first not in self._clear:
            is_aligned = any(cut.aligned for cut in cuts_of(models.values()))
            self._points[first] = find_points(originals, regions, drawn) if is_aligned else {}
            of_faces = self._points[first]
            self._clear[first] = read_features(originals, regions, drawn, models, of_faces)
        hidden, compared = self._clear[first]
        if method != ORIGINAL:
            images = self._train.given.get(method) or self._hidden_by(method)
            alike = (originals, hidden) if gallery.context else None
            of_faces = self._points[first]
            hidden, _ = read_features(images, regions, drawn, models, of_faces, alike)
            if np.array_equal(hidden, self._clear[first][0]):  # the method changed nothing visible
                return self.of(kind, ORIGINAL, gallery, models)
        who = drawn["who"].to_numpy(np.int64)
        finds_itself = gallery.match is Match.REGION
        try:
            clear, _ = self._clear[first]
            return learn(TrainingSet(clear, hidden, compared, who, finds_itself))
        except TrainingSetTooSmallError as why:
            return f"{TOO_LITTLE}: {why}"

    def _hidden_by(self, method: str) -> Readable:
        """Images hidden by a method; those of the previous method are dropped."""
        if self._hidden[0] != method:
            hiding = self._train.settings
            images = HiddenOnRead(self._originals, hiding, self._regions, method)
            self._hidden = (method, KeptImages(images))
        return self._hidden[1]

    def _drawn(self, size: int, gallery: Gallery) -> pd.DataFrame | None:
        """Regions to learn from, columns of `Gallery.crops` and margin."""
        by_person = gallery.match is Match.PERSON
        settings = self._settings.model_copy(update={"gallery": size, "probes": size})
        people = self._people if by_person else {}
        drawn, _ = draw_galleries(self._boxes, self._ids, people, (), settings, self._seed)
        for each in drawn:
            if each.entity is gallery.entity and each.match is gallery.match:
                return gallery.shown(each.crops, self._settings, self._train.settings)
        return None


def read_features(
    images: Readable,
    regions: Mapping[str, Sequence[Region]],
    wanted: pd.DataFrame,
    models: Mapping[str, Attacker],
    points: Points,
    clear: tuple[Readable, np.ndarray] | None = None,
) -> tuple[np.ndarray, int]:
    """Features of crops, float32 [N, D], and the number that come from models; see `features`.

    Args:
        images: clear or hidden.
        regions: the images' regions in draw order.
        wanted: columns id, order, margin and context, rows of one image together.
        models: by name.
        points: of faces in the originals.
        clear: the originals of hidden images and the features of their crops, which are reused for
            unchanged crops; None if few are unchanged.

    """
    cuts = cuts_of(models.values())
    parts, compared = [], 0
    for start in range(0, len(wanted), _BATCH):
        batch = wanted.iloc[start : start + _BATCH]
        crops = read_crops(images, regions, batch, cuts, points)
        changed = np.ones(len(batch), bool)
        if clear is not None:
            originals = read_crops(clear[0], regions, batch, cuts[-1:])
            changed = differing(crops[cuts[-1]], originals[cuts[-1]])
            parts.append(clear[1][start : start + _BATCH].copy())
        if not changed.any():
            continue
        vectors = [model.embed(crops[cut_of(model)][changed]) for model in models.values()]
        compared = sum(each.shape[1] for each in vectors)
        found = features(vectors, crops[cuts[-1]][changed])
        if clear is None:
            parts.append(found)
        else:
            parts[-1][changed] = found
    return np.concatenate(parts), compared


def features(vectors: Sequence[np.ndarray], crops: np.ndarray) -> np.ndarray:
    """Concatenate vectors of crops, [N, D] each, and the pixels of their thumbnails: float32."""
    size = (THUMBNAIL, THUMBNAIL)
    small = [cv2.resize(each, size, interpolation=cv2.INTER_AREA).ravel() for each in crops]
    pixels = np.asarray(small, np.float32).reshape(len(crops), -1) / np.float32(255)
    return np.concatenate([*vectors, pixels], axis=1, dtype=np.float32)
