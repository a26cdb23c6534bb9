"""The peer of our training step: a plain, eager DINOv2 step from lightly's public parts and timm's.

It does what a careful user of these libraries would write: one pass for global and one for local
crops, timm's DropPath, lightly's heads, losses and moving average, heads on masked patches only.
"""

from __future__ import annotations

import copy
from typing import Any

import torch
from synthetic import Losses, values
from torch import Tensor, nn

from anonbench.core.libraries.compat import install_torchvision_ops
from anonbench.training.data.batch import Batch
from anonbench.training.loop.trainer import Trainer
from anonbench.training.model.backbone import embed_patches

install_torchvision_ops()  # timm imports torchvision

from lightly.loss import DINOLoss, IBOTPatchLoss, KoLeoLoss  # noqa: E402
from lightly.models.modules import DINOProjectionHead  # noqa: E402
from lightly.models.utils import update_momentum  # noqa: E402
from timm.models.vision_transformer import Block  # noqa: E402


class Encoder(nn.Module):
    """Tokens by timm's blocks; positions as ours has them, as lightly's wrapper differs there."""

    def __init__(self, trainer: Trainer, drop_path: float) -> None:
        super().__init__()
        vit: Any = copy.deepcopy(trainer.student.backbone)
        options = {"qkv_bias": True, "init_values": 1.0, "drop_path": drop_path}
        heads = vit.blocks[0].attn.num_heads
        plain = [Block(vit.embed_dim, heads, **options) for _ in vit.blocks]
        for block, given in zip(plain, vit.blocks, strict=True):
            block.load_state_dict(given.state_dict())
        vit.blocks = nn.Sequential(*plain)
        self.vit = vit
        self.mask_token = nn.Parameter(trainer.student.mask_token.detach().clone())

    def encode(self, images: Tensor, masked: Tensor | None = None) -> Tensor:
        patches = embed_patches(self.vit, images, masked, self.mask_token)
        tokens: Tensor = self.vit.norm(self.vit.blocks(patches))
        return tokens


def head_of(trainer: Trainer) -> Any:
    heads, source = trainer.recipe.heads, trainer.student.dino_head
    sizes = (heads.hidden, heads.bottleneck, heads.prototypes)
    head: Any = DINOProjectionHead(
        trainer.student.backbone.embed_dim, *sizes, norm_last_layer=False
    )
    own = [layer for layer in head.layers if isinstance(layer, nn.Linear)]
    given = [layer for layer in source.layers if isinstance(layer, nn.Linear)]
    for layer, other in zip(own, given, strict=True):
        layer.load_state_dict(other.state_dict())
    head.last_layer.weight_v.data.copy_(source.last_layer.direction)
    head.last_layer.weight_g.data.copy_(source.last_layer.gain)
    return head


class EagerStep:
    """A student, a teacher and an optimizer with the weights of a trainer, run eagerly."""

    def __init__(self, trainer: Trainer) -> None:
        recipe = self.recipe = trainer.recipe
        self.temperature = float(trainer.schedules["teacher_temperature"][0])
        encoder = Encoder(trainer, recipe.backbone.drop_path)
        self.student: Any = nn.ModuleList([encoder, head_of(trainer)])
        self.teacher: Any = nn.ModuleList([Encoder(trainer, 0.0), head_of(trainer)])
        self.teacher.requires_grad_(False)[0].eval()
        temperature = recipe.heads.student_temperature
        self.dino: Any = DINOLoss(recipe.heads.prototypes, student_temp=temperature)
        self.ibot: Any = IBOTPatchLoss(recipe.heads.prototypes, student_temp=temperature)
        self.koleo: Any = KoLeoLoss()
        for part in (self.student, self.teacher, self.dino, self.ibot):
            part.to(trainer.device)
        weights = [*self.student.parameters()]
        decayed = {"params": [weight for weight in weights if weight.dim() > 1]}
        others = {"params": [weight for weight in weights if weight.dim() <= 1], "weight_decay": 0}
        self.optimizer = torch.optim.AdamW([decayed, others], betas=recipe.optimizer.betas)

    def losses(self, views: Tensor, local_views: Tensor, masked: Tensor) -> dict[str, Tensor]:
        """Return the three terms."""
        size, side = len(views) // 2, int(masked.shape[1] ** 0.5)
        encoder, head = self.student
        teacher, teacher_head = self.teacher
        prefix: Any = encoder.vit.num_prefix_tokens
        bf16 = self.recipe.precision == "bf16"
        with torch.autocast(views.device.type, torch.bfloat16, enabled=bf16):
            with torch.no_grad():
                tokens = teacher.encode(views)
                teacher_classes = teacher_head(tokens[:, 0])
                teacher_patches = teacher_head(tokens[:, prefix:][masked])
            tokens = encoder.encode(views, masked)
            classes = tokens[:, 0]
            patches = head(tokens[:, prefix:][masked])
            scores = head(torch.cat([classes, encoder.encode(local_views)[:, 0]]))
        return {
            "dino": self.dino(
                list(teacher_classes.float().split(size)),
                list(scores.float().split(size)),
                teacher_temp=self.temperature,
            ),
            "ibot": self.ibot(
                teacher_patches.float(),
                patches.float(),
                mask=masked.view(-1, side, side),
                teacher_temp=self.temperature,
            ),
            "koleo": sum(self.koleo(part.float()) for part in classes.chunk(2)),
        }

    def step(self, views: Tensor, local_views: Tensor, masked: Tensor, rate: float) -> None:
        """Take one step."""
        weights, optimizer = self.recipe.losses, self.recipe.optimizer
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        terms = self.losses(views, local_views, masked)
        loss = sum(getattr(weights, name) * term for name, term in terms.items())
        self.optimizer.zero_grad()
        loss.backward()
        for part in self.student:
            nn.utils.clip_grad_norm_(part.parameters(), optimizer.clip)
        self.optimizer.step()
        update_momentum(self.student, self.teacher, m=optimizer.ema[0])


def both_losses(
    trainer: Trainer, batch: Batch, views: Tensor, local_views: Tensor
) -> dict[str, Losses]:
    """Return the terms of ours and the peer's before any step.

    Without stochastic depth, whose draws differ.
    """
    peer, rate = EagerStep(trainer), trainer.recipe.backbone.drop_path
    for module in peer.student.modules():
        if hasattr(module, "drop_prob"):
            module.drop_prob = 0.0
    trainer.recipe.backbone.drop_path = 0.0
    with torch.no_grad():
        ours = trainer._losses(batch, 0)
        theirs = peer.losses(views, local_views, batch.masked.to(trainer.device))
    trainer.recipe.backbone.drop_path = rate
    return {"ours": values(ours), "peer": values(theirs)}
