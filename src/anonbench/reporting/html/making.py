"""Provenance in the report: digests, seeds and the requested hardware."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from anonbench.core.provenance import file_digest
from anonbench.core.wording import count


def seeds(config: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return what each kind of seed is, as text."""

    def listed(name: str) -> str:
        return ", ".join(map(str, config.get(name) or ())) or "none"

    return [
        ("Demo data, splits and draw order of regions", str(config.get("seed", "–"))),
        ("Trainings (the reference ranking is the first one’s)", listed("training_seeds")),
        ("Retraining control", listed("control_seeds")),
    ]


def hardware(config: Mapping[str, Any]) -> list[tuple[str, str, str, str]]:
    """Return the data set, recipe, processors and precision that trainings ask for."""
    rows = []
    for name, dataset in config.get("datasets", {}).items():
        recipe = config.get("recipes", {}).get(dataset.get("recipe"))
        if recipe is None or not dataset.get("enabled", True):
            continue
        device = str(recipe.get("device", "–"))
        processors = f"{device}, {count(int(recipe.get('threads', 1)), 'thread')}"
        if device != "cpu":
            machines = count(int(recipe.get("nodes", 1)), "machine")
            gpus = count(int(recipe.get("gpus", 1)), "GPU")
            processors = f"{processors}; {machines} with {gpus} where it is cuda"
        rows.append((name, str(dataset["recipe"]), processors, str(recipe.get("precision", "–"))))
    return rows


def digests(files: Mapping[str, Path]) -> list[tuple[str, str]]:
    """Return the SHA-256 of each file that is there, by its name in the page."""
    return [(name, file_digest(path)) for name, path in files.items() if path.is_file()]
