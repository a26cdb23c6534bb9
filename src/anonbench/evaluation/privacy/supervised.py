"""Supervised attack: ridge regression from hidden crops to persons or original vectors.

The attacker anonymizes train images itself. It compares crops like the models without supervision,
by the original's predicted vector, or by the predicted person (Hastie, Tibshirani and Buja 1994,
"Flexible discriminant analysis by optimal scoring"): the way that finds most on train persons that
the regression has not seen. On attackers who train on obfuscated images see McPherson et al. 2016.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from anonbench.config import Anonymization, Privacy
from anonbench.core.boxes import Region, image_regions
from anonbench.core.libraries.opencv import cv2
from anonbench.core.numeric.similarity import unit_rows
from anonbench.core.registries.attacks import Attacker, AttackerKind, AttackNotPossibleError
from anonbench.core.vocabulary import ORIGINAL, Entity
from anonbench.core.wording import count
from anonbench.evaluation.privacy.attackers import Linear, ridge
from anonbench.evaluation.privacy.crops import (
    Points,
    Readable,
    cut_of,
    cuts_of,
    differing,
    find_points,
    read_crops,
)
from anonbench.evaluation.privacy.probes import (
    NO_LESSON,
    NO_STRANGER,
    TOO_LITTLE,
    Gallery,
    Match,
    draw_galleries,
    places,
)
from anonbench.evaluation.privacy.published import GivenImages, KeptImages, Published

FOLDS = 5
STRENGTHS = (10.0, 1.0, 0.1, 0.01, 1e-3, 1e-4)
"""Ridge penalties, as shares of the number of crops; features have unit variance."""
LEAST = 10  # smallest number of persons (or regions) to learn anything
_FLAT = 1e-6  # standard deviation up to which a feature counts as constant, because of rounding


@dataclass(frozen=True)
class TrainingSet:
    """Regions of train images, as they are and hidden; none of their persons is attacked."""

    clear: np.ndarray  # `features` of the crops, float32 [N, D]
    hidden: np.ndarray  # of the same regions, hidden by the method that is attacked
    compared: int  # the leading features that are vectors of attackers
    who: np.ndarray  # shared by matches, int64 [N]: a number for each person, or for each region
    finds_itself: bool  # whether the gallery that a region is searched in has its own original


@dataclass(frozen=True)
class Comparison:
    """Learned comparison: maps of hidden crops and of clear crops into the same space."""

    hidden: Linear
    clear: Linear

    def vectors(self, features: np.ndarray, hidden: np.ndarray) -> np.ndarray:
        """Return vectors of length one (or zero), float32 [N, E], by which crops are compared.

        Features are as in `TrainingSet`; `hidden` tells crops of hidden regions, bool [N].
        """
        found = self.clear(features)
        found[hidden] = self.hidden(features[hidden])
        return unit_rows(found)


def learn(training: TrainingSet) -> dict[bool, Comparison]:
    """Learn the comparison that ranks matches highest in cross-validation over persons.

    The mean reciprocal rank counts; ties go to the simplest one.

    Returns:
        By whether the gallery is hidden too, which it never is if regions find themselves.

    Raises:
        AttackNotPossibleError: fewer than `LEAST` persons or regions.
    """
    there = len(np.unique(training.who))
    if there < LEAST:
        what = count(there, "region" if training.finds_itself else "person")
        raise AttackNotPossibleError(f"{what}, and {LEAST} are needed")
    galleries = (False,) if training.finds_itself else (False, True)
    fitted = list(_comparisons(training, np.ones(len(training.who), bool)))
    quality = np.zeros((len(galleries), len(fitted)))
    folds = np.unique(training.who, return_inverse=True)[1] % FOLDS  # one fold per person
    for fold in range(FOLDS):
        tested = folds == fold
        who, every = training.who[tested], np.ones(int(tested.sum()), bool)
        match = who[:, None] == who
        left_out = np.eye(len(who), dtype=bool) & (not training.finds_itself)
        has_match = (match & ~left_out).any(axis=1)
        for key, found in enumerate(_comparisons(training, ~tested)):
            hidden = found.vectors(training.hidden[tested], every)
            for gallery in galleries:
                searched = hidden if gallery else found.vectors(training.clear[tested], ~every)
                masks = match[has_match], left_out[has_match]
                ranks = places(hidden[has_match], searched, *masks)
                above = ranks.above + (ranks.tied - ranks.tied_matches) / 2.0
                quality[int(gallery), key] += float((1.0 / (1.0 + above)).sum())
    best = np.round(quality, 9).argmax(axis=1)
    return {gallery: fitted[best[int(gallery)]] for gallery in galleries}


def as_they_are(features: int, compared: int) -> Comparison:
    """Comparison by the leading features (vectors of models), unchanged."""
    as_is = Linear(np.zeros(features), np.eye(features, compared))
    return Comparison(as_is, as_is)


def _comparisons(training: TrainingSet, rows: np.ndarray) -> Iterator[Comparison]:
    """Yield every comparison, fitted on some rows (bool [N]), simple ones first."""
    clear, hidden = (each[rows].astype(np.float64) for each in (training.clear, training.hidden))
    size, many = training.clear.shape[1], training.compared
    yield as_they_are(size, many)
    centred = Linear(clear.mean(axis=0), np.eye(size, many))
    for found in _fits(hidden, clear[:, :many]):  # by the predicted vector of the original
        yield Comparison(found, centred)
    if training.finds_itself:  # each region is its own match: no persons to learn
        return
    persons = (training.who[rows, None] == np.unique(training.who[rows])).astype(np.float64)
    for fits in zip(_fits(hidden, persons), _fits(clear, persons), strict=True):
        yield Comparison(*fits)  # by the predicted person


def _fits(features: np.ndarray, targets: np.ndarray) -> Iterator[Linear]:
    """Yield a regression for each strength, about the targets' mean; of unit variance."""
    spread = features.std(axis=0)
    varies = spread > _FLAT
    scale = varies / np.where(varies, spread, 1.0)  # features that never change are left out
    # penalties are shares of the number of crops, also if some features have no variance
    strengths = [strength * varies.size / max(1, varies.sum()) for strength in STRENGTHS]
    for found in ridge(features * scale, targets, strengths):
        yield Linear(features.mean(axis=0), scale[:, None] * found.weights)


THUMBNAIL = 16  # side of the thumbnails whose pixels are features, in pixels
_BATCH = 256  # crops in memory at once


class TrainingSets:
    """Training sets and models of attackers, cached per method and entity for all degrees."""

    def __init__(
        self, published: Published, settings: Privacy, hiding: Anonymization, seed: int
    ) -> None:
        self._ids = published.train_ids()
        self._published, self._settings, self._hiding = published, settings, hiding
        # each entity has its own training set, often from the same images
        self._originals = KeptImages(published.train or GivenImages({}))
        self._regions: dict[str, list[Region]] = {}
        self._hidden: tuple[str, Readable] = ("", self._originals)
        self._boxes = published.boxes[published.boxes["id"].isin(self._ids)]
        self._seed = seed
        self._clear: dict[tuple[str, Entity], tuple[Points, np.ndarray]] = {}
        self._learned: dict[tuple[str, str, Entity], Mapping[bool, Comparison] | str] = {}

    def of(
        self, kind: AttackerKind, method: str, gallery: Gallery, models: Mapping[str, Attacker]
    ) -> Mapping[bool, Comparison] | str:
        """Learned comparisons, by whether the gallery is hidden; or why nothing was learned.

        The training set has the gallery's entity and match; of the method `original` it is not
        hidden either. The models learn nothing: their vectors are features, in a fixed order.
        """
        key = (kind.name, method, gallery.entity)
        if key not in self._learned:
            self._learned[key] = self._learn(kind, method, gallery, models)
        return self._learned[key]

    def _learn(
        self, kind: AttackerKind, method: str, gallery: Gallery, models: Mapping[str, Attacker]
    ) -> Mapping[bool, Comparison] | str:
        size, finds_itself = kind.training_size(), gallery.match is Match.REGION
        settings = self._settings.model_copy(update={"gallery": size, "probes": size})
        people = {} if finds_itself else self._published.people
        galleries, _ = draw_galleries(self._boxes, self._ids, people, (), settings, self._seed)
        wanted = gallery.entity, gallery.match
        alike = [each.crops for each in galleries if (each.entity, each.match) == wanted]
        if not alike:
            train = self._published.train
            has_images = train is not None and len(train.ids) > 0
            return NO_STRANGER if has_images and not self._ids else NO_LESSON
        margin = gallery.crops["margin"].iloc[0]
        drawn = alike[0].assign(margin=margin, context=gallery.context)
        own = self._boxes[self._boxes["id"].isin(set(drawn["id"]))]
        self._regions |= image_regions(own, self._hiding.coding_blocks)
        regions, originals, key = self._regions, self._originals, (kind.name, gallery.entity)
        if key not in self._clear:
            is_aligned = any(cut.aligned for cut in cuts_of(models.values()))
            points = find_points(originals, regions, drawn) if is_aligned else {}
            self._clear[key] = points, read_features(originals, regions, drawn, models, points)
        points, clear = self._clear[key]
        hidden = clear
        if method != ORIGINAL:
            if self._hidden[0] != method:  # images of the previous method are dropped
                how = regions, self._hiding, originals
                self._hidden = (method, KeptImages(self._published.hidden_train(method, *how)))
            unchanged = (originals, clear) if gallery.context else None
            images = self._hidden[1]
            hidden = read_features(images, regions, drawn, models, points, unchanged)
            if np.array_equal(hidden, clear):  # the method changed nothing visible
                return self.of(kind, ORIGINAL, gallery, models)
        who, compared = drawn["who"].to_numpy(np.int64), clear.shape[1] - 3 * THUMBNAIL**2
        try:
            return learn(TrainingSet(clear, hidden, compared, who, finds_itself))
        except AttackNotPossibleError as why:
            return f"{TOO_LITTLE}: {why}"


def read_features(
    images: Readable,
    regions: Mapping[str, Sequence[Region]],
    wanted: pd.DataFrame,
    models: Mapping[str, Attacker],
    points: Points,
    clear: tuple[Readable, np.ndarray] | None = None,
) -> np.ndarray:
    """Features of crops, float32 [N, D]; see `features`.

    Args:
        wanted: columns id, order, margin and context, rows of one image together.
        clear: the originals of hidden images and the features of their crops, which are reused for
            unchanged crops; None if few are unchanged.
    """
    cuts = cuts_of(models.values())
    parts = []
    for start in range(0, len(wanted), _BATCH):
        batch = wanted.iloc[start : start + _BATCH]
        crops = read_crops(images, regions, batch, cuts, points)
        changed = np.ones(len(batch), bool)
        if clear is not None:
            originals = read_crops(clear[0], regions, batch, cuts[-1:])
            changed = differing(crops[cuts[-1]], originals[cuts[-1]])
            parts.append(clear[1][start : start + _BATCH].copy())
        if changed.any():
            vectors = [model.embed(crops[cut_of(model)][changed]) for model in models.values()]
            found = features(vectors, crops[cuts[-1]][changed])
            if clear is None:
                parts.append(found)
            else:
                parts[-1][changed] = found
    return np.concatenate(parts)


def features(vectors: Sequence[np.ndarray], crops: np.ndarray) -> np.ndarray:
    """Concatenate vectors of crops, [N, D] each, and the pixels of their thumbnails: float32."""
    size = (THUMBNAIL, THUMBNAIL)
    small = [cv2.resize(each, size, interpolation=cv2.INTER_AREA).ravel() for each in crops]
    pixels = np.asarray(small, np.float32).reshape(len(crops), -1) / np.float32(255)
    return np.concatenate([*vectors, pixels], axis=1, dtype=np.float32)
