"""Schedules against their formulas, value by value."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest

from anonbench.config.training import Recipe
from anonbench.training.loop.schedules import Schedules, cosine, ramp, warm_cosine


def test_cosine() -> None:
    expected = [0.4 + (0.04 - 0.4) * (1 + math.cos(math.pi * i / 10)) / 2 for i in range(10)]
    np.testing.assert_allclose(cosine(0.04, 0.4, 10), expected)


def test_warm_cosine_rises_then_falls() -> None:
    values = warm_cosine(1.0, 0.1, warmup=4, steps=12)
    np.testing.assert_allclose(values[:4], [0, 1 / 3, 2 / 3, 1])
    np.testing.assert_allclose(values[4:], cosine(1.0, 0.1, 8))
    assert values[4] == 1.0 and 0.1 < values[-1] < 0.2


def test_ramp() -> None:
    np.testing.assert_allclose(ramp(0.04, 0.07, 4, 6), [0.04, 0.05, 0.06, 0.07, 0.07, 0.07])
    np.testing.assert_allclose(ramp(0.04, 0.07, 0, 2), [0.07, 0.07])


def test_recipe(recipe: Callable[..., Recipe]) -> None:
    made = recipe(
        optimizer={
            "steps": 100,
            "batch_size": 256,
            "learning_rate": 4e-3,
            "scale_rate": True,
            "min_learning_rate": 1e-6,
            "warmup": 0.1,
            "weight_decay": [0.04, 0.4],
            "ema": [0.992, 1.0],
        },
        heads={
            "freeze_last_layer": 0.05,
            "teacher_temperature": [0.04, 0.07],
            "teacher_temperature_warmup": 0.3,
        },
    )
    schedules = Schedules.of(made)
    for values in vars(schedules).values():
        assert values.shape == (100,)
    assert schedules.learning_rate.max() == pytest.approx(4e-3 * math.sqrt(256 / 1024))
    assert schedules.learning_rate.argmax() in (9, 10)
    assert (schedules.last_layer_rate[:5] == 0).all()
    np.testing.assert_array_equal(schedules.last_layer_rate[5:], schedules.learning_rate[5:])
    np.testing.assert_array_equal(schedules.backbone_rate, schedules.learning_rate)
    assert schedules.weight_decay[0] == pytest.approx(0.04)
    assert schedules.teacher_momentum[0] == pytest.approx(0.992)
    assert schedules.teacher_momentum[-1] > 0.9999
    assert schedules.teacher_temperature[30] == pytest.approx(0.07)
    assert schedules.teacher_temperature[15] == pytest.approx(0.04 + 0.03 * 15 / 29)


def test_the_backbone_waits_for_the_heads_and_then_warms_up(recipe: Callable[..., Recipe]) -> None:
    made = recipe(optimizer={"steps": 100, "warmup": 0.1, "heads_first": 0.2})
    schedules = Schedules.of(made)
    share = schedules.backbone_rate / np.maximum(schedules.learning_rate, 1e-12)
    assert (share[:20] == 0).all()
    np.testing.assert_allclose(share[20:30], np.arange(1, 11) / 10)
    np.testing.assert_allclose(share[30:], 1.0)
