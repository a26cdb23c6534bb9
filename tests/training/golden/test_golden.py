"""Losses, targets, networks, schedules and whole steps, number by number.

Against those of DINOv2's own code where they are at hand, and everywhere against our own, which
were written when ours equalled those (`own_numbers`).
"""

from pathlib import Path

import pytest
import torch
from golden_results import RUNS
from official_numbers import part_differences, read_official, run_differences
from own_numbers import computed, read
from tolerances import differing

from anonbench.config.training import Heads
from anonbench.training.model.vit import Head


@pytest.fixture
def official(shared: Path) -> Path:
    folder = shared / "golden" / "dinov2"
    if not folder.is_dir():
        pytest.skip("no numbers of DINOv2's own code beside the checkout")
    return folder


def test_parts_are_the_official_ones(official: Path) -> None:
    assert not part_differences(official)


@pytest.mark.slow
@pytest.mark.parametrize("run", RUNS)
def test_four_steps_are_the_official_ones(official: Path, run: str) -> None:
    assert not run_differences(official, run)


def test_a_heads_start_is_the_official_one(official: Path) -> None:
    """They are statistics of random numbers: within 1 % of each other."""
    expected = read_official(official / "parts.npz")
    torch.manual_seed(0)
    head = Head(384, Heads(hidden=2048, bottleneck=256, prototypes=4096), "vit")
    found = {
        "prototype_row_norm_mean": head.last_layer.direction.norm(dim=1).mean(),
        "prototype_weight_std": head.last_layer.direction.std(),
        "head_weight_std": head.layers[0].weight.std(),
    }
    for name, value in found.items():
        assert value.item() == pytest.approx(float(expected[f"init/{name}"]), rel=0.01), name


@pytest.mark.slow
def test_everything_is_as_when_it_equalled_the_official_numbers() -> None:
    kept, found = read(), computed()
    assert {part: values.keys() for part, values in found.items()} == {
        part: values.keys() for part, values in kept.items()
    }
    for part, expected in kept.items():
        assert not differing(found[part], expected), part
