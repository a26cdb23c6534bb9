"""Quality by degree of anonymization.

One plot of all models and methods would be unreadable, so each model has its own panel with one
coloured line per method. The unadapted model's lines are repeated as thin lines in the other
panels, because models are compared with it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from anonbench.core.vocabulary import UNADAPTED
from anonbench.reporting.figures.style import (
    MODEL_LINES,
    MODEL_MARKERS,
    SOFT,
    TWO_COLUMNS,
    blank,
    method_colour,
    method_columns,
    method_handles,
    new_figure,
    percent_axis,
    save,
    styled,
)
from anonbench.reporting.labels import ACCURACIES, ADAPTIONS, METHODS, metric_label, own_ranking
from anonbench.reporting.summary import present, summarize


def trend(
    scores: pd.DataFrame,
    dataset: str,
    metric: str,
    query: str | None,
    outputs: Sequence[Path],
    dpi: int = 150,
) -> None:
    """Draw one metric of one data set by degree, one panel per model.

    With a single degree, models are on the x axis instead. Accuracies have no query kind.
    """
    summary = summarize(scores[scores["dataset"] == dataset])
    rows = summary[(summary["metric"] == metric) & (summary["query"] == (query or ""))]
    label = (
        f"{metric_label(metric)} accuracy (%)"
        if metric in ACCURACIES
        else f"{metric_label(metric)} (%), {own_ranking()}"
    )
    degrees = sorted(int(degree) for degree in rows["degree"].unique())
    with styled():
        if not degrees:
            figure = blank(f"{metric_label(metric)} was not run on {dataset}")
        elif len(degrees) == 1:
            figure = new_figure(TWO_COLUMNS * 0.75, 2.5)
            _models_on_x(figure, rows, label)
        else:
            models = present(rows["adaption"], ADAPTIONS)
            figure = new_figure(TWO_COLUMNS, 2.45)
            _panels(figure, rows, models, degrees, label)
        save(figure, outputs, dpi)


def _panels(
    figure: Figure, rows: pd.DataFrame, models: list[str], degrees: list[int], label: str
) -> None:
    panels = figure.subplots(1, len(models), sharey=True, squeeze=False)[0]
    base = rows[rows["adaption"] == "unadapted"]
    for axes, model in zip(panels, models, strict=True):
        if model != "unadapted":
            for method in present(base["method"], METHODS):
                line = base[base["method"] == method].sort_values("degree")
                axes.plot(line["degree"], 100 * line["value"], color=method_colour(method), lw=0.7)
        of_model = rows[rows["adaption"] == model]
        for method in present(of_model["method"], METHODS):
            _line(axes, of_model[of_model["method"] == method].sort_values("degree"), method, model)
        axes.set_title(_two_lines(model))
        axes.set_xticks(degrees)
        axes.grid(axis="y")
        margin = 0.08 * (degrees[-1] - degrees[0])
        axes.set_xlim(degrees[0] - margin, degrees[-1] + margin)
    percent_axis(panels[0], label)
    figure.supxlabel("Degree: share of regions anonymized (%)", fontsize=8)
    handles = method_handles(present(rows["method"], METHODS))
    if len(models) > 1 and len(base):
        thin = f"thin: {ADAPTIONS[UNADAPTED]}, for comparison"
        handles.append(Line2D([], [], color=SOFT, lw=0.7, label=thin))
    figure.legend(handles=handles, loc="outside upper center", ncols=method_columns(handles))


def _two_lines(model: str) -> str:
    """Label of a model, on at most two lines."""
    return re.sub(",? ", "\n", ADAPTIONS.get(model, model), count=1)


def _line(axes: Axes, line: pd.DataFrame, method: str, model: str) -> None:
    """Draw one series with its interval; a single point gets an error bar."""
    colour = method_colour(method)
    value, low, high = (100 * line[name].to_numpy(float) for name in ("value", "low", "high"))
    x = line["degree"].to_numpy(float)
    if np.isfinite(low).all() and len(x) > 1:
        axes.fill_between(x, low, high, color=colour, alpha=0.15, lw=0)
    elif np.isfinite(low).all():
        axes.vlines(x, low, high, color=colour, lw=1.2)
    axes.plot(
        x,
        value,
        color=colour,
        marker=MODEL_MARKERS.get(model, "x"),
        linestyle=MODEL_LINES.get(model, "-"),
        markeredgecolor="white",
        markeredgewidth=0.6,
    )


def _models_on_x(figure: Figure, rows: pd.DataFrame, label: str) -> None:
    axes = figure.subplots()
    models = present(rows["adaption"], ADAPTIONS)
    methods = present(rows["method"], METHODS)
    for place, method in enumerate(methods):
        shift = min(0.2, 0.8 / len(methods)) * (place - (len(methods) - 1) / 2)
        for x, model in enumerate(models):
            cell = rows[(rows["method"] == method) & (rows["adaption"] == model)]
            if cell.empty:
                axes.annotate(
                    "not run",
                    (x + shift, 0),
                    xycoords=("data", "axes fraction"),
                    xytext=(0, 3),
                    textcoords="offset points",
                    ha="center",
                    va="bottom",
                    rotation=90,
                    fontsize=6,
                    color=SOFT,
                )
                continue
            value, low, high = (
                100 * float(cell[name].iloc[0]) for name in ("value", "low", "high")
            )
            colour = method_colour(method)
            axes.vlines(x + shift, low, high, color=colour, lw=1.4)
            axes.plot(
                [x + shift],
                [value],
                color=colour,
                marker=MODEL_MARKERS.get(model, "x"),
                markersize=5,
                linestyle="none",
            )
    names = [_two_lines(model) for model in models]
    axes.set_xticks(range(len(models)), names)
    axes.set_xlim(-0.5, len(models) - 0.5)
    axes.set_xlabel(f"Model, at degree {int(rows['degree'].iloc[0])} %")
    percent_axis(axes, label)
    handles = method_handles(methods)
    figure.legend(handles=handles, loc="outside upper center", ncols=method_columns(handles))
