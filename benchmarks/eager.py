"""The peer of `bench_step.py`: a plain, eager DINOv2 step from lightly's public parts and timm's.

It does what a careful user of these libraries would write: one pass for global and one for local
crops, timm's DropPath, lightly's heads, losses and moving average, heads on masked patches only.
Where lightly is missing (on a bare GPU machine) the same is said in plain PyTorch.
"""

from __future__ import annotations

import copy
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import log_softmax, normalize, softmax

from anonbench.core.libraries.compat import install_torchvision_ops
from anonbench.training.loop.trainer import Trainer
from anonbench.training.model.backbone import embed_patches

install_torchvision_ops()  # timm imports torchvision

from timm.models.vision_transformer import Block  # noqa: E402

try:
    from lightly.loss import DINOLoss, IBOTPatchLoss, KoLeoLoss
    from lightly.models.modules import DINOProjectionHead
    from lightly.models.utils import update_momentum

    LIGHTLY = True
except ImportError:
    LIGHTLY = False


class Encoder(nn.Module):
    """Tokens by timm's blocks; positions as ours has them, as lightly's wrapper differs there."""

    def __init__(self, vit: nn.Module, mask_token: Tensor) -> None:
        super().__init__()
        self.vit, self.mask_token = vit, nn.Parameter(mask_token)

    def encode(self, images: Tensor, mask: Tensor | None = None) -> Tensor:
        patches = None if mask is None else mask[:, 1:]
        vit: Any = self.vit
        tokens: Tensor = vit.norm(
            vit.blocks(embed_patches(vit, images, patches, self.mask_token[0, 0]))
        )
        return tokens


class PlainHead(nn.Module):
    def __init__(self, width: int, hidden: int, bottleneck: int, prototypes: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Linear(width, hidden),
            nn.GELU(),
            nn.Linear(hidden, hidden),
            nn.GELU(),
            nn.Linear(hidden, bottleneck),
        )
        self.last_layer = nn.Linear(bottleneck, prototypes, bias=False)
        self.last_layer = nn.utils.weight_norm(self.last_layer)

    def forward(self, features: Tensor) -> Tensor:
        scores: Tensor = self.last_layer(normalize(self.layers(features), dim=-1))
        return scores


class PlainCentre(nn.Module):
    """Softmax centering with DINO's center; the losses below share it."""

    def __init__(self, prototypes: int, temperature: float) -> None:
        super().__init__()
        self.temperature = temperature
        self.register_buffer("center", torch.zeros(prototypes))

    def targets(self, scores: Tensor, temperature: float) -> Tensor:
        made = softmax((scores - self.center) / temperature, dim=-1)
        self.center.mul_(0.9).add_(scores.mean(dim=0), alpha=0.1)  # type: ignore[operator]
        return made


class PlainDino(PlainCentre):
    def forward(self, teacher: Any, student: Any, teacher_temp: float) -> Tensor:
        targets = self.targets(torch.cat(list(teacher)).float(), teacher_temp)
        targets = targets.view(len(teacher), -1, targets.shape[-1])
        scores = log_softmax(torch.stack(list(student)).float() / self.temperature, dim=-1)
        pairs = -torch.einsum("tbd,sbd->ts", targets, scores)
        pairs.fill_diagonal_(0)
        return pairs.sum() / ((pairs.numel() - len(teacher)) * targets.shape[1])


class PlainIbot(PlainCentre):
    def forward(self, teacher: Tensor, student: Tensor, mask: Tensor, teacher_temp: float) -> Any:
        targets = self.targets(teacher.float(), teacher_temp)
        scores = log_softmax(student.float() / self.temperature, dim=-1)
        counts = mask.sum(dim=(1, 2), keepdim=True).clamp(min=1.0)
        weights = (1.0 / counts).expand_as(mask)[mask]
        return (-(targets * scores).sum(dim=-1) * weights).sum() / len(mask)


def plain_koleo(features: Tensor) -> Tensor:
    unit = normalize(features.float(), dim=-1)
    with torch.no_grad():
        similarity = (unit @ unit.T).fill_diagonal_(-2.0)
        nearest = similarity.argmax(dim=1)
    return -torch.log((unit - unit[nearest]).norm(dim=-1) + 1e-8).mean()


class EagerStep:
    """A student, a teacher and an optimizer with the weights of a trainer, run eagerly."""

    def __init__(self, trainer: Trainer) -> None:
        recipe = self.recipe = trainer.recipe
        heads = recipe.heads
        self.student_encoder = self._encoder(trainer, recipe.backbone.drop_path)
        self.teacher_encoder = self._encoder(trainer, 0.0).requires_grad_(False).eval()
        self.student_head = self._head(trainer)
        self.teacher_head = self._head(trainer).requires_grad_(False)
        if LIGHTLY:
            self.dino: Any = DINOLoss(heads.prototypes, student_temp=heads.student_temperature)
            self.ibot: Any = IBOTPatchLoss(heads.prototypes, student_temp=heads.student_temperature)
            self.koleo: Any = KoLeoLoss()
        else:
            self.dino = PlainDino(heads.prototypes, heads.student_temperature)
            self.ibot = PlainIbot(heads.prototypes, heads.student_temperature)
            self.koleo = plain_koleo
        for part in (self.student_encoder, self.teacher_encoder, self.dino, self.ibot):
            part.to(trainer.device)
        self.optimizer = torch.optim.AdamW(self._groups(), betas=recipe.optimizer.betas)
        self.trainer = trainer

    def _encoder(self, trainer: Trainer, drop_path: float) -> Any:
        vit: Any = copy.deepcopy(trainer.student.backbone)
        heads = vit.blocks[0].attn.num_heads
        plain = [
            Block(vit.embed_dim, heads, qkv_bias=True, init_values=1.0, drop_path=drop_path)
            for _ in vit.blocks
        ]
        for block, given in zip(plain, vit.blocks, strict=True):
            block.load_state_dict(given.state_dict())
        vit.blocks = nn.Sequential(*plain)
        token = trainer.student.mask_token.detach().clone().view(1, 1, -1)
        return Encoder(vit, token)

    def _head(self, trainer: Trainer) -> Any:
        heads, source = self.recipe.heads, trainer.student.dino_head
        width: int = trainer.student.backbone.embed_dim  # type: ignore[assignment]
        if LIGHTLY:
            head: Any = DINOProjectionHead(
                width, heads.hidden, heads.bottleneck, heads.prototypes, norm_last_layer=False
            )
        else:
            head = PlainHead(width, heads.hidden, heads.bottleneck, heads.prototypes)
        own = [layer for layer in head.layers if isinstance(layer, nn.Linear)]
        given = [layer for layer in source.layers if isinstance(layer, nn.Linear)]
        for layer, other in zip(own, given, strict=True):
            layer.load_state_dict(other.state_dict())
        head.last_layer.weight_v.data.copy_(source.last_layer.direction)
        head.last_layer.weight_g.data.copy_(source.last_layer.gain)
        return head.to(trainer.device)

    def _groups(self) -> list[dict[str, Any]]:
        weights = [*self.student_encoder.parameters(), *self.student_head.parameters()]
        decayed = [weight for weight in weights if weight.dim() > 1]
        others = [weight for weight in weights if weight.dim() <= 1]
        return [{"params": decayed}, {"params": others, "weight_decay": 0.0}]

    def losses(self, views: Tensor, local_views: Tensor, masked: Tensor) -> dict[str, Tensor]:
        """Return the three terms."""
        size, recipe = len(views) // 2, self.recipe
        side = int(masked.shape[1] ** 0.5)
        grid = masked.view(-1, side, side)
        temperature = float(self.trainer.schedules.teacher_temperature[0])
        autocast = torch.autocast(
            views.device.type, torch.bfloat16, enabled=recipe.precision == "bf16"
        )
        prefix: Any = self.student_encoder.vit.num_prefix_tokens
        whole = torch.cat([masked.new_zeros(len(masked), prefix), masked], dim=1)
        with autocast:
            with torch.no_grad():
                tokens = self.teacher_encoder.encode(views)
                teacher_classes = self.teacher_head(tokens[:, 0])
                teacher_patches = self.teacher_head(tokens[:, prefix:][masked])
            tokens = self.student_encoder.encode(views, mask=whole)
            classes = tokens[:, 0]
            patches = self.student_head(tokens[:, prefix:][masked])
            local_classes = self.student_encoder.encode(local_views)[:, 0]
            scores = self.student_head(torch.cat([classes, local_classes]))
        return {
            "dino": self.dino(
                list(teacher_classes.float().split(size)),
                list(scores.float().split(size)),
                teacher_temp=temperature,
            ),
            "ibot": self.ibot(
                teacher_patches.float(), patches.float(), mask=grid, teacher_temp=temperature
            ),
            "koleo": sum(self.koleo(part.float()) for part in classes.chunk(2)),
        }

    def step(self, views: Tensor, local_views: Tensor, masked: Tensor, rate: float) -> None:
        """Take one step."""
        weights, optimizer = self.recipe.losses, self.recipe.optimizer
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        terms = self.losses(views, local_views, masked)
        loss = (
            weights.dino * terms["dino"]
            + weights.ibot * terms["ibot"]
            + weights.koleo * terms["koleo"]
        )
        self.optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        for part in (self.student_encoder, self.student_head):
            nn.utils.clip_grad_norm_(part.parameters(), optimizer.clip)
        self.optimizer.step()
        momentum = optimizer.ema[0]
        self._follow(self.student_encoder, self.teacher_encoder, momentum)
        self._follow(self.student_head, self.teacher_head, momentum)

    def _follow(self, student: nn.Module, teacher: nn.Module, momentum: float) -> None:
        if LIGHTLY:
            update_momentum(student, teacher, m=momentum)
            return
        with torch.no_grad():
            for own, other in zip(teacher.parameters(), student.parameters(), strict=True):
                own.data = own.data * momentum + other.data * (1.0 - momentum)
