"""Schedules as arrays with one value for each step, to index and to plot."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from anonbench.config.training import Recipe

REFERENCE_BATCH = 1024


def cosine(start: float, end: float, steps: int) -> np.ndarray:
    """Return float64 [steps], half a cosine wave from `start` (first) towards `end`."""
    phase = np.arange(steps) / max(steps, 1)
    values: np.ndarray = end + 0.5 * (start - end) * (1.0 + np.cos(np.pi * phase))
    return values


def warm_cosine(peak: float, end: float, warmup: int, steps: int) -> np.ndarray:
    """Return float64 [steps]: a line from 0 to `peak` in `warmup` steps, then a cosine to `end`."""
    rise = np.linspace(0.0, peak, warmup)
    values: np.ndarray = np.concatenate([rise, cosine(peak, end, steps - warmup)])
    return values[:steps]


def ramp(start: float, end: float, warmup: int, steps: int) -> np.ndarray:
    """Return float64 [steps]: a line from `start` to `end` in `warmup` steps, then constant."""
    rise = np.linspace(start, end, warmup)
    values: np.ndarray = np.concatenate([rise, np.full(steps - warmup, end)])
    return values[:steps]


def released(frozen: int, warmup: int, steps: int) -> np.ndarray:
    """Return float64 [steps], a factor: 0 while frozen, then a line to 1 in `warmup` steps."""
    if frozen == 0:
        return np.ones(steps)
    return np.clip((np.arange(steps) - frozen + 1) / max(warmup, 1), 0.0, 1.0)


@dataclass(frozen=True)
class Schedules:
    """The schedules of a run, float64 [steps] each."""

    learning_rate: np.ndarray
    """Of the heads."""
    backbone_rate: np.ndarray
    """Rate of the backbone, of which its layers have fractions: the same as the heads', but zero
    while only the heads learn, and rising again after that.
    """
    last_layer_rate: np.ndarray
    """The same, but zero while the heads' last layer is frozen."""
    weight_decay: np.ndarray
    teacher_momentum: np.ndarray
    teacher_temperature: np.ndarray

    @classmethod
    def of(cls, recipe: Recipe) -> Schedules:
        """Return the schedules of a recipe (DINOv2's shapes, with lengths as shares of the run)."""
        settings, steps = recipe.optimizer, recipe.optimizer.steps
        peak = settings.learning_rate
        if settings.scale_rate:
            peak *= (settings.batch_size / REFERENCE_BATCH) ** 0.5
        warmup = round(settings.warmup * steps)
        rate = warm_cosine(peak, settings.min_learning_rate, warmup, steps)
        frozen = round(recipe.heads.freeze_last_layer * steps)
        alone = round(settings.heads_first * steps)
        heated = round(recipe.heads.teacher_temperature_warmup * steps)
        return cls(
            learning_rate=rate,
            backbone_rate=rate * released(alone, warmup, steps),
            last_layer_rate=np.where(np.arange(steps) < frozen, 0.0, rate),
            weight_decay=cosine(*settings.weight_decay, steps),
            teacher_momentum=cosine(*settings.ema, steps),
            teacher_temperature=ramp(*recipe.heads.teacher_temperature, heated, steps),
        )
