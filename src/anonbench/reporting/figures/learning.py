"""Learning curves of the trainings, from their logs.

Quantities are rows, adaptions columns, methods colours and degrees line styles. The unadapted
model's line is repeated as a thin line in the other columns.
"""

import math
from collections.abc import Mapping, Sequence
from itertools import cycle
from pathlib import Path
from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, MaxNLocator, NullLocator

from anonbench.core.errors import InputError
from anonbench.core.vocabulary import UNADAPTED, Model
from anonbench.reporting.figures import style
from anonbench.reporting.labels import ADAPTIONS, METHODS, WORDS, method_colour
from anonbench.reporting.summary import present

SMOOTHING = 0.05  # share of a training's logged steps over which a learning curve is averaged
QUANTITIES = WORDS["quantities"]  # columns of the training log with their labels
_OPTIONAL = ("distance", "knn")
DEGREE_LINES: tuple[Any, ...] = ("-", (0, (5, 1.5)), (0, (1.5, 1.5)), (0, (4, 1.5, 1, 1.5)))
_CHANCE: dict[str, Any] = {"color": style.SOFT, "lw": 0.8, "linestyle": (0, (2, 2))}


def chance_levels(prototypes: int, mask_images: float) -> dict[str, float]:
    """Values (nats) of the log's columns for uniform targets and scores: ln K for K prototypes.

    The iBOT term is a mean over all global crops; only a share `mask_images` has masked patches.
    """
    uniform = math.log(prototypes)
    return {"dino": uniform, "ibot": mask_images * uniform, "teacher_entropy": uniform}


def learning_curves(
    logs: Mapping[str, Path], outputs: Sequence[Path], chance: Mapping[str, float], dpi: int = 150
) -> None:
    """Draw the training logs of one data set's models; chance as by `chance_levels`.

    Logs are CSV with the columns step and `QUANTITIES`, by model name (`vocabulary.Model`).

    Raises:
        InputError: a log lacks a column.
    """
    curves = {}
    for name, path in logs.items():
        log = pd.read_csv(path)
        if missing := [each for each in ("step", *QUANTITIES) if each not in (*log, *_OPTIONAL)]:
            raise InputError(f"{path}: column {missing[0]!r} is missing; train the model again")
        log = log.set_index("step").reindex(columns=[*QUANTITIES])
        curves[Model.parse(name)] = log.assign(knn=100.0 * log["knn"])
    with style.styled():
        figure = _all_models(curves, chance) if curves else style.blank("No training was run")
        style.save(figure, outputs, dpi)


def _all_models(curves: Mapping[Model, pd.DataFrame], chance: Mapping[str, float]) -> Figure:
    variants = [model.variant for model in curves if model.variant.method]
    adaptions = present(pd.Series([str(model.adaption) for model in curves]), ADAPTIONS)
    degrees = sorted({variant.degree for variant in variants}, reverse=True)
    styles = dict(zip(degrees, cycle(DEGREE_LINES), strict=False))
    names = [name for name in QUANTITIES if any(log[name].notna().any() for log in curves.values())]
    base = curves.get(Model())
    figure = style.new_figure(style.TWO_COLUMNS, min(1.0 * len(names) + 0.8, style.TALLEST))
    grid = figure.subplots(len(names), len(adaptions), sharex=True, sharey="row", squeeze=False)
    for row, name in zip(grid, names, strict=True):
        for axes, adaption in zip(row, adaptions, strict=True):
            if base is not None and adaption != UNADAPTED:
                _line(axes, base[name], color=style.INK, lw=0.7)
            for model, log in curves.items():
                if model.adaption == adaption:
                    method, degree = model.variant.method, model.variant.degree
                    colour = style.INK if method is None else method_colour(str(method))
                    if len(degrees) <= 1:
                        axes.plot(log[name].dropna(), color=colour, lw=0.5, alpha=0.25)
                    _line(axes, log[name], color=colour, lw=1.2, linestyle=styles.get(degree, "-"))
            _scale(axes, name, chance)
        row[0].set_ylabel(QUANTITIES[name], fontsize=7)
    for axes, adaption in zip(grid[0], adaptions, strict=True):
        axes.set_title(ADAPTIONS[adaption])
    figure.align_ylabels(list(grid[:, 0]))
    methods = pd.Series([str(variant.method) for variant in variants], dtype=str)
    handles = style.method_entries(present(methods, METHODS))
    if len(degrees) > 1:
        handles += [style.entry(f"{each} %", ls=styles[each]) for each in reversed(degrees)]
    if base is not None:
        handles.append(style.entry("Unadapted", color=style.INK, lw=1.3))
    handles.append(style.entry("Uniform targets", **_CHANCE))
    figure.supxlabel("Step", fontsize=8)
    figure.legend(handles=handles, loc="outside upper center", ncols=min(len(handles), 5))
    return figure


def _scale(axes: Axes, name: str, chance: Mapping[str, float]) -> None:
    if name in chance:
        axes.axhline(chance[name], **_CHANCE, zorder=1)
    if name == "gradient_norm":
        axes.set_yscale("log")
        low, high = axes.get_ylim()
        decades = math.log10(high / low)
        ticks = (1, 2, 3, 5, 7) if decades < 1.0 else (1, 3) if decades < 2.2 else (1,)
        axes.yaxis.set_major_locator(LogLocator(subs=ticks, numticks=5))
        axes.yaxis.set_minor_locator(NullLocator())
        axes.yaxis.set_major_formatter("{x:g}")  # matplotlib's own label would be a formula
    else:
        axes.yaxis.set_major_locator(MaxNLocator(3))
    axes.xaxis.set_major_locator(MaxNLocator(4, integer=True))
    axes.tick_params(labelsize=6.5)
    axes.grid(axis="y")


def _line(axes: Axes, values: pd.Series, **look: Any) -> None:
    """Draw a column's running mean; few values, as of k-NN, as points."""
    known = smooth(values.dropna(), SMOOTHING)
    axes.plot(known, marker="o" if len(known) < 12 else None, markersize=2.5, **look)


def smooth(values: pd.Series, share: float) -> pd.Series:
    """Running mean over a share of the length, at least one value; shorter at the ends."""
    window = 2 * int(len(values) * share / 2) + 1
    return values.rolling(window, center=True, min_periods=1).mean()
