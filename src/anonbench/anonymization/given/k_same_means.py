"""Means of groups of aligned faces, which are kept on disk."""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from anonbench.anonymization.given.k_same_faces import HEIGHT, WIDTH
from anonbench.anonymization.given.k_same_groups import k_same_groups
from anonbench.core.libraries.opencv import cv2
from anonbench.core.progress import track

_SIDE = 16
"""Pixels of the grey squares by which faces are compared."""


class FaceFile:
    """Aligned faces on disk, in a file without a name, which is gone with its process."""

    BYTES = WIDTH * HEIGHT * 3

    def __init__(self, folder: Path) -> None:
        """Open an empty one on the disk of a folder that exists."""
        self._file = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115 - it is closed by `close`
        self._count = 0

    def close(self) -> None:
        """Give the disk's room back."""
        self._file.close()

    def append(self, face: np.ndarray) -> int:
        """Write a face, uint8 [HEIGHT, WIDTH, 3], and return its number, from 0."""
        self._file.seek(self._count * self.BYTES)
        self._file.write(face.tobytes())
        self._count += 1
        return self._count - 1

    def __getitem__(self, number: int) -> np.ndarray:
        self._file.seek(number * self.BYTES)
        data = self._file.read(self.BYTES)
        return np.frombuffer(data, np.uint8).reshape(HEIGHT, WIDTH, 3)

    def mean(self, numbers: Sequence[int]) -> np.ndarray:
        """Return the mean of faces, float64 [HEIGHT, WIDTH, 3]."""
        total = np.zeros((HEIGHT, WIDTH, 3))
        for number in numbers:
            total += self[number]
        return total / len(numbers)


def members_of(
    images: Mapping[str, Sequence[int]], persons: Mapping[str, str] | None, faces: FaceFile
) -> list[tuple[int, ...]]:
    """Return the faces that count as one: a person's, or those whose pixels are all the same.

    A copy of a file is no other face: a mean of both would be the face itself.

    Args:
        images: numbers of each image's faces, by its id.
        persons: of the images, by their ids; without them each different face is a member.
        faces: all of them.

    """
    found: dict[object, list[int]] = {}
    for image_id, numbers in images.items():
        for number in numbers:
            key = digest_of(faces[number]) if persons is None else persons[image_id]
            found.setdefault(key, []).append(number)
    return [tuple(own) for own in found.values()]


def average(
    members: Sequence[tuple[int, ...]], k: int, faces: FaceFile, averages: FaceFile
) -> list[list[tuple[int, ...]]]:
    """Return groups of members, and append the average of each, in which members weigh alike.

    Args:
        members: numbers of their faces, at least k members.
        k: members of a group at least.
        faces: all of them.
        averages: an empty file.

    """
    vectors = np.stack([_small(_rounded(faces.mean(numbers))) for numbers in members])
    groups = [[members[row] for row in rows] for rows in k_same_groups(vectors, k)]
    for group in track(groups, len(groups), "groups averaged"):
        total = np.zeros((HEIGHT, WIDTH, 3))
        for numbers in group:
            total += faces.mean(numbers)
        averages.append(_rounded(total / len(group)))
    return groups


def digest_of(pixels: np.ndarray) -> bytes:
    """Return what tells images apart, their sizes included."""
    found = hashlib.sha256(repr(pixels.shape).encode())
    found.update(pixels.tobytes())
    return found.digest()


def _small(face: np.ndarray) -> np.ndarray:
    """Return what an aligned face is compared by: uint8 [256] of grey."""
    grey = cv2.cvtColor(face, cv2.COLOR_RGB2GRAY)
    square = cv2.resize(grey, (_SIDE, _SIDE), interpolation=cv2.INTER_AREA)
    return np.asarray(square).ravel()


def _rounded(levels: np.ndarray) -> np.ndarray:
    return np.asarray(np.rint(levels), np.uint8)
