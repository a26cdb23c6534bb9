"""DINO term: agreement of an image's crops on the prototypes."""

from __future__ import annotations

import torch
from torch import Tensor


def dino_loss(targets: Tensor, scores: Tensor, temperature: float) -> Tensor:
    """Return the cross-entropy over all pairs of a teacher's and another student's crop.

    DINO (Caron et al. 2021), equation 3: a global crop is never compared with itself, so two
    global and L local crops make 2 L + 2 pairs, weighted equally. The sum over pairs is taken
    before that over prototypes, so that neither [pairs, B, K] nor log-probabilities are stored.

    Args:
        targets: float [2, B, K], the teacher's for the two global crops; rows sum to one.
        scores: float [2 + L, B, K], the student's, global crops first.
        temperature: the student's.

    Returns:
        scalar, the mean over pairs and images.

    """
    logits = scores.float() / temperature
    norms = torch.logsumexp(logits, dim=-1)
    # over all pairs, less the two pairs of a global crop with itself
    norm = 2.0 * norms.sum() - norms[:2].sum()
    agreement = (targets.sum(dim=0) * logits.sum(dim=0)).sum() - (targets * logits[:2]).sum()
    pairs = 2 * len(scores) - 2
    return (norm - agreement) / (pairs * scores.shape[1])
