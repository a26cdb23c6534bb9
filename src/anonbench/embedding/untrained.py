"""The recipe's network before its training: how much of a score needs no learning.

A random network keeps much of what images have in common. A trained model has to beat that.
"""

from __future__ import annotations

from pathlib import Path

from anonbench.config.training import Recipe
from anonbench.core.provenance import versions
from anonbench.training.checkpoints.weights import PREFIX, save_backbone
from anonbench.training.model.backbone import init_backbone


def write_untrained(recipe: Recipe, seed: int, path: Path) -> None:
    """Write the network that a training from random weights starts from, as `train` writes one.

    `anonbench.embedding.extract.embed_many` embeds by it as by any other.

    Args:
        recipe: of the data set; pretrained weights are left out.
        seed: of the weights: that of a training has the very weights that it starts from.
        path: of the safetensors file.

    """
    backbone = recipe.backbone.model_copy(update={"pretrained": None})
    model = init_backbone(recipe.model_copy(update={"backbone": backbone}), seed)
    weights = {f"{PREFIX}{name}": value for name, value in model.state_dict().items()}
    provenance = {"model": "untrained", "seed": seed, "versions": versions("torch", "timm")}
    save_backbone(weights, recipe, path, provenance)
