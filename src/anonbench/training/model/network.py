"""Student and teacher: a backbone with its mask token and heads."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn
from torch.nn.functional import pad
from torch.utils.checkpoint import checkpoint

from anonbench.training.model.backbone import embed_patches, init_backbone, seed_torch
from anonbench.training.model.blocks import GRANULE, DropPath
from anonbench.training.model.vit import Head

if TYPE_CHECKING:
    from anonbench.config.training import Optimizer, Recipe


class Network(nn.Module):
    """A backbone, its mask token and the heads of both losses (a single one if shared)."""

    def __init__(self, recipe: Recipe, seed: int) -> None:
        super().__init__()
        self.backbone, mask_token = init_backbone(recipe, seed)
        width: int = self.backbone.embed_dim  # type: ignore[assignment]
        self.mask_token = nn.Parameter(torch.zeros(width) if mask_token is None else mask_token)
        with torch.random.fork_rng():
            seed_torch("heads", seed)
            settings = width, recipe.heads, recipe.backbone.init
            self.dino_head = Head(*settings)
            self.ibot_head = self.dino_head if recipe.heads.shared else Head(*settings)

    def forward(
        self,
        views: Tensor,
        masked_indices: Tensor,
        masked: Tensor | None = None,
        local_views: Tensor | None = None,
        kept: DropPath | None = None,
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Run the network on the crops of a batch.

        Args:
            views: float [2 B, 3, S, S], the global crops.
            masked_indices: int64 [M] into their flattened patches: where scores are wanted.
            masked: bool [2 B, patches]: what is hidden; None (the teacher) for nothing.
            local_views: float [L B, 3, s, s], the local crops, if any.
            kept: stochastic depth, if any.

        Returns:
            class tokens of the global crops [2 B, D]; prototype scores of all class tokens, global
            crops first, [(2 + L) B, K], and of the masked patches [M, K].
        """
        backbone: Any = self.backbone
        groups = [embed_patches(backbone, views, masked, self.mask_token)]
        if local_views is not None:
            groups.append(embed_patches(backbone, local_views))
        images = sum(len(group) for group in groups)
        padded = pad(masked_indices, (0, -len(masked_indices) % GRANULE))
        length, prefix = groups[0].shape[1], backbone.num_prefix_tokens
        images_of, places = padded // (length - prefix), padded % (length - prefix)
        patches = images_of * length + prefix + places
        *blocks, last = enumerate(backbone.blocks)
        for number, block in blocks:
            groups = _run(block, groups, kept and kept.rows(number))
        number, block = last
        tokens = backbone.norm(_run(block, groups, kept and kept.rows(number), patches, kept))
        if self.ibot_head is self.dino_head:  # one call is faster than two
            scores, patch_scores = self.dino_head(tokens).split([images, len(padded)])
        else:
            classes, masked_tokens = tokens.split([images, len(padded)])
            scores, patch_scores = self.dino_head(classes), self.ibot_head(masked_tokens)
        return tokens[: len(views)], scores, patch_scores[: len(masked_indices)]

    @torch.no_grad()
    def follow(self, student: Network, momentum: float) -> None:
        """Move towards the student: the exponential moving average of its weights."""
        weights = [weight.detach() for weight in self.parameters()]
        other = [weight.detach() for weight in student.parameters()]
        torch._foreach_lerp_(weights, other, 1.0 - momentum)


def _run(block: Any, *arguments: Any) -> Any:
    if block.keep_activations:
        return block(*arguments)
    return checkpoint(block, *arguments, use_reentrant=False)


def is_head(name: str) -> bool:
    """Check whether a parameter of `Network` belongs to the heads."""
    return name.startswith(("dino_head.", "ibot_head."))


def rate_factor(name: str, depth: int, settings: Optimizer) -> float:
    """Return the factor of the learning rate of a parameter of `Network`: layer-wise decay.

    As in BEiT and DINOv2: one more factor for each block further from the output, with the
    embeddings last; the patch embedding has an additional factor.
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
    rate = settings.patch_rate if name.startswith("patch_embed") else 1.0
    return float(settings.backbone_rate * settings.layer_decay**distance * rate)


def parameter_groups(student: Network, settings: Optimizer) -> list[dict[str, object]]:
    """Return AdamW's groups, with `rate_factor`, `decay_factor` and `schedule` in each."""
    depth = len(student.backbone.blocks)  # type: ignore[arg-type]
    groups: dict[tuple[float, float, str], list[nn.Parameter]] = {}
    for name, parameter in student.named_parameters():
        decays = not (name.endswith((".bias", ".gamma")) or "norm" in name)
        schedule = "learning_rate" if is_head(name) else "backbone_rate"
        if ".last_layer." in name:
            schedule = "last_layer_rate"
        key = (rate_factor(name, depth, settings), float(decays), schedule)
        groups.setdefault(key, []).append(parameter)
    return [
        {"params": parameters, "rate_factor": rate, "decay_factor": decay, "schedule": schedule}
        for (rate, decay, schedule), parameters in groups.items()
    ]


def clip_gradients(student: Network, largest: float) -> Tensor:
    """Clip backbone and each head separately; return the norm over all before clipping (scalar)."""
    parts: dict[str, list[Tensor]] = {}
    for name, parameter in student.named_parameters():
        parts.setdefault(name.split(".")[0] if is_head(name) else "", []).append(parameter)
    norms = [nn.utils.clip_grad_norm_(part, largest) for part in parts.values()]
    return torch.stack(norms).square().sum().sqrt()
