"""Figure of each stage's cost: time, CPU time and memory."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pandas as pd
from matplotlib.axes import Axes

from anonbench.core.wording import count
from anonbench.reporting.figures.style import (
    INK,
    SOFT,
    TWO_COLUMNS,
    empty,
    new_figure,
    save,
    styled,
)

WALL, CPU, MEMORY = "#0072B2", "#E69F00", "#5b6470"
BAR = 0.36


def cost_figure(costs: pd.DataFrame, outputs: Sequence[Path], dpi: int = 150) -> None:
    """Draw a row a stage: wall time and CPU time as bars, the peak memory of a job as a point.

    Args:
        costs: `anonbench.reporting.costs.COST_COLUMNS`.
        outputs: .png and .svg paths.
        dpi: of the PNG.

    """
    with styled():
        if costs.empty:
            figure = new_figure(TWO_COLUMNS, 1.0)
            empty(figure, "No job has been measured yet")
            return save(figure, outputs, dpi)
        figure = new_figure(TWO_COLUMNS, 0.85 + 0.27 * len(costs))
        hours, memory = figure.subplots(1, 2, sharey=True, width_ratios=(2.2, 1))
        unit, factor = _unit(float(costs[["wall_hours", "cpu_hours"]].to_numpy(float).max()))
        rows = range(len(costs))
        for name, colour, label, shift in (
            ("wall_hours", WALL, "Time from start to end, all jobs added up", -BAR / 2),
            ("cpu_hours", CPU, "Time of the processors", BAR / 2),
        ):
            places = [row + shift for row in rows]
            bars = hours.barh(places, factor * costs[name], BAR, color=colour, label=label)
            hours.bar_label(bars, fmt=_number, fontsize=6, padding=2, color=SOFT)
        hours.set_xlabel(unit)
        hours.margins(x=0.1)
        memory.hlines(rows, 0, costs["peak_gb"], color=MEMORY, lw=0.9)
        memory.plot(costs["peak_gb"], rows, "o", color=MEMORY)
        for row, value in zip(rows, costs["peak_gb"], strict=True):
            memory.annotate(
                _number(value),
                (value, row),
                (4, 0),
                textcoords="offset points",
                va="center",
                fontsize=6,
                color=SOFT,
            )
        memory.set_xlabel("Most memory of a job (GB)")
        memory.set_xlim(0, 1.18 * max(float(costs["peak_gb"].max()), 0.1))
        names = [
            f"{stage}  ({count(int(jobs), 'job')})"
            for stage, jobs in zip(costs["stage"], costs["jobs"], strict=True)
        ]
        hours.set_yticks(list(rows), names)
        hours.set_ylim(len(costs) - 0.4, -0.6)
        for axes in (hours, memory):
            _plain(axes)
        figure.legend(loc="outside upper center", ncols=2)
        return save(figure, outputs, dpi)


def _plain(axes: Axes) -> None:
    axes.tick_params(axis="y", length=0, labelcolor=INK)
    axes.spines["left"].set_visible(False)
    axes.grid(axis="x")


def _unit(hours: float) -> tuple[str, float]:
    """Return the unit in which so many hours read well, and how many of it an hour has."""
    if hours >= 2:
        return "Hours", 1.0
    return ("Minutes", 60.0) if hours * 60 >= 2 else ("Seconds", 3600.0)


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"
