"""Quality by degree of anonymization.

One plot of all models and methods would be unreadable, so each model has its own panel with one
coloured line per method. The unadapted model's lines are repeated as thin lines in the other
panels, because models are compared with it.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from anonbench.core.vocabulary import UNADAPTED
from anonbench.reporting.figures.style import (
    MODEL_MARKERS,
    SOFT,
    TWO_COLUMNS,
    blank,
    method_colour,
    method_handles,
    new_figure,
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
            figure = new_figure(TWO_COLUMNS, 2.5)
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
            for method, line in _by_method(base):
                axes.plot(line["degree"], 100 * line["value"], color=method_colour(method), lw=0.7)
        for method, line in _by_method(rows[rows["adaption"] == model]):
            value, low, high = (100 * line[name] for name in ("value", "low", "high"))
            colour = method_colour(method)
            axes.vlines(line["degree"], low, high, color=colour, lw=1.2, alpha=0.5)
            axes.plot(line["degree"], value, color=colour, marker=MODEL_MARKERS.get(model, "x"))
        axes.set_title(_two_lines(model))
        axes.set_xticks(degrees)
        axes.grid(axis="y")
        axes.margins(x=0.08)
    panels[0].set_ylabel(label)
    figure.supxlabel("Degree: share of regions anonymized (%)", fontsize=8)
    handles = method_handles(present(rows["method"], METHODS))
    if len(models) > 1 and len(base):
        thin = f"thin: {ADAPTIONS[UNADAPTED]}, for comparison"
        handles.append(Line2D([], [], color=SOFT, lw=0.7, label=thin))
    figure.legend(handles=handles, loc="outside upper center", ncols=min(len(handles), 6))


def _by_method(rows: pd.DataFrame) -> Iterator[tuple[str, pd.DataFrame]]:
    """Rows of each method, by degree."""
    for method in present(rows["method"], METHODS):
        yield method, rows[rows["method"] == method].sort_values("degree")


def _two_lines(model: str) -> str:
    """Label of a model, on at most two lines."""
    return re.sub(",? ", "\n", ADAPTIONS.get(model, model), count=1)


def _models_on_x(figure: Figure, rows: pd.DataFrame, label: str) -> None:
    axes = figure.subplots()
    models = present(rows["adaption"], ADAPTIONS)
    methods = present(rows["method"], METHODS)
    for place, method in enumerate(methods):
        shift = min(0.2, 0.8 / len(methods)) * (place - (len(methods) - 1) / 2)
        own = rows[rows["method"] == method].set_index("adaption").reindex(models)
        for x, (model, cell) in enumerate(own.iterrows(), start=0):
            if math.isnan(cell["value"]):
                how: dict[str, Any] = {"ha": "center", "rotation": 90, "fontsize": 6, "color": SOFT}
                at_foot = axes.get_xaxis_transform()
                axes.text(x + shift, 0.03, "not run", transform=at_foot, va="bottom", **how)
                continue
            colour = method_colour(method)
            axes.vlines(x + shift, 100 * cell["low"], 100 * cell["high"], color=colour, lw=1.4)
            marker = MODEL_MARKERS.get(str(model), "x")
            axes.plot([x + shift], [100 * cell["value"]], color=colour, marker=marker)
    axes.set_xticks(range(len(models)), [_two_lines(model) for model in models])
    axes.set_xlim(-0.5, len(models) - 0.5)
    axes.set_xlabel(f"Model, at degree {int(rows['degree'].iloc[0])} %")
    axes.set_ylabel(label)
    axes.grid(axis="y")
    handles = method_handles(methods)
    figure.legend(handles=handles, loc="outside upper center", ncols=min(len(handles), 6))
