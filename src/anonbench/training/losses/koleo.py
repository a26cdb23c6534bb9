"""KoLeo term: even spread of a batch's features over the sphere."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import normalize

from anonbench.training.distributed import Ranks

DISTANCE_FLOOR = 1e-8
"""Features closer than this count as duplicates; DINOv2's code adds the same to each distance."""


def koleo_loss(features: Tensor, ranks: Ranks | None = None) -> Tensor:
    """Return minus the mean log distance of each feature to its nearest neighbour.

    Sablayrolles et al. 2019 (Spreading vectors for similarity search), equation 4. In float32, and
    with log sqrt(d² + floor²) instead of log d, which has no bound: equal features, of two blank
    pages for instance, have a finite loss and no gradient. Nearly equal ones have DINOv2's
    gradient, about 1 / d, which is what draws features apart at the start: there LayerScale's 1e-5
    leaves them 2e-5 from each other. It is the clipping of gradients that bounds such a step.

    Args:
        features: float [B, D], not normalized.
        ranks: whose features form the batch together; each returns the same value.

    Returns:
        scalar; zero for fewer than two features.

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
