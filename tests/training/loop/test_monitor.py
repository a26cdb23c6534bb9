"""The k-NN monitor: right by hand, and without a trace in the training."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from anonbench.config.training import Recipe
from anonbench.core.errors import InputError
from anonbench.datasets.image_sets.shards import ImageSet
from anonbench.training.loop import monitor as monitor_module
from anonbench.training.loop.monitor import KnnMonitor
from anonbench.training.model.backbone import build_backbone
from timms import as_timms

Make = Callable[..., Recipe]


@pytest.fixture
def labels(original: ImageSet) -> dict[str, str]:
    return {image_id: image_id.split("/")[0] for image_id in original.ids}


def _by_hand(features: np.ndarray, classes: list[str]) -> float:
    """Of each image, the class with the largest sum of exp(cosine / 0.07) among 20 others."""
    unit = features / np.linalg.norm(features, axis=1, keepdims=True)
    right = 0
    for row in range(len(unit)):
        cosines = unit @ unit[row]
        others = [i for i in np.argsort(-cosines, kind="stable") if i != row][:20]
        votes = dict.fromkeys(sorted(set(classes)), 0.0)
        for i in others:
            votes[classes[i]] += np.exp(cosines[i] / 0.07)
        right += max(votes, key=lambda name: votes[name]) == classes[row]
    return right / len(unit)


def test_it_agrees_with_a_vote_by_hand(
    recipe: Make, original: ImageSet, labels: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    random = np.random.default_rng(0)
    codes = np.array([int(name[-1]) for name in labels.values()])
    features = random.normal(size=(24, 6)) + 0.8 * np.eye(6)[codes]
    monkeypatch.setattr(
        KnnMonitor, "_features", lambda self, model: torch.from_numpy(features).float()
    )
    accuracy = KnnMonitor(original, labels, recipe(), 0).accuracy(nn.Identity())
    assert accuracy == _by_hand(features, list(labels.values()))
    assert 0.3 < accuracy < 1.0


def test_an_image_does_not_vote_for_itself(
    recipe: Make, original: ImageSet, labels: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    pairs = dict(zip(original.ids, [str(n // 2) for n in range(24)], strict=True))
    apart = torch.eye(24)  # an image is like itself and like no other: the first class wins
    monkeypatch.setattr(KnnMonitor, "_features", lambda self, model: apart)
    assert KnnMonitor(original, pairs, recipe(), 0).accuracy(nn.Identity()) < 0.1
    together = torch.eye(12).repeat_interleave(2, dim=0)
    monkeypatch.setattr(KnnMonitor, "_features", lambda self, model: together)
    assert KnnMonitor(original, pairs, recipe(), 0).accuracy(nn.Identity()) == 1.0


def test_features_are_those_of_inference(
    recipe: Make, original: ImageSet, labels: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whole images at the global crop's size, in batches, class token after the final norm."""
    monkeypatch.setattr(monitor_module, "_BATCH", 7)
    made = recipe(resize="squash")
    model = build_backbone(made.backbone, 32).train()
    values = KnnMonitor(original, labels, made, 0)._features(model)
    preprocess = monitor_module.Preprocess(32, "per_crop", "squash")
    images = torch.cat([preprocess(original.read(name)) for name in original.ids])
    torch.testing.assert_close(values, as_timms(model)(images), rtol=1e-4, atol=1e-5)


def test_the_sample_is_fixed_by_the_seed(
    recipe: Make,
    original: ImageSet,
    labels: dict[str, str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(monitor_module, "SAMPLE", 10)
    some = recipe()
    samples = [KnnMonitor(original, labels, some, seed).ids for seed in (0, 0, 1)]
    assert samples[0] == samples[1] != samples[2]
    assert len(set(samples[0])) == 10
    few = {name: labels[name] for name in original.ids[:5]}
    assert KnnMonitor(original, few, some, 0).ids == original.ids[:5]
    with pytest.raises(InputError, match="knn_every needs labels, but 1 of 24"):
        KnnMonitor(original, {original.ids[0]: "a"}, some, 0)


def test_no_trace_in_the_training(recipe: Make, original: ImageSet, labels: dict[str, str]) -> None:
    model = build_backbone(recipe(backbone={"drop_path": 0.5}).backbone, 32).train()
    model.norm.eval()  # type: ignore[union-attr]
    modes = [part.training for part in model.modules()]
    before = {name: value.clone() for name, value in model.state_dict().items()}
    state = torch.get_rng_state()
    seen: list[bool] = []

    def note(module: nn.Module, *rest: Any) -> None:
        seen.append(module.training)

    model.blocks[0].register_forward_hook(note)  # type: ignore[index,operator,union-attr]
    monitor = KnnMonitor(original, labels, recipe(), 0)
    assert monitor.accuracy(model) == monitor.accuracy(model)
    assert seen and not any(seen)
    assert torch.equal(state, torch.get_rng_state())
    assert [part.training for part in model.modules()] == modes
    after: dict[str, Tensor] = model.state_dict()
    assert all(torch.equal(after[name], value) for name, value in before.items())
    assert all(parameter.grad is None for parameter in model.parameters())
