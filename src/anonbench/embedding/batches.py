"""Batches of an image set, square and in id order, without a model."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from anonbench.config.evaluation import Embedding
from anonbench.core.jobs.run_scratch import shared_file, written
from anonbench.core.progress import track
from anonbench.datasets.image_sets.shards import ImageSet
from anonbench.training.data.preprocess import Preprocess


class _Inputs(Dataset[Tensor]):
    """Batches of an image set as uint8 [N, S, S, 3]."""

    def __init__(self, images: ImageSet, preprocess: Preprocess, batch_size: int) -> None:
        self._images = images
        self._ids = images.ids
        self._preprocess = preprocess
        self._batch_size = batch_size

    def __len__(self) -> int:
        return -(-len(self._ids) // self._batch_size)

    def __getitem__(self, number: int) -> Tensor:
        ids = self._ids[number * self._batch_size : (number + 1) * self._batch_size]
        return torch.from_numpy(
            np.stack([self._preprocess.fit(self._images.read(image_id)) for image_id in ids])
        )


def batches(images: ImageSet, preprocess: Preprocess, settings: Embedding) -> Iterator[Tensor]:
    """Give the images in id order, in batches of uint8 [B, S, S, 3].

    Another job of the run may have made them for its model (`run_scratch`).

    Args:
        images: N images.
        preprocess: how they become square.
        settings: batch size and workers; the workers have no effect on the result.

    """
    shape = (len(images), preprocess.side, preprocess.side, 3)
    name = f"{images.digest}-{preprocess.resize}-{preprocess.side}.npy"
    shared = shared_file(name, math.prod(shape)) if len(images) else None
    if shared is not None and not shared.exists():
        with written(shared) as part:
            whole = np.lib.format.open_memmap(part, "w+", np.uint8, shape)  # type: ignore[no-untyped-call]
            start = 0
            for batch in _fitted(images, preprocess, settings):
                whole[start : start + len(batch)] = batch
                start += len(batch)
            whole.flush()
    if shared is None:
        yield from _fitted(images, preprocess, settings)
        return
    whole = np.load(shared, mmap_mode="r")
    for start in range(0, len(whole), settings.batch_size):
        yield torch.from_numpy(np.array(whole[start : start + settings.batch_size]))


def _fitted(images: ImageSet, preprocess: Preprocess, settings: Embedding) -> Iterator[Tensor]:
    inputs = _Inputs(images, preprocess, settings.batch_size)
    loader = DataLoader(
        inputs,
        batch_size=None,
        num_workers=settings.workers,
        multiprocessing_context="fork" if settings.workers else None,
    )
    yield from track(loader, len(inputs), "batches embedded")
