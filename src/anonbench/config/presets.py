"""Presets: named values for settings that a config leaves open."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from anonbench.core.settings import merged

BLURS = {"nominal": (1.0, 0.1, 0.5), "released": (0.0, 0.9, 0.5)}
"""DINOv2's blur as its config names it and as its released code applies it (1 - p)."""

CROPS: dict[str, dict[str, Any]] = {
    "paper": {"global_area": (0.5, 1.0), "local_area": (0.05, 0.5)},
    "dinov2": {"global_area": (0.32, 1.0), "local_area": (0.05, 0.32)},
}

RECIPES: dict[str, dict[str, Any]] = {
    "short": {},  # the defaults
    "long": {
        "backbone": {
            "width": 1024,
            "depth": 24,
            "heads": 16,
            "patch": 14,
            "ffn": "swiglu",
            "drop_path": 0.4,
        },
        "crops": {"global_size": 224, "local_size": 98},
        "heads": {
            "prototypes": 131_072,
            "bottleneck": 384,
            "shared": False,
            "centering": "sinkhorn",
            "teacher_temperature_warmup": 0.06,
            "freeze_last_layer": 0.002,
        },
        "optimizer": {
            "steps": 625_000,
            "batch_size": 3072,
            "learning_rate": 2e-4,
            "warmup": 0.16,
            "layer_decay": 1.0,
            "weight_decay": (0.04, 0.2),
            "ema": (0.994, 1.0),
        },
    },
}
"""DINOv2's two published settings, with lengths as shares of the run. The short one's backbone,
ViT-L/16, is not the default: a recipe names it."""


def fill(given: Any, presets: Mapping[str, dict[str, Any]]) -> Any:
    """Fill in settings from the preset that they name, or from the first preset."""
    if not isinstance(given, Mapping):
        return given  # left to the model's own checks
    name = given.get("preset", next(iter(presets)))
    preset = presets.get(name) if isinstance(name, str) else None
    return given if preset is None else merged(preset, given)
