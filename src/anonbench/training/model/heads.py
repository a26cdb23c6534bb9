"""Projection heads from features to prototype scores."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import torch
from torch import Tensor, nn
from torch.nn.functional import linear, normalize

if TYPE_CHECKING:
    from anonbench.config.training import Heads


class Prototypes(nn.Module):
    """Scores of unit features against prototypes: a linear layer with weight normalization.

    The gain of each prototype is trained, as in DINOv2 (DINO kept it at one). Directions start as
    torch starts a linear layer, uniformly within ±1/√features, also as there: the longer a
    direction, the less a step of a given size turns it, and its length begins at about 1/√3.
    """

    def __init__(self, features: int, prototypes: int) -> None:
        super().__init__()
        self.direction = nn.Parameter(torch.empty(prototypes, features))
        self.gain = nn.Parameter(torch.ones(prototypes, 1))
        bound = features**-0.5
        nn.init.uniform_(self.direction, -bound, bound)

    def forward(self, features: Tensor) -> Tensor:
        """Return scores [N, K] of features [N, D]."""
        return linear(features, self.gain * normalize(self.direction, dim=-1))


class Head(nn.Module):
    """DINO's projection head (Caron et al. 2021, appendix C).

    Three layers with GELU, a unit bottleneck, and the prototypes.
    """

    def __init__(self, width: int, settings: Heads, init: Literal["vit", "xavier"]) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Linear(width, settings.hidden),
            nn.GELU(),
            nn.Linear(settings.hidden, settings.hidden),
            nn.GELU(),
            nn.Linear(settings.hidden, settings.bottleneck),
        )
        self.last_layer = Prototypes(settings.bottleneck, settings.prototypes)
        for layer in self.layers:
            if isinstance(layer, nn.Linear):
                initialize_linear(layer, init)

    def forward(self, features: Tensor) -> Tensor:
        """Return scores [N, K] of features [N, D]."""
        return self.last_layer(normalize(self.layers(features), dim=-1))  # type: ignore[no-any-return]


def initialize_linear(layer: nn.Linear, init: Literal["vit", "xavier"]) -> None:
    """Set a linear layer to ViT's truncated normal of 0.02, or Xavier's uniform; bias zero."""
    if init == "xavier":
        nn.init.xavier_uniform_(layer.weight)
    else:
        nn.init.trunc_normal_(layer.weight, std=0.02)
    if layer.bias is not None:
        nn.init.zeros_(layer.bias)
