"""Student and teacher: a backbone with its mask token and heads."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from anonbench.config.training import Optimizer, Recipe
from anonbench.training.backbone import encode, init_backbone, seed_torch
from anonbench.training.heads import Head


class Network(nn.Module):
    """A backbone, its mask token and the heads of both losses (one and the same where shared)."""

    def __init__(self, recipe: Recipe, seed: int) -> None:
        super().__init__()
        self.backbone = init_backbone(recipe, seed)
        width: int = self.backbone.embed_dim  # type: ignore[assignment]
        self.mask_token = nn.Parameter(torch.zeros(width))
        with torch.random.fork_rng():
            seed_torch("heads", seed)
            self.dino_head = Head(width, recipe.heads, recipe.backbone.init)
            self.ibot_head = (
                self.dino_head
                if recipe.heads.shared
                else Head(width, recipe.heads, recipe.backbone.init)
            )

    def tokens(self, images: Tensor, masked: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Return class tokens [B, D] and patch tokens [B, P, D] after the final norm."""
        tokens = encode(self.backbone, images, masked, self.mask_token)
        prefix: int = self.backbone.num_prefix_tokens  # type: ignore[assignment]
        return tokens[:, 0], tokens[:, prefix:]

    def scores(self, classes: Tensor, patches: Tensor) -> tuple[Tensor, Tensor]:
        """Return prototype scores of class tokens [N, D] and of masked patches [M, D]."""
        if self.ibot_head is self.dino_head:  # one call is faster than two
            both = self.dino_head(torch.cat([classes, patches]))
            return both[: len(classes)], both[len(classes) :]
        return self.dino_head(classes), self.ibot_head(patches)

    @torch.no_grad()
    def follow(self, student: Network, momentum: float) -> None:
        """Move towards the student: the exponential moving average of its weights."""
        own: list[Tensor] = list(self.parameters())
        other: list[Tensor] = list(student.parameters())
        torch._foreach_lerp_(own, other, 1.0 - momentum)


def is_head(name: str) -> bool:
    """Return whether a parameter of `Network` belongs to the heads."""
    return name.startswith(("dino_head.", "ibot_head."))


def rate_factor(name: str, depth: int, settings: Optimizer) -> float:
    """Return the factor of the learning rate of a parameter of `Network`.

    Layer-wise decay as in BEiT and DINOv2: one factor more for each block further from the output,
    the embeddings at the end; the patch embedding has a factor of its own besides.
    """
    if is_head(name):
        return 1.0
    name = name.removeprefix("backbone.")
    if name.startswith("blocks."):
        distance = depth - int(name.split(".")[1])
    elif name.startswith(("patch_embed", "pos_embed", "cls_token", "reg_token", "mask_token")):
        distance = depth + 1
    else:
        distance = 0
    own = settings.patch_rate if name.startswith("patch_embed") else 1.0
    return float(settings.layer_decay**distance * own)


def decays(name: str) -> bool:
    """Return whether weight decay acts on a parameter: not on biases, norms and LayerScale."""
    return not (name.endswith((".bias", ".gamma")) or "norm" in name)


def parameter_groups(student: Network, settings: Optimizer) -> list[dict[str, object]]:
    """Return AdamW's groups, with `rate_factor`, `decay_factor` and `last_layer` in each."""
    depth = len(student.backbone.blocks)  # type: ignore[arg-type]
    groups: dict[tuple[float, float, bool], list[nn.Parameter]] = {}
    for name, parameter in student.named_parameters():
        key = (rate_factor(name, depth, settings), float(decays(name)), ".last_layer." in name)
        groups.setdefault(key, []).append(parameter)
    return [
        {"params": parameters, "rate_factor": rate, "decay_factor": decay, "last_layer": last}
        for (rate, decay, last), parameters in groups.items()
    ]


def clip_gradients(student: Network, largest: float) -> Tensor:
    """Clip backbone and heads apart; return the norm over all before clipping (scalar)."""
    parts: tuple[list[Tensor], list[Tensor]] = ([], [])
    for name, parameter in student.named_parameters():
        parts[is_head(name)].append(parameter)
    norms = [nn.utils.clip_grad_norm_(part, largest) for part in parts]
    return torch.stack(norms).square().sum().sqrt()
