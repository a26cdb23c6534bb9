"""What no other code can say of the losses; `golden` has the numbers of DINOv2's own code."""

from __future__ import annotations

import math

import pytest
import torch

from anonbench.training.losses import dino_loss, koleo_loss, sinkhorn


def _scores(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("local_crops", [0, 3])
def test_dino_is_the_mean_over_all_pairs_but_a_crop_with_itself(local_crops: int) -> None:
    targets, scores = _scores(2, 5, 7).softmax(-1), _scores(2 + local_crops, 5, 7, seed=1)
    terms = [
        -(targets[one] * (scores[other] / 0.1).log_softmax(-1)).sum(-1).mean().item()
        for one in range(2)
        for other in range(2 + local_crops)
        if other != one
    ]
    expected = sum(terms) / (2 * local_crops + 2)
    assert dino_loss(targets, scores, 0.1).item() == pytest.approx(expected, rel=1e-5)


def test_koleo_leaves_equal_features_where_they_are() -> None:
    features = torch.linspace(0.1, 1.0, 8).repeat(4, 1).requires_grad_()
    loss = koleo_loss(features)
    loss.backward()
    assert loss.item() == pytest.approx(-math.log(1e-8), rel=1e-4)
    assert features.grad is not None and not features.grad.any()


def test_koleo_is_float32_under_autocast() -> None:
    features = _scores(6, 8)
    expected = koleo_loss(features)
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(koleo_loss(features), expected)


def test_sinkhorn_uses_prototypes_equally_and_does_not_overflow() -> None:
    scores = 40.0 * _scores(64, 16)  # exp(40 / 0.04) is beyond float64
    targets = sinkhorn(scores, 0.04, iterations=500)
    assert targets.isfinite().all()
    torch.testing.assert_close(targets.sum(1), torch.ones(64))
    balanced = sinkhorn(_scores(64, 16), 0.5, iterations=100)
    torch.testing.assert_close(balanced.sum(0), torch.full((16,), 4.0), rtol=1e-3, atol=0)
