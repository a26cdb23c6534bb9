"""Loss terms of DINOv2, and the teacher's targets, centered in one of two ways."""

import math
from collections.abc import Iterator
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.nn.functional import normalize

from anonbench.training.distributed import Ranks

CHUNK = 1 << 25  # number of scores processed at once: 128 MB in float32
SINKHORN_ITERATIONS = 3
DISTANCE_FLOOR = 1e-8  # features closer than this are duplicates; DINOv2's code adds the same


def dino_loss(targets: Tensor, scores: Tensor, temperature: float) -> Tensor:
    """Return the cross-entropy over all pairs of a teacher's and another student's crop.

    DINO (Caron et al. 2021), equation 3: a global crop is never compared with itself, so two
    global and L local crops make 2 L + 2 pairs, weighted equally. Neither [pairs, B, K] nor
    log-probabilities are stored.

    Args:
        targets: float [2, B, K], the teacher's for the two global crops; rows sum to one.
        scores: float [2 + L, B, K], the student's, global crops first.
        temperature: the student's.
    """
    logits = scores.float() / temperature
    norms = torch.logsumexp(logits, dim=-1)
    # over all pairs, less the two pairs of a global crop with itself
    norm = 2.0 * norms.sum() - norms[:2].sum()
    agreement = (targets.sum(dim=0) * logits.sum(dim=0)).sum() - (targets * logits[:2]).sum()
    pairs = 2 * len(scores) - 2
    return (norm - agreement) / (pairs * scores.shape[1])


def ibot_loss(
    targets: Tensor, scores: Tensor, weights: Tensor, crops: int, temperature: float
) -> Tensor:
    """Return the cross-entropy on masked patches.

    iBOT (Zhou et al. 2022), equation 2, with DINOv2's weights: the mean over a crop's masked
    patches, then over all global crops, those without a mask among them.

    Args:
        targets: float32 [M, K], the teacher's at the M masked patches; no gradient flows to them.
        scores: float [M, K], the student's there.
        weights: float [M], one over the number of masked patches of the patch's crop.
        crops: number of global crops, 2 B.
        temperature: the student's.
    """
    entropies: Tensor = _CrossEntropies.apply(targets, scores, temperature)  # type: ignore
    return (entropies * weights).sum() / crops


class _CrossEntropies(torch.autograd.Function):
    """Cross-entropy of each row, float32 [M]; no further tensor of the scores' size is made."""

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
        targets, scores, norms = context.saved_tensors
        result = torch.empty_like(scores)
        for rows in row_chunks(scores):
            logits = scores[rows].float() / context.temperature
            each = gradient[rows, None]
            of_scores = logits.sub_(norms[rows, None]).exp_().mul_(each)
            of_scores -= targets[rows] * each
            result[rows] = of_scores.div_(context.temperature)
        return None, result, None


def koleo_loss(features: Tensor, ranks: Ranks | None = None) -> Tensor:
    """Return minus the mean log distance of each feature to its nearest neighbour.

    Sablayrolles et al. 2019 (Spreading vectors for similarity search), equation 4, with log
    sqrt(d² + floor²) instead of log d: equal features, of two blank pages for instance, have a
    finite loss and no gradient. Nearly equal ones have DINOv2's gradient, about 1 / d, which draws
    features apart at the start. The clipping of gradients bounds such a step.

    The features, float [B, D], are not normalized; those of all ranks form the batch. The loss is
    zero for fewer than two.
    """
    if ranks is not None:
        features = ranks.gather(features.float())
    if len(features) < 2:
        return features.new_zeros((), dtype=torch.float32)
    with torch.autocast(features.device.type, enabled=False):
        unit = normalize(features.float(), dim=-1)
        with torch.no_grad():
            similarity = unit @ unit.T
            similarity.fill_diagonal_(-2.0)
            nearest = similarity.argmax(dim=1)
        squared = (unit - unit[nearest]).square().sum(dim=-1)
        return -0.5 * torch.log(squared + DISTANCE_FLOOR**2).mean()


def sinkhorn(
    scores: Tensor,
    temperature: float,
    ranks: Ranks | None = None,
    iterations: int = SINKHORN_ITERATIONS,
) -> Tensor:
    """Return targets, float32 [N, K], that use every prototype about equally (Sinkhorn–Knopp).

    SwAV (Caron et al. 2020), section 3.1; DINOv2 (Oquab et al. 2023), section 4. In the log domain,
    because exp(score / temperature) overflows float32 from scores of about 3.5 on. The last
    normalization is over prototypes, so that rows sum to one. Scores [N, K] and temperature are the
    teacher's; the scores of all ranks form the batch.
    """
    ranks = ranks or Ranks()
    use = scores.new_empty(scores.shape[1], dtype=torch.float32)
    log_targets = torch.empty(scores.shape, dtype=torch.float32, device=scores.device)
    for rows in row_chunks(scores):
        torch.div(scores[rows].float(), temperature, out=log_targets[rows])
    for _ in range(iterations):
        for columns in row_chunks(scores.T):
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
    they are of; the official code takes the mean of the ranks' means for the iBOT term.
    """

    center: Tensor
    _sum: Tensor  # of the step's scores; their number at the end

    def __init__(
        self,
        kind: Literal["softmax", "sinkhorn"],
        prototypes: int,
        momentum: float,
        ranks: Ranks | None = None,
    ) -> None:
        super().__init__()
        self.kind, self.momentum, self.ranks = kind, momentum, ranks or Ranks()
        self.register_buffer("center", torch.zeros(prototypes))
        self.register_buffer("_sum", torch.zeros(prototypes + 1), persistent=False)

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


def row_chunks(scores: Tensor) -> Iterator[slice]:
    """Yield slices of the rows of scores [N, K]; a chunk has one row at least."""
    few = max(CHUNK // max(scores.shape[1], 1), 1)
    for start in range(0, len(scores), few):
        yield slice(start, start + few)
