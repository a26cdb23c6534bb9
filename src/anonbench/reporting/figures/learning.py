"""Learning curves of the trainings, from their logs.

Up to 37 models (three adaptions of three methods at four degrees, and the unadapted one) do not fit
into one plot. Therefore quantities are rows, adaptions columns, methods colours and degrees line
styles. The unadapted model's line is repeated as a thin line in the other columns.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import LogLocator, MaxNLocator, NullLocator

from anonbench.core.errors import InputError
from anonbench.core.vocabulary import Model
from anonbench.reporting.figures.style import (
    DEGREE_LINES,
    INK,
    SOFT,
    TALLEST,
    TWO_COLUMNS,
    blank,
    method_colour,
    method_handles,
    new_figure,
    save,
    styled,
)
from anonbench.reporting.labels import ADAPTIONS, METHODS
from anonbench.reporting.summary import present

SMOOTHING = 0.05
"""Share of a training's steps over which a learning curve is averaged."""
QUANTITIES = {
    "dino": "DINO loss",
    "ibot": "iBOT loss",
    "koleo": "KoLeo loss",
    "kl": "KL (nats)",
    "teacher_entropy": "Teacher\nentropy (nats)",
    "prototypes_used": "Prototypes\nin use",
    "feature_rank": "Feature rank",
    "gradient_norm": "Gradient norm",
    "distance": "Distance to\nthe originals",
    "knn": "k-NN (%)",
}
"""Columns of the training log with their labels; the last two are optional."""
_LOGARITHMIC = {"gradient_norm"}


def chance_levels(prototypes: int, mask_images: float) -> dict[str, float]:
    """Values (nats) of the log's columns for uniform targets and scores, by column.

    ln K; the iBOT term is a mean over all global crops, including those without a masked patch.

    Args:
        prototypes: K.
        mask_images: share of the global crops in which patches are masked.
    """
    uniform = math.log(prototypes)
    return {"dino": uniform, "ibot": mask_images * uniform, "teacher_entropy": uniform}


def learning_curves(
    logs: Mapping[str, Path],
    outputs: Sequence[Path],
    chance: Mapping[str, float],
    dpi: int = 150,
) -> None:
    """Draw the training logs of one data set's models.

    Args:
        logs: by model name (`vocabulary.Model`), a CSV with the columns step and those of
            `QUANTITIES` (knn or not).
        outputs: .png and .svg paths.
        chance: see `chance_levels`.
        dpi: resolution of the PNG.

    Raises:
        InputError: a log lacks a column.

    """
    curves = {Model.parse(name): _read(path) for name, path in logs.items()}
    with styled():
        figure = _all_models(curves, chance) if curves else blank("No training was run")
        save(figure, outputs, dpi)


def _read(path: Path) -> pd.DataFrame:
    log = pd.read_csv(path)
    for name in ("step", *QUANTITIES):
        if name not in log and name not in ("distance", "knn"):
            raise InputError(f"{path}: column {name!r} is missing; train the model again")
    if "knn" in log:
        log["knn"] = 100.0 * log["knn"]
    return log


def _measured(log: pd.DataFrame, name: str) -> bool:
    return name in log and bool(log[name].notna().any())


def _all_models(curves: Mapping[Model, pd.DataFrame], chance: Mapping[str, float]) -> Figure:
    adaptions = present(pd.Series([str(model.adaption) for model in curves], dtype=str), ADAPTIONS)
    anonymized = [model.variant for model in curves if model.variant.method]
    degrees = sorted({variant.degree for variant in anonymized})
    methods = present(pd.Series([str(v.method) for v in anonymized], dtype=str), METHODS)
    styles = dict(zip(degrees, _degree_lines(len(degrees)), strict=True))
    names = [name for name in QUANTITIES if any(_measured(log, name) for log in curves.values())]
    figure = new_figure(TWO_COLUMNS, min(1.0 * len(names) + 0.8, TALLEST))
    grid = figure.subplots(len(names), len(adaptions), sharex=True, sharey="row", squeeze=False)
    base = curves.get(Model())
    for row, name in zip(grid, names, strict=True):
        for axes, adaption in zip(row, adaptions, strict=True):
            if base is not None and adaption != "unadapted" and name in base:
                _line(axes, base, name, color=INK, lw=0.7)
            for model, log in curves.items():
                if model.adaption == adaption and name in log:
                    style = styles.get(model.variant.degree, "-")
                    _curve(axes, log, name, _colour(model), style, bold_only=len(degrees) > 1)
            _finish(axes, name, chance)
        row[0].set_ylabel(QUANTITIES[name], fontsize=7)
    for axes, adaption in zip(grid[0], adaptions, strict=True):
        axes.set_title(ADAPTIONS.get(adaption, adaption))
    figure.align_ylabels(list(grid[:, 0]))
    handles = method_handles(methods)
    if len(degrees) > 1:
        handles += [
            Line2D([], [], color=SOFT, linestyle=style, label=f"{degree} %")
            for degree, style in styles.items()
        ]
    if base is not None:
        handles.append(Line2D([], [], color=INK, lw=1.3, label="Unadapted"))
    _close(figure, [*handles, _chance_handle()])
    return figure


def _close(figure: Figure, handles: Sequence[Line2D]) -> None:
    figure.supxlabel("Step", fontsize=8)
    figure.legend(handles=handles, loc="outside upper center", ncols=min(len(handles), 5))


def _finish(axes: Axes, name: str, chance: Mapping[str, float]) -> None:
    if name in chance:
        axes.axhline(chance[name], color=SOFT, lw=0.8, linestyle=(0, (2, 2)), zorder=1)
    if name in _LOGARITHMIC:
        axes.set_yscale("log")
        low, high = axes.get_ylim()
        axes.yaxis.set_major_locator(LogLocator(subs=_ticks(math.log10(high / low)), numticks=5))
        axes.yaxis.set_minor_locator(NullLocator())
        axes.yaxis.set_major_formatter("{x:g}")  # matplotlib's own label would be a formula
    else:
        axes.yaxis.set_major_locator(MaxNLocator(3))
    axes.xaxis.set_major_locator(MaxNLocator(4, integer=True))
    axes.tick_params(labelsize=6.5)
    axes.grid(axis="y")


def _ticks(decades: float) -> tuple[float, ...]:
    """Multiples of a power of ten at which to put ticks, so that there are two to five."""
    if decades < 1.0:
        return (1.0, 2.0, 3.0, 5.0, 7.0)
    return (1.0, 3.0) if decades < 2.2 else (1.0,)


def _chance_handle() -> Line2D:
    return Line2D([], [], color=SOFT, lw=0.8, linestyle=(0, (2, 2)), label="Uniform targets")


def _colour(model: Model) -> str:
    method = model.variant.method
    return INK if method is None else method_colour(str(method))


def _degree_lines(number: int) -> list[Any]:
    """Line styles, solid for the highest degree."""
    return [DEGREE_LINES[place % len(DEGREE_LINES)] for place in range(number)][::-1]


def _curve(
    axes: Axes, log: pd.DataFrame, name: str, colour: str, style: Any, bold_only: bool = False
) -> None:
    """Draw a column as a thin line and its running mean; as points if few rows have a value."""
    rows = log[log[name].notna()]
    if name == "knn":
        axes.plot(
            rows["step"],
            rows[name],
            color=colour,
            lw=1.2,
            linestyle=style,
            marker="o",
            markersize=2.5,
        )
        return
    if not bold_only:
        axes.plot(rows["step"], rows[name], color=colour, lw=0.5, alpha=0.25)
    _line(axes, rows, name, color=colour, lw=1.0 if bold_only else 1.2, linestyle=style)


def _line(axes: Axes, log: pd.DataFrame, name: str, **how: Any) -> None:
    rows = log[log[name].notna()]
    marker = "o" if len(rows) == 1 else None  # a line of one point is invisible
    axes.plot(rows["step"], smooth(rows[name].to_numpy(float), SMOOTHING), marker=marker, **how)


def smooth(values: np.ndarray, share: float) -> np.ndarray:
    """Running mean over a share of the length; the window is cut off at the ends.

    Args:
        values: float [N].
        share: width of the window as a share of N; at least one value.
    """
    half = int(len(values) * share / 2)
    sums = np.concatenate([[0.0], np.cumsum(values)])
    start = np.clip(np.arange(len(values)) - half, 0, None)
    stop = np.clip(np.arange(len(values)) + half + 1, None, len(values))
    return np.asarray((sums[stop] - sums[start]) / (stop - start))
