"""Learned restoration of hidden regions: ridge regression from hidden pixels to the original ones.

A face is restored as a whole, brought to a square: where all faces look alike, the mean of faces
that look like this one when they are hidden is the best guess. Anything else is brought to one
height and restored in squares along its length, each from its own hidden pixels and those of its
neighbours. That is the least-squares optimal linear restorer (the Wiener filter for the pairs that
were seen, not for a model of the method), so it needs no knowledge of how a method works.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.linalg import cho_factor, cho_solve

from anonbench.core.libraries.opencv import cv2
from anonbench.core.vocabulary import Entity

LEAST_REGIONS, LEAST_IMAGES = 40, 10
"""Pairs that it takes to learn anything, and the images that they are of."""
STRENGTHS = (1.0, 0.1, 0.01, 1e-3, 1e-4)
"""Ridge penalties, as shares of the features' mean variance; the one that restores images best that
were left out counts."""
_LEFT_OUT = 5
"""Every so manyth image is left out to choose the penalty."""
_FACE, _SEEN_FACE = 64, 16
"""Sides of what is restored of a face, in colour, and of what of its hidden pixels is looked at."""
_LINE, _SEEN_LINE = 48, 8
"""The same of the height of a line, in grey levels."""
_STEP = _LINE // 2
"""Between the squares of a line, which overlap; their mean counts."""
_MOST = 8_000
"""Squares that are learned from."""


@dataclass(frozen=True)
class Pair:
    """The window of one region in a train image."""

    hidden: np.ndarray
    """uint8 [h, w] or [h, w, 3]."""
    clear: np.ndarray
    """The same window of the original."""
    image: str


@dataclass(frozen=True)
class Restorer:
    """A linear map from what is seen to what was there, in grey levels."""

    entity: str
    centre: np.ndarray
    """Means of the features, float64 [D]."""
    weights: np.ndarray
    """float64 [D, E]."""
    mean: np.ndarray
    """Of what was there, float64 [E]."""

    def __call__(self, hidden: np.ndarray) -> np.ndarray:
        """Return a window as it may have been, uint8 [h, w] or [h, w, 3] like the hidden one."""
        seen = _features(hidden, self.entity)
        found = (seen - self.centre) @ self.weights + self.mean
        height, width = hidden.shape[:2]
        image = (
            found.reshape(_FACE, _FACE, 3)
            if self.entity == Entity.FACE
            else _joined(found, hidden.shape)
        )
        method = cv2.INTER_CUBIC if image.shape[0] < height else cv2.INTER_AREA
        image = cv2.resize(np.clip(image, 0.0, 255.0), (width, height), interpolation=method)
        if hidden.ndim == 2 and image.ndim == 3:
            image = image.mean(axis=2)
        elif hidden.ndim == 3 and image.ndim == 2:
            image = np.repeat(image[..., None], 3, axis=2)
        return np.asarray(np.clip(np.rint(image), 0, 255).astype(np.uint8))


def lack(regions: int, images: int) -> str:
    """Return why nothing can be learned from so many pairs, for people; nothing if it can."""
    if regions >= LEAST_REGIONS and images >= LEAST_IMAGES:
        return ""
    return (
        f"no restorer was learned: {regions} regions in {images} train images, and "
        f"{LEAST_REGIONS} in {LEAST_IMAGES} are needed"
    )


def learned(pairs: Sequence[Pair], entity: str) -> Restorer:
    """Return the restorer that was fitted to pairs; the same pairs always give the same.

    Args:
        pairs: `LEAST_REGIONS` of `LEAST_IMAGES` images, at least.
        entity: of all of them.

    """
    seen, there, images = _rows(pairs, entity)
    left_out = np.unique(images, return_inverse=True)[1] % _LEFT_OUT == 0
    errors = {}
    # the penalty is chosen by small versions of what was there: a tenth of the time
    small = there[:, :: max(1, there.shape[1] // seen.shape[1])]
    for strength, found in _fits(seen[~left_out], small[~left_out], STRENGTHS):
        restored = (seen[left_out] - found[0]) @ found[1] + found[2]
        errors[strength] = float(np.square(restored - small[left_out]).mean())
    best = min(errors, key=lambda strength: round(errors[strength], 6))
    ((_, (centre, weights, mean)),) = _fits(seen, there, (best,))
    return Restorer(entity, centre, weights, mean)


def _rows(pairs: Sequence[Pair], entity: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return features [N, D] and targets [N, E] of all windows' squares, and their images [N]."""
    seen, there, images = [], [], []
    for pair in pairs:
        seen.append(_features(pair.hidden, entity))
        there.append(_targets(pair.clear, entity))
        images += [pair.image] * len(seen[-1])
    rows = slice(None, None, -(-len(images) // _MOST))
    return (
        np.concatenate(seen)[rows].astype(np.float64),
        np.concatenate(there)[rows].astype(np.float64),
        np.array(images)[rows],
    )


def _fits(
    seen: np.ndarray, there: np.ndarray, strengths: Sequence[float]
) -> Iterator[tuple[float, tuple[np.ndarray, np.ndarray, np.ndarray]]]:
    """Yield each strength with the centre, weights and mean of its ridge regression."""
    centre, mean = seen.mean(axis=0), there.mean(axis=0)
    standard, wanted = seen - centre, there - mean
    gram, product = standard.T @ standard, standard.T @ wanted
    # of what is the same in all pairs, as under a mask, nothing is learned
    power = max(float(np.trace(gram)) / len(gram), 1e-6 * len(seen))
    for strength in strengths:
        penalized = gram + strength * power * np.eye(len(gram))
        yield strength, (centre, cho_solve(cho_factor(penalized), product), mean)


def _features(hidden: np.ndarray, entity: str) -> np.ndarray:
    """Return what is looked at: a row a face, or a row a square of a line; float32 [N, D]."""
    if entity == Entity.FACE:
        small = cv2.resize(_rgb(hidden), (_SEEN_FACE, _SEEN_FACE), interpolation=cv2.INTER_AREA)
        return np.asarray(small, np.float32).reshape(1, -1)
    line = _line(hidden)
    padded = np.pad(line, ((0, 0), (_LINE, _LINE)), mode="edge")
    size = (3 * _SEEN_LINE, _SEEN_LINE)
    return np.stack(
        [
            cv2.resize(padded[:, at : at + 3 * _LINE], size, interpolation=cv2.INTER_AREA).ravel()
            for at in _starts(line.shape[1])
        ]
    )


def _targets(clear: np.ndarray, entity: str) -> np.ndarray:
    """Return what is restored, as rows of `_features`: float32 [N, E]."""
    if entity == Entity.FACE:
        small = cv2.resize(_rgb(clear), (_FACE, _FACE), interpolation=cv2.INTER_AREA)
        return np.asarray(small, np.float32).reshape(1, -1)
    line = _line(clear)
    return np.stack([line[:, at : at + _LINE].ravel() for at in _starts(line.shape[1])])


def _joined(squares: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Return a region of squares [N, E] as it lies in its window, float64 [.., ..] of one scale."""
    width = _width(shape)
    total, times = np.zeros((_LINE, width)), np.zeros(width)
    for at, square in zip(_starts(width), squares, strict=True):
        total[:, at : at + _LINE] += square.reshape(_LINE, _LINE)
        times[at : at + _LINE] += 1.0
    line = total / times
    return np.ascontiguousarray(line.T) if shape[0] > shape[1] else line


def _line(pixels: np.ndarray) -> np.ndarray:
    """Return a window's grey levels, lying and of one height, float32 [`_LINE`, W]."""
    grey = pixels if pixels.ndim == 2 else cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY)
    lying = grey.T if grey.shape[0] > grey.shape[1] else grey
    size = (_width(pixels.shape), _LINE)
    method = cv2.INTER_AREA if lying.shape[0] > _LINE else cv2.INTER_LINEAR
    return np.asarray(
        cv2.resize(np.ascontiguousarray(lying, np.float32), size, interpolation=method)
    )


def _width(shape: tuple[int, ...]) -> int:
    """Return the length of a window's longer side, where the shorter one has `_LINE` pixels."""
    short, long = sorted(shape[:2])
    return max(_LINE, round(long * _LINE / short))


def _starts(width: int) -> list[int]:
    """Return where squares begin; the last one ends with the line."""
    return sorted({*range(0, width - _LINE, _STEP), width - _LINE})


def _rgb(pixels: np.ndarray) -> np.ndarray:
    return pixels if pixels.ndim == 3 else np.repeat(pixels[..., None], 3, axis=2)
