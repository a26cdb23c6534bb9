"""Means over windows of images, by integral images: how MTCNN makes images and faces smaller."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from anonbench.opencv import cv2

CHANNELS = 4
"""Colours and one that is ignored: 16 bytes are copied and divided faster than 12."""


def windows(
    first: int, count: int, source: int | np.ndarray, target: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return where the windows of some of `target` pixels begin and end, of `source` pixels.

    They are those of torch's adaptive pooling (`interpolate` with mode "area"): whole pixels,
    overlapping where the sizes do not divide. OpenCV's INTER_AREA weighs parts of pixels instead.
    """
    index = np.arange(first, first + count)
    return index * source // target, -(-(index + 1) * source // target)


class WindowMeans:
    """The images of a batch, ready for the mean of any window.

    Sums are whole numbers and so exact, and divided in torch's order: the means are those of
    torch's adaptive pooling to the last bit. Integral images may wrap around, since differences
    modulo 2³² are right for windows of up to 2²³ pixels. Means have a fourth channel without a use.
    """

    def __init__(self, images: Sequence[np.ndarray]) -> None:
        """Sum up the images: uint8 [H, W, 3], of any sizes; 16 bytes a pixel are held."""
        self.heights = np.array([len(image) for image in images])
        self.widths = np.array([image.shape[1] for image in images])
        cells = (self.heights + 1) * (self.widths + 1)
        self._starts = np.cumsum(cells) - cells
        self._cells = np.empty((int(cells.sum()), CHANNELS), np.int32)
        for index, image in enumerate(images):
            padded = cv2.cvtColor(np.ascontiguousarray(image), cv2.COLOR_RGB2RGBA)
            cv2.integral(padded, self._integral(index), cv2.CV_32S)

    def _integral(self, image: int) -> np.ndarray:
        """Return the image's part: int32 [H + 1, W + 1, 4]."""
        height, width = int(self.heights[image]) + 1, int(self.widths[image]) + 1
        start = int(self._starts[image])
        cells = self._cells[start : start + height * width]
        return cells.reshape(height, width, CHANNELS)

    def scaled(
        self, image: int, size: tuple[int, int], top: int, left: int, height: int, width: int
    ) -> np.ndarray:
        """Return a part of one image made smaller to `size` (rows, columns): float32 [h, w, 4]."""
        rows = windows(top, height, int(self.heights[image]), size[0])
        columns = windows(left, width, int(self.widths[image]), size[1])
        start = int(columns[0][0])
        part = self._integral(image)[:, start : int(columns[1][-1]) + 1]
        sums = part[rows[1]] - part[rows[0]]
        sums = np.take(sums, columns[1] - start, axis=1) - np.take(sums, columns[0] - start, axis=1)
        means: np.ndarray = _divided(sums[None], rows[1] - rows[0], columns[1] - columns[0])[0]
        return means

    def crops(self, images: np.ndarray, boxes: np.ndarray, side: int) -> np.ndarray:
        """Return parts of images made `side` pixels wide and high.

        Args:
            images: int [N], the image of each part.
            boxes: int [N, 4], x0, y0, x1, y1, half-open, inside the image and not empty.
            side: of the result.

        Returns:
            float32 [N, side, side, 4].

        """
        x0, y0, x1, y1 = boxes.T[:, :, None]
        columns = windows(0, side, x1 - x0, side)
        rows = windows(0, side, y1 - y0, side)
        stride = self.widths[images][:, None] + 1
        above, below = (self._starts[images][:, None] + (y0 + row) * stride for row in rows)
        left, right = (x0 + column for column in columns)
        sums = np.take(self._cells, below[:, :, None] + right[:, None, :], axis=0)
        sums -= np.take(self._cells, above[:, :, None] + right[:, None, :], axis=0)
        sums -= np.take(self._cells, below[:, :, None] + left[:, None, :], axis=0)
        sums += np.take(self._cells, above[:, :, None] + left[:, None, :], axis=0)
        return _divided(sums, rows[1] - rows[0], columns[1] - columns[0])


def _divided(sums: np.ndarray, high: np.ndarray, wide: np.ndarray) -> np.ndarray:
    """Divide sums [N, h, w, 4] by the windows' heights [N, h] or [h] and widths [N, w] or [w]."""
    means = sums.astype(np.float32).reshape(*sums.shape[:2], -1)
    means /= high.astype(np.float32)[..., None]
    # repeated, so that NumPy divides long rows and not four numbers at a time
    means /= wide.astype(np.float32).repeat(CHANNELS, axis=-1)[..., None, :]
    return means.reshape(sums.shape)
