"""k-NN accuracy of the teacher during a training, without an effect on it.

Labels never enter the training. They are read only here, for training images, for a number in the
log; weights, batches and random numbers are the same with the monitor and without it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import nn
from torch.nn.functional import normalize

from anonbench.core.errors import InputError
from anonbench.core.numeric.seeding import rng
from anonbench.datasets.image_sets.shards import ImageSet
from anonbench.training.checkpoints.weights import class_tokens
from anonbench.training.data.preprocess import Preprocess

if TYPE_CHECKING:
    from anonbench.config.training import Recipe

SAMPLE = 2000
"""Training images of an evaluation."""
NEIGHBOURS = 20
TEMPERATURE = 0.07
"""DINO's k-NN evaluation (Caron et al. 2021, appendix F.1)."""
_BATCH = 64
_BLOCK = 512


class KnnMonitor:
    """Measures on a fixed sample of original training images, each against all the others.

    The sample is in memory as the network takes it: 0.3 GB for 2,000 images at 224 pixels.
    """

    def __init__(
        self, images: ImageSet, labels: Mapping[str, str], recipe: Recipe, seed: int
    ) -> None:
        """Read the sample.

        Args:
            images: the originals of the train split.
            labels: class by image id; images without one are left out.
            recipe: of the training: how many images, and how they are prepared at inference.
            seed: draws the sample.

        Raises:
            InputError: fewer than two images have a label.

        """
        ids = labelled_ids(images, labels)
        order = rng("knn", seed).permutation(len(ids))
        self.ids = sorted(ids[place] for place in order[:SAMPLE])
        crops = recipe.crops
        self._preprocess = Preprocess(crops.global_size, crops.normalize, recipe.resize)
        self._inputs = np.stack([self._preprocess.fit(images.read(name)) for name in self.ids])
        classes = [labels[name] for name in self.ids]
        self._codes = torch.from_numpy(np.unique(classes, return_inverse=True)[1])

    def accuracy(self, model: nn.Module) -> float:
        """Return the leave-one-out accuracy of the weighted k-NN vote, between 0 and 1.

        Args:
            model: the teacher's backbone, a timm ViT on any device; afterwards as it was.

        """
        units = normalize(self._features(model), dim=1)
        right = 0
        for rows in torch.split(torch.arange(len(units)), _BLOCK):
            cosines = (units[rows] @ units.T).double()
            cosines[torch.arange(len(rows)), rows] = -torch.inf  # no image votes for itself
            nearest, neighbours = cosines.topk(min(NEIGHBOURS, len(units) - 1))
            votes = cosines.new_zeros(len(rows), int(self._codes.max()) + 1)
            votes.scatter_add_(1, self._codes[neighbours], torch.exp(nearest / TEMPERATURE))
            right += int((votes.argmax(dim=1) == self._codes[rows]).sum())
        return right / len(units)

    @torch.no_grad()
    def _features(self, model: nn.Module) -> torch.Tensor:
        """Return class tokens after the final norm, float32 [N, D], on the CPU."""
        batches = torch.split(torch.from_numpy(self._inputs), _BATCH)
        with _evaluating(model):
            parts = [class_tokens(model, self._preprocess, batch).cpu() for batch in batches]
        return torch.cat(parts)


def labelled_ids(images: ImageSet, labels: Mapping[str, str]) -> list[str]:
    """Return the ids of the images with a label.

    Raises:
        InputError: fewer than two have one.

    """
    ids = [image_id for image_id in images.ids if image_id in labels]
    if len(ids) < 2:
        raise InputError(
            f"recipe.knn_every needs labels, but {len(ids)} of {len(images)} training images "
            "have one; set the data set's label or knn_every: 0"
        )
    return ids


@contextmanager
def _evaluating(model: nn.Module) -> Iterator[None]:
    """Put every part of a model into evaluation mode, and restore its mode afterwards."""
    modes = [(part, part.training) for part in model.modules()]
    model.eval()
    try:
        yield
    finally:
        for part, training in modes:
            part.training = training
