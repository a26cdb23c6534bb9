"""The project's loader on generated JPEGs: images/s of one process and of one for each core."""

from __future__ import annotations

import os
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch
from torch.utils.data import DataLoader

from .guard import NotApplicable, Report
from .setting import recipe

IMAGES, SIDES = 256, (178, 218)
"""Of CelebA's size."""


def measure(report: Report, tiny: bool) -> None:
    """Report images/s: decoding, cutting of two global and eight local crops, draws, masks.

    Augmentation is the GPU's work. Files are read from the page cache.
    """
    try:
        from anonbench.datasets.image_sets.shards import ImageSet, ShardWriter
        from anonbench.datasets.images import encode
        from anonbench.training.data.paired_dataset import BatchStream, Sources
    except ModuleNotFoundError as error:
        raise NotApplicable(f"the loader needs {error.name}") from error
    images, batch = (16, 8) if tiny else (IMAGES, 64)
    settings = recipe(batch, tiny)
    random = np.random.default_rng(0)
    with TemporaryDirectory() as folder:
        path = Path(folder) / "images.tar"
        with ShardWriter.open(path) as shard:
            for number in range(images):
                shard.add(f"{number:04}", encode(drawn(random), "jpeg"), "jpg", *SIDES)
        source = ImageSet.open([path])
        stream = BatchStream(source.ids, Sources(source, source), settings, 14, 0)
        report(one_process=rate(stream, batch, 0, 1 if tiny else 4))
        if not tiny:
            cores = len(os.sched_getaffinity(0))
            report(all_cores=rate(stream, batch, cores, 6 * cores), processes=cores)


def drawn(random: np.random.Generator) -> np.ndarray:
    """Return a soft pattern with a little noise, uint8 [H, W, 3]."""
    coarse = torch.from_numpy(random.uniform(0, 255, (1, 3, 8, 8)))
    soft = torch.nn.functional.interpolate(coarse, SIDES[::-1], mode="bilinear")[0]
    pixels = soft.permute(1, 2, 0).numpy()
    return np.clip(pixels + random.normal(0, 4, pixels.shape), 0, 255).astype(np.uint8)


def rate(stream: Any, batch: int, workers: int, batches: int) -> float:
    """Return images/s of a loader once its processes have started."""
    first = max(workers, 1)
    steps = range(batches + first)
    loader = iter(DataLoader(stream, batch_size=None, sampler=steps, num_workers=workers))
    for _ in range(first):
        next(loader)
    began = time.perf_counter()
    for _ in loader:
        pass
    return round(batches * batch / (time.perf_counter() - began), 1)
