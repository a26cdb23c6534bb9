"""Targets from the teacher's prototype scores, kept from collapsing by one of two centerings.

Teacher targets stand apart from the student's losses: both the DINO and the iBOT term take them.
"""

from __future__ import annotations

import math
from typing import Literal

import torch
from torch import Tensor, nn

SINKHORN_ITERATIONS = 3


def sinkhorn(scores: Tensor, temperature: float, iterations: int = SINKHORN_ITERATIONS) -> Tensor:
    """Return targets in which every prototype is used about equally (Sinkhorn–Knopp).

    SwAV (Caron et al. 2020), section 3.1; DINOv2 (Oquab et al. 2023), section 4. In the log domain:
    exp(score / temperature) itself overflows float32 from scores of about 3.5 on.

    Args:
        scores: float [N, K], the teacher's.
        temperature: the teacher's.
        iterations: of the alternating normalization; the last one is over prototypes, so that
            rows sum to one.

    Returns:
        float32 [N, K].

    """
    samples, prototypes = scores.shape
    if samples == 0:
        return scores.float()
    log_targets = scores.float() / temperature
    for _ in range(iterations):
        log_targets = log_targets - torch.logsumexp(log_targets, dim=0) - math.log(prototypes)
        log_targets = log_targets - torch.logsumexp(log_targets, dim=1, keepdim=True)
    return log_targets.exp()


class Centering(nn.Module):
    """Turns the teacher's scores into targets; the softmax kind remembers the scores' mean.

    Softmax centering is DINO's (Caron et al. 2021), equation 4: the moving mean of earlier batches
    is subtracted before the softmax.
    """

    center: Tensor

    def __init__(
        self, kind: Literal["softmax", "sinkhorn"], prototypes: int, momentum: float
    ) -> None:
        super().__init__()
        self.kind = kind
        self.momentum = momentum
        self.register_buffer("center", torch.zeros(prototypes))

    @torch.no_grad()
    def forward(self, scores: Tensor, temperature: float) -> Tensor:
        """Return targets, float32 [N, K], rows summing to one, for scores [N, K]."""
        scores = scores.float()
        if self.kind == "sinkhorn":
            return sinkhorn(scores, temperature)
        targets = ((scores - self.center) / temperature).softmax(dim=-1)
        if len(scores):
            self.center.lerp_(scores.mean(dim=0), 1.0 - self.momentum)
        return targets
