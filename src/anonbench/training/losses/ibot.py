"""iBOT term: agreement of masked patches with the prototypes that the teacher assigns there."""

from __future__ import annotations

import torch
from torch import Tensor


def ibot_loss(
    targets: Tensor, scores: Tensor, weights: Tensor, crops: int, temperature: float
) -> Tensor:
    """Return the cross-entropy on masked patches.

    iBOT (Zhou et al. 2022), equation 2, with DINOv2's weights: the mean over a crop's masked
    patches, then over all global crops, those without a mask among them.

    Args:
        targets: float [M, K], the teacher's at the M masked patches of the batch; rows sum to one.
        scores: float [M, K], the student's there.
        weights: float [M], one over the number of masked patches of the patch's crop.
        crops: number of global crops, 2 B.
        temperature: the student's.

    Returns:
        scalar; zero where nothing is masked.

    """
    logits = scores.float() / temperature
    entropies = torch.logsumexp(logits, dim=-1) - (targets * logits).sum(dim=-1)
    return (entropies * weights).sum() / crops
