"""Quality against the degree of anonymization, and the course of the trainings.

Twelve series (four models, three methods) in one plot cannot be told apart, so each model has a
panel of its own with one coloured line a method; the unadapted model's lines are repeated as thin
lines in the other panels, because the loss against it is the question.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from anonbench.presentation.figures.style import (
    DEGREE_LINES,
    INK,
    MODEL_LINES,
    MODEL_MARKERS,
    SOFT,
    TWO_COLUMNS,
    empty,
    method_colour,
    new_figure,
    percent_axis,
    save,
    styled,
)
from anonbench.presentation.labels import ACCURACIES, ADAPTIONS, METHODS, metric_label
from anonbench.presentation.summary import present, summarize
from anonbench.vocabulary import Model

SMOOTHING = 0.05
"""Share of a training's steps that a learning curve is averaged over."""


def trend(
    scores: pd.DataFrame,
    dataset: str,
    metric: str,
    query: str | None,
    outputs: Sequence[Path],
    dpi: int = 150,
    reference_seed: int | None = None,
) -> None:
    """Draw one metric of one data set against the degree, a panel a model.

    With a single degree, models stand on the x axis instead.

    Args:
        scores: tidy scores (`anonbench.presentation.summary.read_scores`).
        dataset: whose rows are drawn.
        metric: map, mndcg, knn or linear.
        query: original or anonymized; none for accuracies.
        outputs: .png and .svg paths.
        dpi: of the PNG.
        reference_seed: see `anonbench.presentation.summary.summarize`.

    """
    summary = summarize(scores[scores["dataset"] == dataset], reference_seed)
    rows = summary[(summary["metric"] == metric) & (summary["query"] == (query or ""))]
    label = f"{metric_label(metric)}{' accuracy' if metric in ACCURACIES else ''} (%)"
    degrees = sorted(int(degree) for degree in rows["degree"].unique())
    with styled():
        if not degrees:
            figure = new_figure(TWO_COLUMNS, 1.2)
            empty(figure, f"{metric_label(metric)} was not run on {dataset}")
        elif len(degrees) == 1:
            figure = new_figure(TWO_COLUMNS * 0.62, 2.5)
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
        own = rows[rows["adaption"] == model]
        for method in present(own["method"], METHODS):
            _line(axes, own[own["method"] == method].sort_values("degree"), method, model)
        axes.set_title(ADAPTIONS.get(model, model).replace(", ", "\n"))
        axes.set_xticks(degrees)
        axes.grid(axis="y")
        margin = 0.08 * (degrees[-1] - degrees[0])
        axes.set_xlim(degrees[0] - margin, degrees[-1] + margin)
    percent_axis(panels[0], label)
    figure.supxlabel("Degree: share of regions anonymized (%)", fontsize=8)
    handles = _method_handles(present(rows["method"], METHODS))
    if len(models) > 1 and len(base):
        handles.append(Line2D([], [], color=SOFT, lw=0.7, label="thin: Unadapted, for comparison"))
    figure.legend(handles=handles, loc="outside upper center", ncols=len(handles))


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
        shift = 0.2 * (place - (len(methods) - 1) / 2)
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
    names = [ADAPTIONS.get(model, model).replace(", ", "\n") for model in models]
    axes.set_xticks(range(len(models)), names)
    axes.set_xlim(-0.5, len(models) - 0.5)
    axes.set_xlabel(f"Model, at degree {int(rows['degree'].iloc[0])} %")
    percent_axis(axes, label)
    figure.legend(handles=_method_handles(methods), loc="outside upper center", ncols=len(methods))


def _method_handles(methods: Sequence[str]) -> list[Line2D]:
    return [
        Line2D([], [], color=method_colour(method), lw=2.5, label=METHODS.get(method, method))
        for method in methods
    ]


def learning_curves(logs: Mapping[str, Path], outputs: Sequence[Path], dpi: int = 150) -> None:
    """Draw the training losses of one data set's models, a panel an adaption.

    Args:
        logs: by model name (`anonbench.vocabulary.Model`), a CSV with the columns step and loss.
        outputs: .png and .svg paths.
        dpi: of the PNG.

    """
    curves = {Model.parse(name): pd.read_csv(path) for name, path in logs.items()}
    adaptions = present(pd.Series([str(model.adaption) for model in curves], dtype=str), ADAPTIONS)
    degrees = sorted({model.variant.degree for model in curves if model.variant.method})
    methods = present(
        pd.Series([str(m.variant.method) for m in curves if m.variant.method], dtype=str), METHODS
    )
    with styled():
        figure = new_figure(TWO_COLUMNS, 2.45)
        if not curves:
            empty(figure, "No training was run")
        panels = figure.subplots(1, max(len(adaptions), 1), sharey=True, squeeze=False)[0]
        for axes, adaption in zip(panels, adaptions, strict=False):
            for model, log in curves.items():
                if model.adaption == adaption:
                    _curve(axes, model, log, degrees)
            axes.set_title(ADAPTIONS.get(adaption, adaption))
            axes.grid(axis="y")
        panels[0].set_ylabel("Training loss")
        figure.supxlabel("Step", fontsize=8)
        handles = _method_handles(methods)
        if len(degrees) > 1:
            handles += [
                Line2D([], [], color=SOFT, linestyle=style, label=f"{degree} %")
                for degree, style in zip(degrees, _degree_lines(len(degrees)), strict=True)
            ]
        if handles:
            figure.legend(handles=handles, loc="outside upper center", ncols=len(handles))
        save(figure, outputs, dpi)


def _degree_lines(number: int) -> list[Any]:
    """Return line styles, solid for the highest degree."""
    return [DEGREE_LINES[place % len(DEGREE_LINES)] for place in range(number)][::-1]


def _curve(axes: Axes, model: Model, log: pd.DataFrame, degrees: list[int]) -> None:
    step, loss = log["step"].to_numpy(float), log["loss"].to_numpy(float)
    method = model.variant.method
    colour = INK if method is None else method_colour(str(method))
    lines = _degree_lines(len(degrees))
    style = "-" if method is None else lines[degrees.index(model.variant.degree)]
    axes.plot(step, loss, color=colour, lw=0.5, alpha=0.25)
    axes.plot(step, smooth(loss, SMOOTHING), color=colour, lw=1.3, linestyle=style)


def smooth(values: np.ndarray, share: float) -> np.ndarray:
    """Average each value with its neighbours over a share of the length; ends use what there is.

    Args:
        values: float [N].
        share: width of the window as a share of N; at least one value.

    """
    half = int(len(values) * share / 2)
    sums = np.concatenate([[0.0], np.cumsum(values)])
    start = np.clip(np.arange(len(values)) - half, 0, None)
    stop = np.clip(np.arange(len(values)) + half + 1, None, len(values))
    return np.asarray((sums[stop] - sums[start]) / (stop - start))
