"""Training metrics beyond the losses, with early signs of a collapse.

All are computed without gradients from tensors that a step already has.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import torch
from torch import Tensor

EPSILON = 1e-7  # added to each share of the singular values, as in RankMe's equation 1

# Where the thresholds come from: trainings of 60 to 240 steps on the tests' and the demo's images,
# 1 to 3 seeds each, from a tenth of the run on:
#                      entropy / ln K   KL (nats)    prototypes used                   rank
#   Sinkhorn            0.37–0.77      0.5–2.1      30 of 32, 51+ of 64, 239+ of 256  10–35
#   no centering        0.00–0.21      0.0003–1.5   9 of 32 down to 4, 1.0 (demo)     9–42
#   softmax centering   0.00–0.21      0.001–1.8    1.0–11, up and down               7–33
#   teacher at T 0.5    0.99–1.00      < 0.04 soon  32 of 32                          2.7–10
#   LayerScale 1e-5     0.93–1.00      0.005–0.9    32 of 32                          1.0–20
# The demo's own recipes gave no sign. Softmax centering gave "few" where most of its targets had
# become one-hot on few prototypes; some of these runs recovered.
_SETTLED = 0.1  # share of the run before which there is no sign: every run starts near one of them
_UNIFORM = 0.98  # share of ln K from which targets count as uniform …
_MATCHED = 0.05  # … if the student has matched them to this many nats
_FEW = 5.0  # greatest number of used prototypes, of 20 or more, that is few; a quarter of fewer
_FLAT = 2.0  # effective rank of the features below which they count as collapsed


@torch.no_grad()
def rank_me(features: Tensor) -> float:
    """Return the effective rank of features [N, D]: RankMe (Garrido et al. 2023, equation 1).

    exp(−Σ p log p) with p = σ / Σσ + ε over the singular values σ, between 1 and min(N, D); 0 where
    all features are zero, NaN where one is not finite. The features are not centred, as in the
    paper: a mean that outweighs their differences is a low rank, too.
    """
    features = features.float()
    if not features.isfinite().all():
        return float("nan")  # LAPACK raises; the trainer reports a loss that is not finite
    values = torch.linalg.svdvals(features)
    total = values.sum()
    if total == 0:
        return 0.0
    shares = values / total + EPSILON
    return float(torch.special.entr(shares).sum().exp())


@torch.no_grad()
def used_prototypes(targets: Tensor) -> Tensor:
    """Effective number of prototypes that a batch's targets [N, K] use, between 1 and K.

    It is exp of the entropy of the mean target, a scalar that stays on the device, so that the
    processor need not wait for a GPU.
    """
    return torch.special.entr(targets.mean(dim=0)).sum().exp()  # type: ignore[no-any-return]


def collapse_signs(row: Mapping[str, float], prototypes: int, progress: float) -> dict[str, str]:
    """Return early signs of a collapse in a line of the training log, with K prototypes.

    They are sentences for people by kind (uniform, few, flat): the observation, and settings to
    check. There are none before a tenth of the run (`progress`), and NaN is never a sign.
    """
    if progress < _SETTLED:
        return {}
    entropy, rest = row["teacher_entropy"], row["kl"]
    used, rank = row["prototypes_used"], row["feature_rank"]
    signs = {}
    if entropy >= _UNIFORM * math.log(prototypes) and rest < _MATCHED:
        signs["uniform"] = (
            f"the teacher's targets are uniform (entropy {entropy:.2f} of at most "
            f"{math.log(prototypes):.2f} nats) and the student matches them: nothing is left to "
            "learn; look at heads.teacher_temperature (lower), optimizer.ema (faster at the start) "
            "and backbone.layer_scale (larger in a short run)"
        )
    if used < min(_FEW, prototypes / 4):
        signs["few"] = (
            f"a batch's images share {used:.1f} of {prototypes} prototypes: their targets become "
            "the same; look at heads.centering (sinkhorn), heads.center_momentum (lower in a short "
            "run) and optimizer.learning_rate (lower)"
        )
    if rank < _FLAT:
        signs["flat"] = (
            f"the features have an effective rank of {rank:.1f}: they differ in one direction or "
            "none; look at losses.koleo (higher), optimizer.learning_rate (lower) and "
            "backbone.layer_scale"
        )
    return signs
