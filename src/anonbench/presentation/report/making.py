"""What the report says of its own making: digests, run times, seeds and the hardware asked for."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from anonbench.files import read_json
from anonbench.presentation.costs import stage_costs
from anonbench.presentation.labels import count
from anonbench.provenance import file_digest


@dataclass(frozen=True)
class StageTime:
    """What the jobs of one stage took, by Snakemake's benchmark files."""

    stage: str
    jobs: int
    seconds: str
    cpu_seconds: str
    memory: str
    """Of the job that took most, in GB."""


def run_times(benchmarks: Path) -> list[StageTime]:
    """Return what each stage took, longest first; empty where there are no benchmark files."""
    return [
        StageTime(
            str(row["stage"]),
            int(row["jobs"]),
            f"{3600 * row['wall_hours']:,.1f}",
            f"{3600 * row['cpu_hours']:,.1f}",
            f"{row['peak_gb']:.2f}",
        )
        for row in stage_costs(benchmarks).to_dict("records")
    ]


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


def machines(logs: Path) -> list[tuple[str, str]]:
    """Return what the trainings ran on, and how many did; empty where no training's log is there.

    Args:
        logs: folder of the trainings' logs, with a machine.json in the folder of each.

    """
    found = Counter(
        _machine(read_json(path)) for path in sorted(logs.rglob("machine.json")) if path.is_file()
    )
    return [(name, count(number, "training")) for name, number in sorted(found.items())]


def _machine(description: Mapping[str, Any]) -> str:
    parts = [
        str(description["gpu"] or description["processor"]),
        count(int(description["cores"]), "core"),
        f"{description['memory_gb']} GB",
        f"torch {description['torch']}",
    ]
    return ", ".join(parts)


def digests(files: Mapping[str, Path]) -> list[tuple[str, str]]:
    """Return the SHA-256 of each file that is there, by its name in the page."""
    return [(name, file_digest(path)) for name, path in files.items() if path.is_file()]
