"""Schedules against their formulas, value by value."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from anonbench.config.training import Recipe
from anonbench.training.loop.schedules import Schedules


def test_the_backbone_waits_for_the_heads_and_then_warms_up(recipe: Callable[..., Recipe]) -> None:
    made = recipe(optimizer={"steps": 100, "warmup": 0.1, "heads_first": 0.2})
    schedules = Schedules.of(made)
    share = schedules.backbone_rate / np.maximum(schedules.learning_rate, 1e-12)
    assert (share[:20] == 0).all()
    np.testing.assert_allclose(share[20:30], np.arange(1, 11) / 10)
    np.testing.assert_allclose(share[30:], 1.0)
