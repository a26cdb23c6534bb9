"""Faces by MTCNN (Zhang et al. 2016), with the weights of facenet-pytorch's wheel."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch

from anonbench.core.boxes import Region
from anonbench.core.errors import InputError
from anonbench.core.vocabulary import Entity
from anonbench.detection.base import as_rgb, clipped_box, require_finite
from anonbench.detection.faces.mtcnn_networks import CandidateNetwork, FirstNetwork
from anonbench.detection.faces.mtcnn_pyramid import FIELD, STRIDE, Layout, Sheet, layout
from anonbench.detection.faces.suppression import suppressed
from anonbench.detection.faces.windows import WindowMeans

if TYPE_CHECKING:
    from anonbench.detection.kinds.mtcnn import Mtcnn

MAX_PIXELS = 4_000_000
"""Pixels of the images in one batch (or one larger image): some 30 bytes a pixel are needed."""
CROPS = 256
"""Candidates that are cut out at once."""


@dataclass(frozen=True)
class _Candidates:
    """Boxes of the images of a batch."""

    boxes: np.ndarray
    """float32 [N, 4]: x0, y0, x1, y1; corners may lie outside the image."""
    scores: np.ndarray
    """float32 [N]."""
    images: np.ndarray
    """int [N]: which image of the batch."""

    def __getitem__(self, which: np.ndarray) -> _Candidates:
        return _Candidates(self.boxes[which], self.scores[which], self.images[which])


class MtcnnDetector:
    """All faces of each image; images of any sizes are looked at together.

    The boxes are those of facenet-pytorch's call for a single image (to 0.0001 pixels), but where
    the rounding of a sum puts a candidate's corner on another pixel: in 800 photos the
    faces were the same ones, and four boxes had moved, by 2 to 9 pixels. facenet-pytorch's own
    batches differ from its single images, too.

    They are the same to the last bit in whatever batch: the first network sees one image at a time,
    the others fixed numbers of candidates, whatever images they are from.
    """

    def __init__(self, settings: Mtcnn, device_name: str = "cpu") -> None:
        """Load the networks.

        Args:
            settings: thresholds and sizes.
            device_name: auto, cpu or cuda.

        Raises:
            InputError: the device is cuda, and there is none.

        """
        self._settings = settings
        if device_name == "cuda" and not torch.cuda.is_available():
            raise InputError(
                "detection.device is cuda, but torch finds no GPU: set it to auto or cpu"
            )
        on_gpu = device_name != "cpu" and torch.cuda.is_available()
        device = torch.device("cuda" if on_gpu else "cpu")
        self._first = FirstNetwork(device)
        self._second = CandidateNetwork("rnet", device)
        self._third = CandidateNetwork("onet", device)

    def detect(self, images: Sequence[np.ndarray]) -> list[list[Region]]:
        """See `Detector.detect`."""
        found: list[list[Region]] = [[] for _ in images]
        for indices in self._batches(images):
            # 32-bit numbers with 10 bits of precision would be a GPU's choice
            with torch.backends.cudnn.flags(enabled=True, deterministic=True, allow_tf32=False):
                faces = self._cascade([as_rgb(images[index]) for index in indices])
            for box, score, image in zip(faces.boxes, faces.scores, faces.images, strict=True):
                index = indices[image]
                found[index] += clipped_box(Entity.FACE, box, float(score), images[index])
        return found

    def _batches(self, images: Sequence[np.ndarray]) -> Iterator[list[int]]:
        """Yield indices of images. One too small for any face is in no batch."""
        batch: list[int] = []
        pixels = 0
        for index, image in enumerate(images):
            height, width = image.shape[:2]
            if min(height, width) < self._settings.min_face_size:
                continue
            full = len(batch) == self._settings.batch_size
            if batch and (full or pixels + height * width > MAX_PIXELS):
                yield batch
                batch, pixels = [], 0
            batch.append(index)
            pixels += height * width
        if batch:
            yield batch

    def _cascade(self, images: Sequence[np.ndarray]) -> _Candidates:
        """Return the faces, those of one image by falling score."""
        means = WindowMeans(images)
        _, second, third = self._settings.thresholds
        found = self._pyramids(means)
        found, corrections = _judged(found, means, self._second, second)
        kept = suppressed(found.boxes, found.scores, found.images, 0.7)
        found, corrections = found[kept], corrections[kept]
        found = _Candidates(
            _squared(_corrected(found.boxes, corrections)), found.scores, found.images
        )
        found, corrections = _judged(found, means, self._third, third)
        found = _Candidates(_corrected(found.boxes, corrections), found.scores, found.images)
        return found[suppressed(found.boxes, found.scores, found.images, 0.7, "smaller")]

    def _pyramids(self, means: WindowMeans) -> _Candidates:
        """Return the first network's candidates as squares."""
        numbers, places = [np.empty((0, 9), np.float32)], [np.empty((0, 2), np.int64)]
        for image, (height, width) in enumerate(zip(means.heights, means.widths, strict=True)):
            plan = layout(
                int(height), int(width), self._settings.min_face_size, self._settings.factor
            )
            for sheet in plan.sheets:
                found, scales = self._on_sheet(means, image, plan, sheet)
                numbers.append(found)
                places.append(np.column_stack([np.full_like(scales, image), scales]))
        table, where = np.concatenate(numbers), np.concatenate(places)
        # tiles are not in the order of rows, which decides between equal scores
        order = np.lexsort((table[:, 0], table[:, 1], where[:, 1], where[:, 0]))
        table, where = table[order], where[order]
        groups = where[:, 0] * (where[:, 1].max(initial=0) + 1) + where[:, 1]
        kept = suppressed(table[:, :4], table[:, 4], groups, 0.5)
        kept = kept[suppressed(table[kept, :4], table[kept, 4], where[kept, 0], 0.7)]
        boxes, scores, corrections = table[kept, :4], table[kept, 4], table[kept, 5:]
        sides = np.tile(boxes[:, 2:] - boxes[:, :2], 2)
        return _Candidates(_squared(boxes + corrections * sides), scores, where[kept, 0])

    def _on_sheet(
        self, means: WindowMeans, image: int, plan: Layout, sheet: Sheet
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return box, score and corrections of the cells like a face: float32 [N, 9]; and scales.

        Boxes are of the image's pixels, rounded down.
        """
        pixels = np.zeros((3, sheet.height, sheet.width), np.float32)
        for tile in sheet.tiles:
            top, left = tile.sheet_top, tile.sheet_left
            pixels[:, top : top + tile.height, left : left + tile.width] = means.scaled(
                image, plan.sizes[tile.scale], tile.top, tile.left, tile.height, tile.width
            )
        scores, corrections = self._first(pixels, sheet)
        require_finite(scores[sheet.owner >= 0])
        rows, columns = np.nonzero((scores >= self._settings.thresholds[0]) & (sheet.owner >= 0))
        tiles = np.array(
            [
                (tile.scale, tile.left - tile.sheet_left, tile.top - tile.sheet_top)
                for tile in sheet.tiles
            ]
        )[sheet.owner[rows, columns]]
        corners = np.stack([columns, rows], axis=1) * STRIDE + tiles[:, 1:]
        scale = np.array(plan.scales, np.float32)[tiles[:, :1]]
        low = np.floor((corners.astype(np.float32) + 1) / scale)
        high = np.floor((corners.astype(np.float32) + FIELD) / scale)
        table = np.hstack([low, high, scores[rows, columns, None], corrections[:, rows, columns].T])
        require_finite(table)
        return table, tiles[:, 0]


def _judged(
    found: _Candidates, means: WindowMeans, network: CandidateNetwork, threshold: float
) -> tuple[_Candidates, np.ndarray]:
    """Return the candidates that the network takes for faces, and its corrections [N, 4]."""
    corners = found.boxes.astype(np.int32)  # towards zero
    corners[:, :2] = np.maximum(corners[:, :2], 1) - 1  # they count from 1
    corners[:, 2] = np.minimum(corners[:, 2], means.widths[found.images])
    corners[:, 3] = np.minimum(corners[:, 3], means.heights[found.images])
    inside = np.flatnonzero((corners[:, :2] < corners[:, 2:]).all(axis=1))
    found, corners = found[inside], corners[inside]
    scores, corrections = [np.empty(0, np.float32)], [np.empty((0, 4), np.float32)]
    for start in range(0, len(corners), CROPS):
        part = np.s_[start : start + CROPS]
        judged = network(means.crops(found.images[part], corners[part], network.side))
        scores.append(judged[0])
        corrections.append(judged[1])
    score, correction = np.concatenate(scores), np.concatenate(corrections)
    require_finite(score, correction)
    faces = np.flatnonzero(score > threshold)
    return _Candidates(found.boxes[faces], score[faces], found.images[faces]), correction[faces]


def _corrected(boxes: np.ndarray, corrections: np.ndarray) -> np.ndarray:
    """Return boxes moved by shares of their sides, which count one pixel more."""
    sides = np.tile(boxes[:, 2:] - boxes[:, :2] + 1, 2)
    corrected: np.ndarray = boxes + corrections * sides
    return corrected


def _squared(boxes: np.ndarray) -> np.ndarray:
    """Return squares about the same centres with the longer sides."""
    half = np.float32(0.5)
    sides = boxes[:, 2:] - boxes[:, :2]
    longer = sides.max(axis=1, keepdims=True)
    low = boxes[:, :2] + sides * half - longer * half
    return np.hstack([low, low + longer])
