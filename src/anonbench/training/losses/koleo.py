"""KoLeo term: even spread of a batch's features over the sphere."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import normalize

from anonbench.training.distributed import Ranks

DISTANCE_FLOOR = 1e-2
"""Features closer than this count as duplicates; it bounds the gradient by 1 / (2 · floor)."""


def koleo_loss(features: Tensor, ranks: Ranks | None = None) -> Tensor:
    """Return minus the mean log distance of each feature to its nearest neighbour.

    Sablayrolles et al. 2019 (Spreading vectors for similarity search), equation 4. In float32, and
    with log sqrt(d² + floor²) instead of log d: the gradient of the latter has no bound where two
    images are nearly equal, as pages of one template are.

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
