"""Teacher targets from prototype scores, centered in one of two ways against collapse.

They are separate from the student's losses: both the DINO and the iBOT term use them.
"""

from __future__ import annotations

import math
from typing import Literal

import torch
from torch import Tensor, nn

from anonbench.training.distributed import Ranks
from anonbench.training.losses.chunks import column_chunks, row_chunks

SINKHORN_ITERATIONS = 3


def sinkhorn(
    scores: Tensor,
    temperature: float,
    ranks: Ranks | None = None,
    iterations: int = SINKHORN_ITERATIONS,
) -> Tensor:
    """Return targets in which every prototype is used about equally (Sinkhorn–Knopp).

    SwAV (Caron et al. 2020), section 3.1; DINOv2 (Oquab et al. 2023), section 4. In the log domain,
    because exp(score / temperature) overflows float32 from scores of about 3.5 on. The result is
    the only new tensor of the scores' size.

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
    use = scores.new_empty(scores.shape[1], dtype=torch.float32)
    log_targets = torch.empty(scores.shape, dtype=torch.float32, device=scores.device)
    for rows in row_chunks(scores):
        torch.div(scores[rows].float(), temperature, out=log_targets[rows])
    for _ in range(iterations):
        for columns in column_chunks(scores):
            use[columns] = torch.logsumexp(log_targets[:, columns], dim=0)
        total = ranks.logsumexp(use)
        for rows in row_chunks(scores):
            part = log_targets[rows].sub_(total).sub_(math.log(scores.shape[1]))
            part -= torch.logsumexp(part, dim=1, keepdim=True)
    return log_targets.exp_()


class Centering(nn.Module):
    """Turns the teacher's scores into targets; the softmax kind remembers the scores' mean.

    Softmax centering is DINO's (Caron et al. 2021), equation 4: the moving mean of earlier batches
    is subtracted before the softmax. That mean is over all scores of a step, whatever part or rank
    they are of. For the iBOT term the official code takes the mean of each rank's masked patches,
    and then of the ranks: there a patch counts less on a rank that drew larger masks, and the
    center depends on how a batch is spread. Here two ranks move it as one does. The two differ by
    the ranks' unequal numbers of masked patches only: not at all for the DINO term, nor on one GPU.
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
        if self.kind == "sinkhorn":
            return sinkhorn(scores, temperature, self.ranks)
        self._sum[:-1] += scores.sum(dim=0, dtype=torch.float32)
        self._sum[-1] += len(scores)
        targets = torch.empty(scores.shape, dtype=torch.float32, device=scores.device)
        for rows in row_chunks(scores):
            logits = (scores[rows].float() - self.center).div_(temperature)
            torch.softmax(logits, dim=-1, out=targets[rows])
        return targets

    @torch.no_grad()
    def update(self) -> None:
        """Add the step's scores, of all parts and ranks, to the center."""
        if self.kind == "softmax":
            total = self.ranks.sum(self._sum)
            mean = total[:-1] / total[-1].clamp(min=1.0)
            # without scores (nothing was masked) the center stays
            self.center.lerp_(torch.where(total[-1] > 0, mean, self.center), 1.0 - self.momentum)
            self._sum.zero_()
