"""Batches of train images that a network learns to draw hidden regions from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from anonbench.anonymization.apply import hidden_pixels
from anonbench.config import Anonymization
from anonbench.core.boxes import Region, regions_at
from anonbench.core.numeric.seeding import rng
from anonbench.datasets.image_sets.shards import ImageSet
from anonbench.training.data.preprocess import Preprocess


class Pairs(NamedTuple):
    """A batch, as a model sees whole images."""

    original: Tensor
    """uint8 [B, S, S, 3]."""
    hidden: Tensor
    """The same images anonymized, uint8 [B, S, S, 3]."""
    share: Tensor
    """Of each pixel that is hidden, uint8 [B, S, S]: 255 is all of it."""


class PairStream(Dataset[Pairs]):
    """The batches of a training by step: a function of seed, step and image ids.

    An epoch is one pass over the images in an order of its own; an incomplete last batch is left
    out.
    """

    def __init__(
        self,
        original: ImageSet,
        hidden: ImageSet,
        where: Mapping[str, Sequence[Region]],
        settings: Anonymization,
        preprocess: Preprocess,
        batch: int,
        steps: int,
        seed: int,
    ) -> None:
        """Describe the stream.

        Args:
            original: N images.
            hidden: the same anonymized.
            where: the regions that are hidden, by image.
            settings: margin and shapes of regions.
            preprocess: of the model that is drawn for.
            batch: images in a step, at most N.
            steps: of the training.
            seed: of the images' order.

        """
        self._original, self._hidden = original, hidden
        self._where, self._settings = where, settings
        self._preprocess = preprocess
        self._ids, self._batch, self._steps, self._seed = original.ids, batch, steps, seed

    def __len__(self) -> int:
        return self._steps

    def __getitem__(self, step: int) -> Pairs:
        epoch, place = divmod(step, len(self._ids) // self._batch)
        order = rng("redrawing order", self._seed, epoch).permutation(len(self._ids))
        rows = order[place * self._batch : (place + 1) * self._batch]
        parts = [self._pair(self._ids[row]) for row in rows]
        return Pairs(*(torch.from_numpy(np.stack(each)) for each in zip(*parts, strict=True)))

    def _pair(self, image_id: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        original, hidden = self._original.read(image_id), self._hidden.read(image_id)
        where = hidden_pixels(self._where.get(image_id, ()), hidden.shape, self._settings)
        fit = self._preprocess.fit
        return fit(original), fit(hidden), fit(as_picture(where))[..., 0]


def shown_hidden(
    regions: Mapping[str, Sequence[Region]], degree: int
) -> dict[str, Sequence[Region]]:
    """Return the regions that a degree hides, by image, from all regions in draw order."""
    return {name: each[: regions_at(degree, len(each))] for name, each in regions.items()}


def as_picture(where: np.ndarray) -> np.ndarray:
    """Return uint8 [H, W]: white where bool [H, W] is true."""
    return where.astype(np.uint8) * np.uint8(255)
