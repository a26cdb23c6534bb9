"""Training step of adaption D, which moves hidden images' embeddings to their originals'."""

from __future__ import annotations

import copy
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn.functional import cosine_similarity

from anonbench.training.data.batch import Batch, finish
from anonbench.training.loop.trainer import Trainer
from anonbench.training.model.network import Network


class Distiller(Trainer):
    """Trainer whose target is a frozen copy of the weights that it starts from.

    The global crops of a batch are hidden, its local crops are the same crops of the originals.
    """

    terms: ClassVar[tuple[str, ...]] = ("loss", "distance", "gradient_norm")

    def _network(self) -> Network:
        network = super()._network()
        network.dino_head = network.ibot_head = nn.Identity()  # type: ignore[assignment]
        network.mask_token.requires_grad_(False)  # nothing is masked
        return network

    def _prepare(self) -> nn.Module:
        self._target = copy.deepcopy(self.teacher)
        return super()._prepare()

    def _losses(self, batch: Batch, part: int) -> dict[str, Tensor]:
        """Return 1 minus the mean cosine of class tokens and, if configured, of patches."""
        crops, weight = self.recipe.crops, self.recipe.losses.distilled_patches
        views = finish(batch.global_crops, batch.global_augmentations, crops, self.device)
        originals = finish(batch.local_crops, batch.local_augmentations, crops, self.device)
        patches = batch.masked.numel() if weight else 0
        rows = torch.arange(patches, device=self.device)
        with self._autocast():
            with torch.no_grad():
                _, class_targets, patch_targets = self._target(originals, rows)
            classes, _, patch_tokens = self._student(views, rows)
        self._features = classes.detach()
        distance = loss = _distance(classes, class_targets)
        if weight:
            loss = distance + weight * _distance(patch_tokens, patch_targets)
        return {"loss": loss, "distance": distance}


def _distance(found: Tensor, targets: Tensor) -> Tensor:
    return 1.0 - cosine_similarity(found.float(), targets.float(), dim=-1).mean()
