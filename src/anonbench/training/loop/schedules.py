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
        fall = cosine(peak, settings.min_learning_rate, steps - warmup)
        rate = np.concatenate([np.linspace(0.0, peak, warmup), fall])[:steps]
        done = np.arange(steps)
        frozen = round(recipe.heads.freeze_last_layer * steps)
        alone = round(settings.heads_first * steps)
        released = (
            np.clip((done - alone + 1) / max(warmup, 1), 0.0, 1.0) if alone else np.ones(steps)
        )
        cold, hot = recipe.heads.teacher_temperature
        heated = round(recipe.heads.teacher_temperature_warmup * steps)
        temperature = np.concatenate([np.linspace(cold, hot, heated), np.full(steps - heated, hot)])
        return cls(
            learning_rate=rate,
            backbone_rate=rate * released,
            last_layer_rate=np.where(done < frozen, 0.0, rate),
            weight_decay=cosine(*settings.weight_decay, steps),
            teacher_momentum=cosine(*settings.ema, steps),
            teacher_temperature=temperature[:steps],
        )
