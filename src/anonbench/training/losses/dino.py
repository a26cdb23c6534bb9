"""The DINO term: an image's crops are assigned to the same prototypes."""

from __future__ import annotations

from torch import Tensor
from torch.nn.functional import log_softmax


def dino_loss(targets: Tensor, scores: Tensor, temperature: float) -> Tensor:
    """Return the cross-entropy over all pairs of a teacher's and another student's crop.

    DINO (Caron et al. 2021), equation 3: a global crop is never compared with itself, so two
    global and L local crops make 2 L + 2 pairs, weighted equally.

    Args:
        targets: float [2, B, K], the teacher's for the two global crops.
        scores: float [2 + L, B, K], the student's, global crops first.
        temperature: the student's.

    Returns:
        scalar, the mean over pairs and images.

    """
    log_student = log_softmax(scores.float() / temperature, dim=-1)
    both = targets.sum(dim=0)
    # the sum over all pairs, less the two pairs of a global crop with itself
    total = (both * log_student.sum(dim=0)).sum() - (targets * log_student[:2]).sum()
    pairs = 2 * len(scores) - 2
    return -total / (pairs * scores.shape[1])
