"""Means over windows of images, by integral images: MTCNN's way to shrink images and faces."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from anonbench.core.libraries.opencv import cv2
from anonbench.core.numeric.compiled import compiled

Span = tuple[np.ndarray, np.ndarray]
"""Where windows begin, and where they end."""


def windows(first: int, count: int, source: int | np.ndarray, target: int) -> Span:
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
    modulo 2³² are right for windows of up to 2²³ pixels.
    """

    def __init__(self, images: Sequence[np.ndarray]) -> None:
        """Sum up the images: uint8 [H, W, 3], of any sizes; 12 bytes a pixel are held."""
        self.heights = np.array([len(image) for image in images])
        self.widths = np.array([image.shape[1] for image in images])
        cells = (self.heights + 1) * (self.widths + 1)
        self._starts = np.cumsum(cells) - cells
        self._cells = np.empty((int(cells.sum()), 3), np.int32)
        for index, image in enumerate(images):
            cv2.integral(np.ascontiguousarray(image), self._integral(index), cv2.CV_32S)

    def _integral(self, image: int) -> np.ndarray:
        """Return the image's part: int32 [H + 1, W + 1, 3]."""
        height, width = int(self.heights[image]) + 1, int(self.widths[image]) + 1
        start = int(self._starts[image])
        cells = self._cells[start : start + height * width]
        return cells.reshape(height, width, 3)

    def scaled(
        self, image: int, size: tuple[int, int], top: int, left: int, height: int, width: int
    ) -> np.ndarray:
        """Return a part of one image made smaller to `size` (rows, columns): float32 [3, h, w]."""
        rows = windows(top, height, int(self.heights[image]), size[0])
        columns = windows(left, width, int(self.widths[image]), size[1])
        start, stride = self._starts[image], self.widths[image] + 1
        parts = np.array([[start]]), np.array([[stride]])
        means: np.ndarray = self._means(*parts, _alone(rows), _alone(columns))[0]
        return means

    def crops(self, images: np.ndarray, boxes: np.ndarray, side: int) -> np.ndarray:
        """Return parts of images made `side` pixels wide and high.

        Args:
            images: int [N], the image of each part.
            boxes: int [N, 4], x0, y0, x1, y1, half-open, inside the image and not empty.
            side: of the result.

        Returns:
            float32 [N, 3, side, side].

        """
        x0, y0, x1, y1 = boxes.T[:, :, None]
        columns = windows(0, side, x1 - x0, side)
        rows = windows(0, side, y1 - y0, side)
        starts, stride = self._starts[images][:, None], self.widths[images][:, None] + 1
        return self._means(starts + y0 * stride + x0, stride, rows, columns)

    def _means(
        self, start: np.ndarray, stride: np.ndarray, rows: Span, columns: Span
    ) -> np.ndarray:
        """Return the means of windows of parts, float32 [N, 3, h, w].

        Args:
            start: the first cell of each part, int [N, 1].
            stride: cells from one row of it to the next, int [N, 1].
            rows: where windows begin and end in the part, int [N, h].
            columns: the same across, int [N, w].

        """
        above, below = (start + row * stride for row in rows)
        shape = len(start), 3, rows[0].shape[1], columns[0].shape[1]
        means = np.empty(shape, np.float32)
        high, wide = ((end - begin).astype(np.float32) for begin, end in (rows, columns))
        _divide(self._cells.reshape(-1), above, below, *columns, high, wide, means)
        return means


def _alone(span: Span) -> Span:
    return span[0][None], span[1][None]


@compiled
def _divide(cells, above, below, left, right, high, wide, means):  # type: ignore[no-untyped-def]
    """Divide the sums over windows by their heights and then by their widths."""
    count, _, height, width = means.shape
    for i in range(count):
        for y in range(height):
            rows = high[i, y]
            upper, lower = cells[3 * above[i, y] :], cells[3 * below[i, y] :]
            for x in range(width):
                begin, end, columns = 3 * left[i, x], 3 * right[i, x], wide[i, x]
                for c in range(3):
                    total = lower[end + c] - upper[end + c] + upper[begin + c] - lower[begin + c]
                    means[i, c, y, x] = np.float32(np.int32(total)) / rows / columns
