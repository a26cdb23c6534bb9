"""Batches of equal size, each computed by one thread: bits do not depend on threads."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np

from anonbench.core.numeric.similarity import threads as granted

Run = Callable[[np.ndarray], np.ndarray]


@dataclass(frozen=True)
class Batched:
    """A network that is run on batches of one size, prepared and computed in parallel."""

    prepare: Callable[[np.ndarray], np.ndarray]
    """Of one image, uint8 [H, W, 3], an array of the network's input."""
    run: Run
    """Of a batch, float32 [size, …], vectors [size, D]. May be called by several threads."""
    size: int
    pool: ThreadPoolExecutor

    def encode(self, images: Sequence[np.ndarray]) -> np.ndarray:
        """Return vectors [N, D] of N images."""
        starts = range(0, len(images), self.size)
        parts = self.pool.map(lambda start: self._batch(images[start : start + self.size]), starts)
        return np.concatenate(list(parts))

    def _batch(self, images: Sequence[np.ndarray]) -> np.ndarray:
        """Return vectors; a last batch is filled up, so that kernels see one shape only."""
        inputs = [self.prepare(image) for image in images]
        inputs += [inputs[-1]] * (self.size - len(inputs))
        return self.run(np.stack(inputs))[: len(images)]


@contextmanager
def batched(
    prepare: Callable[[np.ndarray], np.ndarray], run: Run, size: int, threads: int | None = None
) -> Iterator[Batched]:
    """Yield a network in batches, with as many threads as the job has."""
    with ThreadPoolExecutor(threads or granted()) as pool:
        yield Batched(prepare, run, size, pool)
