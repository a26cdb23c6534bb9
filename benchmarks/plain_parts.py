"""lightly's parts that `eager.py` uses, said in plain PyTorch for machines without lightly."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import log_softmax, normalize, softmax


class DINOProjectionHead(nn.Module):
    def __init__(self, width: int, hidden: int, bottleneck: int, prototypes: int, **_: Any) -> None:
        super().__init__()
        sizes = ((width, hidden), (hidden, hidden), (hidden, bottleneck))
        steps = [step for size in sizes for step in (nn.Linear(*size), nn.GELU())]
        self.layers = nn.Sequential(*steps[:-1])
        self.last_layer = nn.utils.weight_norm(nn.Linear(bottleneck, prototypes, bias=False))

    def forward(self, features: Tensor) -> Tensor:
        return self.last_layer(normalize(self.layers(features), dim=-1))


class _Centre(nn.Module):
    """Softmax centering with DINO's center."""

    def __init__(self, prototypes: int, student_temp: float) -> None:
        super().__init__()
        self.temperature = student_temp
        self.register_buffer("center", torch.zeros(prototypes))

    def targets(self, scores: Tensor, temperature: float) -> Tensor:
        made = softmax((scores - self.center) / temperature, dim=-1)
        self.center.mul_(0.9).add_(scores.mean(dim=0), alpha=0.1)  # type: ignore[operator]
        return made


class DINOLoss(_Centre):
    def forward(self, teacher: Any, student: Any, teacher_temp: float) -> Tensor:
        targets = self.targets(torch.cat(list(teacher)).float(), teacher_temp)
        targets = targets.view(len(teacher), -1, targets.shape[-1])
        scores = log_softmax(torch.stack(list(student)).float() / self.temperature, dim=-1)
        pairs = -torch.einsum("tbd,sbd->ts", targets, scores)
        pairs.fill_diagonal_(0)
        return pairs.sum() / ((pairs.numel() - len(teacher)) * targets.shape[1])


class IBOTPatchLoss(_Centre):
    def forward(self, teacher: Tensor, student: Tensor, mask: Tensor, teacher_temp: float) -> Any:
        targets = self.targets(teacher.float(), teacher_temp)
        scores = log_softmax(student.float() / self.temperature, dim=-1)
        counts = mask.sum(dim=(1, 2), keepdim=True).clamp(min=1.0)
        weights = (1.0 / counts).expand_as(mask)[mask]
        return (-(targets * scores).sum(dim=-1) * weights).sum() / len(mask)


class KoLeoLoss(nn.Module):
    def forward(self, features: Tensor) -> Tensor:
        unit = normalize(features.float(), dim=-1)
        with torch.no_grad():
            nearest = (unit @ unit.T).fill_diagonal_(-2.0).argmax(dim=1)
        return -torch.log((unit - unit[nearest]).norm(dim=-1) + 1e-8).mean()


@torch.no_grad()
def update_momentum(student: nn.Module, teacher: nn.Module, m: float) -> None:
    for own, other in zip(teacher.parameters(), student.parameters(), strict=True):
        own.data = own.data * m + other.data * (1.0 - m)
