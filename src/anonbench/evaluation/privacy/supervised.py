"""Supervised attack: ridge regression from hidden crops to persons or original vectors.

The attacker anonymizes train images and learns what a hidden crop reveals of its person and of its
original. It chooses, among three ways to compare crops, the one that finds most on train persons
that the regression has not seen: like the models without supervision, by the original's predicted
vector, or by the predicted person. It is therefore about as strong as the best of them. On
regression to persons see Hastie, Tibshirani and Buja 1994 ("Flexible discriminant analysis by
optimal scoring", JASA 89:1255-1270), on attackers who train on obfuscated images McPherson et al.
2016.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from scipy.linalg import eigh

from anonbench.core.wording import count
from anonbench.evaluation.privacy.attackers import Linear, unit
from anonbench.evaluation.privacy.probes import places

FOLDS = 5
STRENGTHS = (10.0, 1.0, 0.1, 0.01, 1e-3, 1e-4)
"""Ridge penalties, as shares of the number of crops; features have unit variance."""
LEAST = 10
"""Smallest number of persons (or regions) to learn anything."""
_FLAT = 1e-6
"""Standard deviation up to which a feature counts as constant, because of rounding."""


class TrainingSetTooSmallError(Exception):
    """Reason, shown to people, why an attacker cannot learn from a training set."""


@dataclass(frozen=True)
class TrainingSet:
    """Training set of an attacker: regions of train images, as they are and hidden.

    None of their persons is attacked.
    """

    clear: np.ndarray
    """Features of the crops, float32 [N, D]: the unit vectors of the attackers that learn nothing,
    one after the other, then the pixels of a thumbnail within [0, 1]."""
    hidden: np.ndarray
    """Features of the same regions, hidden by the method that is attacked, float32 [N, D]."""
    compared: int
    """The leading features that are vectors of attackers."""
    who: np.ndarray
    """Identity shared by matches, int64 [N]: a number for each person, or for each region."""
    finds_itself: bool
    """Whether the gallery that a region is searched in has its own original."""


@dataclass(frozen=True)
class Comparison:
    """Learned comparison: maps of hidden crops and of clear crops into the same space."""

    hidden: Linear
    clear: Linear

    def vectors(self, features: np.ndarray, hidden: np.ndarray) -> np.ndarray:
        """Return vectors of length one (or zero), float32 [N, E], by which crops are compared.

        Args:
            features: of crops, float32 [N, D], as in `TrainingSet`.
            hidden: whether each crop is of a hidden region, bool [N].

        """
        found = self.clear(features)
        found[hidden] = self.hidden(features[hidden])
        return unit(found)


def learn(lesson: TrainingSet) -> dict[bool, Comparison]:
    """Learn the comparison that ranks matches highest in cross-validation over persons.

    The criterion is the mean reciprocal rank of the first match; ties go to the simplest one.

    Returns:
        By whether the gallery is hidden too. If regions are searched among their own originals,
        only for galleries of originals.

    Raises:
        TrainingSetTooSmallError: fewer than `LEAST` persons or regions.

    """
    there = len(np.unique(lesson.who))
    if there < LEAST:
        what = count(there, "region" if lesson.finds_itself else "person")
        raise TrainingSetTooSmallError(f"{what}, and {LEAST} are needed")
    galleries = (False,) if lesson.finds_itself else (False, True)
    quality: dict[bool, dict[int, float]] = {gallery: {} for gallery in galleries}
    folds = np.unique(lesson.who, return_inverse=True)[1] % FOLDS  # one fold per person
    for fold in range(FOLDS):
        left_out = folds == fold
        for key, found in enumerate(_comparisons(lesson, ~left_out)):
            for gallery, of_gallery in quality.items():
                score = float(_reciprocal_ranks(lesson, found, left_out, gallery).sum())
                of_gallery[key] = of_gallery.get(key, 0.0) + score
    fitted = list(_comparisons(lesson, np.ones(len(lesson.who), bool)))
    return {
        gallery: fitted[max(scores, key=lambda key, of=scores: round(of[key], 9))]  # type: ignore[misc]
        for gallery, scores in quality.items()
    }


def as_they_are(features: int, compared: int) -> Comparison:
    """Comparison by the leading features (vectors of models), unchanged."""
    as_is = Linear(np.zeros(features), np.eye(features, compared))
    return Comparison(as_is, as_is)


def _comparisons(lesson: TrainingSet, rows: np.ndarray) -> Iterator[Comparison]:
    """Yield every comparison, fitted on some rows (bool [N]), simple ones first."""
    clear, hidden = (each[rows].astype(np.float64) for each in (lesson.clear, lesson.hidden))
    size, many = lesson.clear.shape[1], lesson.compared
    yield as_they_are(size, many)
    centred = Linear(clear.mean(axis=0), np.eye(size, many))
    of_hidden = _Ridge.of(hidden)
    for found in of_hidden.fits(clear[:, :many]):  # by the predicted vector of the original
        yield Comparison(found, centred)
    if lesson.finds_itself:  # each region is its own match: no persons to learn
        return
    persons = (lesson.who[rows, None] == np.unique(lesson.who[rows])).astype(np.float64)
    for fits in zip(of_hidden.fits(persons), _Ridge.of(clear).fits(persons), strict=True):
        yield Comparison(*fits)  # by the predicted person


@dataclass(frozen=True)
class _Ridge:
    """Ridge regressions on features [N, D]; all targets share the principal axes."""

    centre: np.ndarray
    scale: np.ndarray
    """To unit variance; 0 for features that never change, which are left out."""
    standard: np.ndarray
    """float64 [N, D]."""
    values: np.ndarray
    """Eigenvalues of the smaller of the two Gram matrices, float64 [R]."""
    axes: np.ndarray
    """Its eigenvectors, float64 [R, R]."""

    @classmethod
    def of(cls, features: np.ndarray) -> _Ridge:
        """Decompose features, float64 [N, D]."""
        centre, spread = features.mean(axis=0), features.std(axis=0)
        scale = np.divide(1.0, spread, out=np.zeros_like(spread), where=spread > _FLAT)
        standard = (features - centre) * scale
        is_wide = len(features) < features.shape[1]
        values, axes = eigh(standard @ standard.T if is_wide else standard.T @ standard)
        return cls(centre, scale, standard, values, axes)

    def fits(self, targets: np.ndarray) -> Iterator[Linear]:
        """Yield the regression of targets [N, E] for each strength."""
        size, wanted = len(self.standard), targets - targets.mean(axis=0)
        if size < self.standard.shape[1]:
            axes, seen = self.standard.T @ self.axes, self.axes.T @ wanted
        else:
            axes, seen = self.axes, self.axes.T @ (self.standard.T @ wanted)
        for strength in STRENGTHS:
            inverse = 1.0 / (np.maximum(self.values, 0.0) + strength * size)
            weights = self.scale[:, None] * (axes @ (inverse[:, None] * seen))
            yield Linear(self.centre, weights)


def _reciprocal_ranks(
    lesson: TrainingSet, found: Comparison, rows: np.ndarray, gallery_is_hidden: bool
) -> np.ndarray:
    """1 / rank of the first match of each probe, among some rows (bool [N])."""
    who, number = lesson.who[rows], int(rows.sum())
    probes = found.vectors(lesson.hidden[rows], np.ones(number, bool))
    gallery = probes
    if not gallery_is_hidden:
        gallery = found.vectors(lesson.clear[rows], np.zeros(number, bool))
    match, left_out = who[:, None] == who, np.eye(number, dtype=bool)
    if lesson.finds_itself:
        left_out[:] = False
    has_match = (match & ~left_out).any(axis=1)
    ranks = places(probes[has_match], gallery, match[has_match], left_out[has_match])
    return np.asarray(1.0 / (1.0 + ranks.above + (ranks.tied - ranks.tied_matches) / 2.0))
