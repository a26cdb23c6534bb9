"""iBOT term: agreement of masked patches with the teacher's prototypes for them."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from anonbench.training.losses.chunks import row_chunks


def ibot_loss(
    targets: Tensor, scores: Tensor, weights: Tensor, crops: int, temperature: float
) -> Tensor:
    """Return the cross-entropy on masked patches.

    iBOT (Zhou et al. 2022), equation 2, with DINOv2's weights: the mean over a crop's masked
    patches, then over all global crops, those without a mask among them. Some patches at a time:
    beside the arguments and the scores' gradient, no tensor of their size is made.

    Args:
        targets: float32 [M, K], the teacher's at the M masked patches of the batch; rows sum to
            one. No gradient flows to them.
        scores: float [M, K], the student's there.
        weights: float [M], one over the number of masked patches of the patch's crop.
        crops: number of global crops, 2 B.
        temperature: the student's.

    Returns:
        scalar; zero where nothing is masked.

    """
    entropies: Tensor = _CrossEntropies.apply(targets, scores, temperature)  # type: ignore
    loss: Tensor = (entropies * weights).sum() / crops
    return loss


class _CrossEntropies(torch.autograd.Function):
    """Cross-entropy of each row, float32 [M]; the backward pass recomputes its exponentials."""

    @staticmethod
    def forward(context: Any, targets: Tensor, scores: Tensor, temperature: float) -> Tensor:
        norms = torch.empty(len(scores), device=scores.device)
        entropies = torch.empty_like(norms)
        for rows in row_chunks(scores):
            logits = scores[rows].float() / temperature
            norms[rows] = torch.logsumexp(logits, dim=-1)
            entropies[rows] = norms[rows] - logits.mul_(targets[rows]).sum(dim=-1)
        context.save_for_backward(targets, scores, norms)
        context.temperature = temperature
        return entropies

    @staticmethod
    @once_differentiable
    def backward(context: Any, gradient: Tensor) -> tuple[None, Tensor, None]:
        """Return softmax less targets, times the rows' gradients [M]."""
        targets, scores, norms = context.saved_tensors
        result = torch.empty_like(scores)
        for rows in row_chunks(scores):
            logits = scores[rows].float() / context.temperature
            each = gradient[rows, None]
            of_scores = logits.sub_(norms[rows, None]).exp_().mul_(each)
            of_scores -= targets[rows] * each
            result[rows] = of_scores.div_(context.temperature)
        return None, result, None
