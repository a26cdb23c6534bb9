"""Images as inputs of a network, by Pillow, and batches of them.

Batches have equal size, and each is computed by one thread: bits do not depend on threads.
"""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from math import floor

import numpy as np
from PIL import Image

from anonbench.core.numeric.similarity import threads as granted
from anonbench.core.registries.systems import ImageInput

Run = Callable[[np.ndarray], np.ndarray]


class Prepare:
    """Preparation of images as settings say; equal to timm's transforms of the same settings."""

    def __init__(self, settings: ImageInput) -> None:
        self.settings = settings
        levels = np.arange(256, dtype=np.float32)
        if settings.value_range == 1:
            levels /= np.float32(255)
        mean, std = np.array(settings.mean, np.float32), np.array(settings.std, np.float32)
        # value of each level of each channel of the output, float32 [256, 3]
        self._table = ((levels[:, None] - mean) / std).astype(np.float32)

    def __call__(self, image: np.ndarray) -> np.ndarray:
        """Return an image, uint8 [H, W, 3] RGB, as float32 [3, h, w] or [h, w, 3]."""
        pixels = self._fit(image)
        if self.settings.channels == "bgr":
            pixels = pixels[..., ::-1]
        planes = [self._table[:, c].take(pixels[..., c]) for c in range(3)]
        return np.stack(planes, axis=0 if self.settings.layout == "nchw" else -1)

    def _fit(self, image: np.ndarray) -> np.ndarray:
        height, width = self.settings.size
        if self.settings.resize == "squash":
            return self._resized(image, height, width)
        rows, columns = image.shape[:2]
        if self.settings.resize == "pad":
            scale = min(height / rows, width / columns)
            sides = max(1, round(rows * scale)), max(1, round(columns * scale))
            inner = self._resized(image, *sides)
            mean = np.array(self.settings.mean, np.float32) * (255 // self.settings.value_range)
            border = np.clip(np.rint(mean), 0, 255)
            full = np.empty((height, width, 3), np.uint8)
            full[:] = border[::-1] if self.settings.channels == "bgr" else border
            top, left = (height - sides[0]) // 2, (width - sides[1]) // 2
            full[top : top + sides[0], left : left + sides[1]] = inner
            return full
        goal = floor(height / self.settings.crop), floor(width / self.settings.crop)
        if goal[0] / rows >= goal[1] / columns:
            resized = self._resized(image, goal[0], int(goal[0] * columns / rows))
        else:
            resized = self._resized(image, int(goal[1] * rows / columns), goal[1])
        top = round((resized.shape[0] - height) / 2)
        left = round((resized.shape[1] - width) / 2)
        return resized[top : top + height, left : left + width]

    def _resized(self, image: np.ndarray, height: int, width: int) -> np.ndarray:
        if image.shape[:2] == (height, width):
            return image
        method = Image.Resampling[self.settings.interpolation.upper()]
        return np.asarray(Image.fromarray(image).resize((width, height), method))


@dataclass(frozen=True)
class Batched:
    """A network that is run on batches of one size, prepared and computed in parallel."""

    prepare: Callable[[np.ndarray], np.ndarray]  # from uint8 [H, W, 3] to the network's input
    run: Run  # of a batch, float32 [size, …], vectors [size, D]. May be called by several threads
    size: int
    pool: ThreadPoolExecutor

    def encode(self, images: Sequence[np.ndarray]) -> np.ndarray:
        """Return vectors [N, D] of N images."""

        def vectors(start: int) -> np.ndarray:
            inputs = [self.prepare(image) for image in images[start : start + self.size]]
            # a last batch is filled up, so that kernels see one shape only
            filled = inputs + [inputs[-1]] * (self.size - len(inputs))
            return self.run(np.stack(filled))[: len(inputs)]

        return np.concatenate([*self.pool.map(vectors, range(0, len(images), self.size))])


@contextmanager
def batched(
    prepare: Callable[[np.ndarray], np.ndarray], run: Run, size: int, threads: int | None = None
) -> Iterator[Batched]:
    """Yield a network in batches, with as many threads as the job has."""
    with ThreadPoolExecutor(threads or granted()) as pool:
        yield Batched(prepare, run, size, pool)
