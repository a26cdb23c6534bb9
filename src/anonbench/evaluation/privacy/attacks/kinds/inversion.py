"""Inversion of published vectors: a decoder learned from an attacker's own images."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import ClassVar

import numpy as np

from anonbench.core.numeric.seeding import rng
from anonbench.core.registries.attacks import (
    Archive,
    ArchiveAttack,
    AttackNotPossibleError,
    Outcome,
    Risk,
)
from anonbench.core.settings import Count

STRENGTHS = tuple(10.0 ** (power / 2) for power in range(-8, 5))
"""Penalties that leaving one lesson out chooses among, as multiples of the mean eigenvalue."""
FEWEST, MOST = 20, 2000
"""Least and greatest number of images that a decoder is learned from; more are drawn from."""
SECONDS = 9.5 / 2000**2
"""Seconds to learn a decoder of thumbnails of 32 pixels, per image squared, on a core."""


class Inversion(ArchiveAttack):
    """Thumbnails of images, drawn from their vectors by a decoder.

    A thumbnail shows the face of an image if the data set has faces, else the whole image.

    The decoder is learned by ridge regression from the attacker's own images (train images, at most
    2,000 drawn ones), which are hidden, embedded and, for mapped vectors, mapped like the published
    ones. `inverted`: among the originals' thumbnails, the own one is most similar to the drawn one,
    by the correlation of pixels. `recognized`: the same by the face recognizer
    (`privacy.recognizer`), if there is one.
    """

    name: ClassVar = "inversion"
    label: ClassVar = "Inversion of vectors"
    risk: ClassVar = Risk.SINGLING_OUT

    side: Count = 32
    """Of a thumbnail, in pixels."""

    def seconds(self, taught: int) -> float:
        """See `ArchiveAttack.seconds`."""
        return SECONDS * min(taught, MOST) ** 2 * (self.side / 32) ** 2

    def outcomes(self, archive: Archive) -> Iterator[Outcome]:
        """See `ArchiveAttack.outcomes`."""
        lessons = archive.lessons
        if lessons is None or lessons.pictures is None or archive.pictures is None:
            raise AttackNotPossibleError("there are no vectors of train images to learn from")
        learned, shown = lessons.pictures(self.side), archive.pictures(self.side)
        if len(learned) < FEWEST:
            raise AttackNotPossibleError(f"{len(learned)} train images are too few to learn from")
        judges: dict[str, Callable[[np.ndarray], np.ndarray]] = {"inverted": _as_pixels}
        if archive.recognizer is not None:
            judges["recognized"] = archive.recognizer
        chosen = np.sort(rng(archive.seed, "inversion").permutation(len(learned))[:MOST])
        targets = learned[chosen].reshape(len(chosen), -1).astype(np.float64)
        asked = archive.queries
        for variant in [each for each in archive.vectors if each in lessons.vectors]:
            vectors = archive.vectors[variant][asked].astype(np.float64)
            own_vectors = lessons.vectors[variant][chosen].astype(np.float64)
            drawn = decoded(own_vectors, targets, vectors)
            pictures = np.clip(np.rint(drawn), 0, 255).astype(np.uint8)
            pictures = pictures.reshape(-1, *shown.shape[1:])
            for measure, judge in judges.items():
                similar = judge(pictures) @ judge(shown).T
                own = similar[np.arange(len(asked)), asked][:, None]
                first = (similar >= own).sum(axis=1) == 1
                yield Outcome(
                    measure,
                    variant,
                    first.astype(np.float64),
                    archive.clusters[asked],
                    1.0 / len(archive.ids),
                )


def decoded(lessons: np.ndarray, targets: np.ndarray, vectors: np.ndarray) -> np.ndarray:
    """Output of ridge regression for vectors, float64 [N, T].

    The penalty is the one with the lowest leave-one-out error on the lessons.

    Args:
        lessons: float64 [P, D].
        targets: float64 [P, T].
        vectors: float64 [N, D].

    """
    centre, mean = lessons.mean(axis=0), targets.mean(axis=0)
    centred = lessons - centre
    values, basis = np.linalg.eigh(centred @ centred.T)
    values = np.maximum(values, 0.0)
    projected = basis.T @ (targets - mean)
    best, weights = np.inf, projected
    for strength in STRENGTHS:
        inverse = 1.0 / (values + strength * values.mean() + 1e-12)
        found = basis @ (inverse[:, None] * projected)
        error = float(np.square(found / (np.square(basis) @ inverse)[:, None]).sum())
        if error < best:
            best, weights = error, found
    return np.asarray((vectors - centre) @ (centred.T @ weights) + mean)


def _as_pixels(pictures: np.ndarray) -> np.ndarray:
    """Pictures [N, S, S, 3] as vectors of length 1 whose products are correlations."""
    flat = pictures.reshape(len(pictures), -1).astype(np.float64)
    flat -= flat.mean(axis=1, keepdims=True)
    return np.asarray(flat / np.maximum(np.linalg.norm(flat, axis=1, keepdims=True), 1e-12))
