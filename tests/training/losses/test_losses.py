"""Each loss against a plain computation of its formula; `golden` has DINOv2's own numbers."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from anonbench.core.libraries.compat import install_torchvision_ops
from anonbench.training.losses import Centering, dino_loss, ibot_loss, koleo_loss, sinkhorn

install_torchvision_ops()


def _scores(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def _softmax(values: np.ndarray) -> np.ndarray:
    powers = np.exp(values - values.max())
    return powers / powers.sum()


def _cross_entropy(target: np.ndarray, scores: np.ndarray, temperature: float) -> float:
    return -float((target * np.log(_softmax(scores / temperature))).sum())


@pytest.mark.parametrize("local_crops", [0, 3])
def test_dino_is_the_mean_over_all_pairs_but_a_crop_with_itself(local_crops: int) -> None:
    targets, scores = _scores(2, 5, 7).softmax(-1), _scores(2 + local_crops, 5, 7, seed=1)
    terms = [
        np.mean(
            [
                _cross_entropy(targets[t, b].numpy(), scores[s, b].double().numpy(), 0.1)
                for b in range(5)
            ]
        )
        for t in range(2)
        for s in range(2 + local_crops)
        if s != t
    ]
    assert len(terms) == 2 * local_crops + 2
    assert dino_loss(targets, scores, 0.1).item() == pytest.approx(np.mean(terms), rel=1e-5)


def _masked() -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    where = torch.zeros(4, 3, 3, dtype=torch.bool)
    where[0, 0, 0] = where[1, :2, :2] = where[3, 1] = True
    counts = where.flatten(1).sum(1)
    return where, counts, torch.cat([torch.full((int(n),), 1 / int(n)) for n in counts if n])


def test_ibot_weighs_crops_equally_and_counts_those_without_a_mask() -> None:
    _, counts, weights = _masked()
    total = int(counts.sum())
    targets, scores = _scores(total, 6).softmax(-1), _scores(total, 6, seed=1)
    each = [
        _cross_entropy(t, s, 0.1)
        for t, s in zip(targets.numpy(), scores.double().numpy(), strict=True)
    ]
    parts = np.split(np.array(each), np.cumsum(counts.numpy())[:-1])
    expected = sum(part.mean() for part in parts if len(part)) / 4
    assert ibot_loss(targets, scores, weights, 4, 0.1).item() == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("distance", [1e-1, 1e-3, 2e-5])
def test_koleos_gradient_on_near_duplicates_is_that_of_the_logarithm(distance: float) -> None:
    one, aside = torch.eye(8)[:2]
    features = torch.stack([one, one + distance * aside, -one]).requires_grad_()
    koleo_loss(features).backward()
    assert features.grad is not None
    # each of the two is the other's nearest: 2 terms of 3, each -log(distance)
    expected = 2 / 3 / distance
    assert features.grad[0, 1].item() == pytest.approx(expected, rel=0.02)
    assert features.grad[1, 1].item() == pytest.approx(-expected, rel=0.02)


def test_koleo_leaves_equal_features_where_they_are() -> None:
    features = torch.linspace(0.1, 1.0, 8).repeat(4, 1).requires_grad_()
    loss = koleo_loss(features)
    loss.backward()
    assert loss.item() == pytest.approx(-math.log(1e-8), rel=1e-4)
    assert features.grad is not None and not features.grad.any()


def test_koleo_is_float32_under_autocast() -> None:
    features = _scores(6, 8)
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(koleo_loss(features), koleo_loss(features.clone()))
        assert koleo_loss(features).dtype == torch.float32


def test_sinkhorn_uses_prototypes_equally_and_does_not_overflow() -> None:
    scores = 40.0 * _scores(64, 16)  # exp(40 / 0.04) is beyond float64
    targets = sinkhorn(scores, 0.04, iterations=500)
    assert targets.isfinite().all()
    torch.testing.assert_close(targets.sum(1), torch.ones(64))
    balanced = sinkhorn(_scores(64, 16), 0.5, iterations=100)
    torch.testing.assert_close(balanced.sum(0), torch.full((16,), 4.0), rtol=1e-3, atol=0)


def test_softmax_center_takes_the_parts_of_a_step_together() -> None:
    whole, parts = Centering("softmax", 6, 0.9), Centering("softmax", 6, 0.9)
    scores = _scores(8, 6)
    whole(scores, 0.07)
    for part in scores.split([5, 0, 3]):
        parts(part, 0.07)
    for centering in (whole, parts):
        centering.update()
    torch.testing.assert_close(whole.center, parts.center)
    parts.update()  # a step without scores
    torch.testing.assert_close(whole.center, parts.center)


def test_koleo_equals_the_mean_log_distance_to_the_nearest() -> None:
    features = _scores(9, 16)
    unit = features.numpy() / np.linalg.norm(features.numpy(), axis=1, keepdims=True)
    distances = np.linalg.norm(unit[:, None] - unit[None], axis=-1) + 9 * np.eye(9)
    expected = -np.log(distances.min(axis=1)).mean()
    assert koleo_loss(features).item() == pytest.approx(expected, abs=1e-6)

    from lightly.loss.koleo_loss import KoLeoLoss

    assert koleo_loss(features).item() == pytest.approx(KoLeoLoss()(features).item(), abs=1e-6)
