"""Teacher targets from prototype scores, centered in one of two ways against collapse.

Teacher targets stand apart from the student's losses: both the DINO and the iBOT term take them.
"""

from __future__ import annotations

import math
from typing import Literal

import torch
from torch import Tensor, nn

from anonbench.training.distributed import Ranks

SINKHORN_ITERATIONS = 3


def sinkhorn(
    scores: Tensor,
    temperature: float,
    ranks: Ranks | None = None,
    iterations: int = SINKHORN_ITERATIONS,
) -> Tensor:
    """Return targets in which every prototype is used about equally (Sinkhorn–Knopp).

    SwAV (Caron et al. 2020), section 3.1; DINOv2 (Oquab et al. 2023), section 4. In the log domain:
    exp(score / temperature) itself overflows float32 from scores of about 3.5 on.

    Args:
        scores: float [N, K], the teacher's.
        temperature: the teacher's.
        ranks: whose scores form the batch together.
        iterations: of the alternating normalization; the last one is over prototypes, so that
            rows sum to one.

    Returns:
        float32 [N, K].

    """
    ranks = ranks or Ranks()
    log_targets = scores.float() / temperature
    for _ in range(iterations):
        use = ranks.logsumexp(torch.logsumexp(log_targets, dim=0))
        log_targets = log_targets - use - math.log(scores.shape[1])
        log_targets = log_targets - torch.logsumexp(log_targets, dim=1, keepdim=True)
    return log_targets.exp()


class Centering(nn.Module):
    """Turns the teacher's scores into targets; the softmax kind remembers the scores' mean.

    Softmax centering is DINO's (Caron et al. 2021), equation 4: the moving mean of earlier batches
    is subtracted before the softmax.
    """

    center: Tensor

    def __init__(
        self,
        kind: Literal["softmax", "sinkhorn"],
        prototypes: int,
        momentum: float,
        ranks: Ranks | None = None,
    ) -> None:
        super().__init__()
        self.kind = kind
        self.momentum = momentum
        self.ranks = ranks or Ranks()
        self.register_buffer("center", torch.zeros(prototypes))
        self.register_buffer("_sum", torch.zeros(prototypes + 1), persistent=False)

    _sum: Tensor
    """Of the step's scores; their number at the end."""

    @torch.no_grad()
    def forward(self, scores: Tensor, temperature: float) -> Tensor:
        """Return targets, float32 [N, K], rows summing to one, for scores [N, K]."""
        scores = scores.float()
        if self.kind == "sinkhorn":
            return sinkhorn(scores, temperature, self.ranks)
        self._sum[:-1] += scores.sum(dim=0)
        self._sum[-1] += len(scores)
        return ((scores - self.center) / temperature).softmax(dim=-1)

    @torch.no_grad()
    def update(self) -> None:
        """Take the step's scores, of all parts and ranks, into the center."""
        if self.kind == "softmax":
            total = self.ranks.sum(self._sum)
            mean = total[:-1] / total[-1].clamp(min=1.0)
            # without scores (nothing was masked) the center stays
            self.center.lerp_(torch.where(total[-1] > 0, mean, self.center), 1.0 - self.momentum)
            self._sum.zero_()
