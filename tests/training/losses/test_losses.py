"""Losses: in chunks, in little memory, and what `golden` has no numbers of."""

import math
from typing import Literal

import pytest
import torch
from torch.profiler import ProfilerActivity, profile

from anonbench.training import losses
from anonbench.training.losses import Centering, dino_loss, ibot_loss, koleo_loss, sinkhorn

Kind = Literal["softmax", "sinkhorn"]
KINDS = pytest.mark.parametrize("kind", ["softmax", "sinkhorn"])
TYPES = pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])


def _random_scores(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def _scores(rows: int, prototypes: int, dtype: torch.dtype, seed: int) -> torch.Tensor:
    return (3.0 * _random_scores(rows, prototypes, seed=seed)).to(dtype)


def _plain_targets(scores: torch.Tensor, kind: Kind) -> torch.Tensor:
    logits = scores.double() / 0.05
    if kind == "softmax":
        return logits.softmax(dim=-1)
    for _ in range(3):
        logits = logits - logits.logsumexp(dim=0)
        logits = logits - logits.logsumexp(dim=1, keepdim=True)
    return logits.exp()


@KINDS
@TYPES
@pytest.mark.parametrize("chunk", [1, 1000])
def test_chunks_change_neither_losses_nor_gradients(
    kind: Kind, dtype: torch.dtype, chunk: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(losses, "CHUNK", chunk)
    teacher, student = (_scores(31, 64, dtype, seed) for seed in range(2))
    weights = torch.rand(31, generator=torch.Generator().manual_seed(2))
    targets = Centering(kind, 64, 0.9)(teacher, 0.05)
    plain_targets = _plain_targets(teacher, kind)
    assert targets.dtype == torch.float32
    torch.testing.assert_close(targets.double(), plain_targets, atol=2e-5, rtol=0)
    ours, plain = (student.clone().requires_grad_() for _ in range(2))
    loss = ibot_loss(targets, ours, weights, 8, 0.1)
    logits = plain.float() / 0.1
    expected = weights @ (logits.logsumexp(dim=-1) - (targets * logits).sum(dim=-1)) / 8
    torch.testing.assert_close(loss, expected, atol=1e-6, rtol=1e-6)
    (2.0 * loss).backward()
    (2.0 * expected).backward()
    assert ours.grad is not None and plain.grad is not None and ours.grad.dtype == dtype
    torch.testing.assert_close(ours.grad, plain.grad, atol=1e-6, rtol=1e-6)


@pytest.mark.slow
@KINDS
@TYPES
def test_little_memory(kind: Kind, dtype: torch.dtype, monkeypatch: pytest.MonkeyPatch) -> None:
    """Targets and the scores' gradient are made, and little else: six chunks of a 64th each."""
    monkeypatch.setattr(losses, "CHUNK", 1 << 14)
    teacher, student = (_scores(1024, 1024, dtype, seed) for seed in range(2))
    weights = torch.rand(1024)
    centering = Centering(kind, 1024, 0.9)
    student.requires_grad_()
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as profiler:
        ibot_loss(centering(teacher, 0.05), student, weights, 8, 0.1).backward()
    events = profiler.profiler.kineto_results.events()  # type: ignore[union-attr]
    changes = [event for event in events if event.name() == "[memory]"]
    held = peak = 0
    for event in sorted(changes, key=lambda change: change.start_ns()):
        held += event.nbytes()
        peak = max(peak, held)
    whole = 4 * student.numel()
    needed = whole + student.nbytes
    assert needed <= peak < needed + 6 * whole / 64


@pytest.mark.parametrize("local_crops", [0, 3])
def test_dino_is_the_mean_over_all_pairs_but_a_crop_with_itself(local_crops: int) -> None:
    targets = _random_scores(2, 5, 7).softmax(-1)
    scores = _random_scores(2 + local_crops, 5, 7, seed=1)
    terms = [
        -(targets[one] * (scores[other] / 0.1).log_softmax(-1)).sum(-1).mean().item()
        for one in range(2)
        for other in range(2 + local_crops)
        if other != one
    ]
    expected = sum(terms) / (2 * local_crops + 2)
    assert dino_loss(targets, scores, 0.1).item() == pytest.approx(expected, rel=1e-5)


def test_koleo_of_equal_features_and_under_autocast() -> None:
    features = torch.linspace(0.1, 1.0, 8).repeat(4, 1).requires_grad_()
    loss = koleo_loss(features)
    loss.backward()
    assert loss.item() == pytest.approx(-math.log(1e-8), rel=1e-4)
    assert features.grad is not None and not features.grad.any()
    features = _random_scores(6, 8)
    expected = koleo_loss(features)
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(koleo_loss(features), expected)


def test_sinkhorn_uses_prototypes_equally_and_does_not_overflow() -> None:
    scores = 40.0 * _random_scores(64, 16)  # exp(40 / 0.04) is beyond float64
    targets = sinkhorn(scores, 0.04, iterations=500)
    assert targets.isfinite().all()
    torch.testing.assert_close(targets.sum(1), torch.ones(64))
    balanced = sinkhorn(_random_scores(64, 16), 0.5, iterations=100)
    torch.testing.assert_close(balanced.sum(0), torch.full((16,), 4.0), rtol=1e-3, atol=0)
