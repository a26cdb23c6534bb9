"""Cost and machines of the stages: the one part of the report that a rerun changes.

Times are measurements. They come from files that are among the report's inputs, and all that is
made from them stands in one section: with the same files the page has the same bytes, and without
that section it has the same bytes after every run.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from anonbench.core.wording import count
from anonbench.reporting.costs import COST_COLUMNS, MACHINE_COLUMNS, read
from anonbench.reporting.html.choices.next_steps import Step
from anonbench.reporting.html.making import digests
from anonbench.reporting.html.pictures import Picture, picture


@dataclass(frozen=True)
class Effort:
    """Where it is told what the stages took."""

    costs: Path
    """CSV of `anonbench.reporting.costs.stage_costs`."""
    machines: Path
    """CSV of `anonbench.reporting.costs.machines`."""
    figure: Path
    """PNG of `anonbench.reporting.figures.cost.cost_figure`."""


@dataclass(frozen=True)
class StageTime:
    """What the jobs of one stage took, by Snakemake's benchmark files."""

    stage: str
    jobs: int
    seconds: str
    cpu_seconds: str
    longest: str
    """Seconds of the longest job."""
    memory: str
    """Of the job that took most, in GB."""


@dataclass(frozen=True)
class EffortPart:
    """The section's content."""

    total: str
    """One sentence: all stages together. Empty where nothing was measured."""
    stages: list[StageTime]
    machines: list[tuple[str, str]]
    figure: Picture
    digests: list[tuple[str, str]]
    steps: list[tuple[Step, str]]
    """Experiments that would settle what is open, with the time that their jobs take."""


def effort_part(effort: Effort, steps: Sequence[Step] = ()) -> EffortPart:
    """Return what the section shows, the longest stage first.

    Args:
        effort: where the measurements are.
        steps: experiments that are proposed.

    Raises:
        InputError: a file lacks a column, or the figure is no PNG.

    """
    costs = read(effort.costs, COST_COLUMNS)
    stages = [
        StageTime(
            str(row["stage"]),
            int(row["jobs"]),
            f"{3600 * row['wall_hours']:,.1f}",
            f"{3600 * row['cpu_hours']:,.1f}",
            f"{60 * row['longest_minutes']:,.1f}",
            f"{row['peak_gb']:.2f}",
        )
        for row in costs.to_dict("records")
    ]
    return EffortPart(
        _total(costs) if stages else "",
        stages,
        [
            (str(row["machine"]), count(int(row["trainings"]), "training"))
            for row in read(effort.machines, MACHINE_COLUMNS).to_dict("records")
        ],
        picture(
            "cost", "Cost of each stage", "Time and memory that each stage took", effort.figure
        ),
        digests({"tables/cost.csv": effort.costs, "tables/machines.csv": effort.machines}),
        [(step, _estimated(step, costs)) for step in steps if step.work.jobs],
    )


def _estimated(step: Step, costs: pd.DataFrame) -> str:
    """Return how long a step's jobs take, each as long as the mean of its stage took here."""
    mean = (costs["wall_hours"] / costs["jobs"]).set_axis(costs["stage"]).to_dict()
    unknown = [stage for stage in step.work.jobs if stage not in mean]
    if unknown:
        return f"not known: no job of {unknown[0]} was measured"
    return _duration(sum(mean[stage] * number for stage, number in step.work.jobs.items()))


def _total(costs: pd.DataFrame) -> str:
    jobs = count(int(costs["jobs"].sum()), "job")
    wall, cpu = (_duration(float(costs[name].sum())) for name in ("wall_hours", "cpu_hours"))
    return f"{jobs} took {wall} one after the other, and {cpu} of the processors’ time."


def _duration(hours: float) -> str:
    if hours >= 1:
        return f"{hours:,.1f} hours"
    return f"{60 * hours:.1f} minutes" if hours * 60 >= 1 else f"{3600 * hours:.1f} seconds"
