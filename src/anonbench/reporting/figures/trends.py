"""Quality by degree of anonymization: a panel per model, a coloured line per method.

The unadapted model's lines are repeated as thin lines, because models are compared with it.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
from matplotlib.figure import Figure

from anonbench.core.vocabulary import UNADAPTED
from anonbench.reporting.figures import style
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
    rows = summary[(summary["metric"] == metric) & (summary["query"] == (query or ""))].copy()
    rows[["value", "low", "high"]] *= 100
    by = " accuracy (%)" if metric in ACCURACIES else f" (%), {own_ranking()}"
    with style.styled():
        if rows.empty:
            figure = style.blank(f"{metric_label(metric)} was not run on {dataset}")
        else:
            draw = _models_on_x if rows["degree"].nunique() == 1 else _panels
            figure = draw(rows, present(rows["adaption"], ADAPTIONS), metric_label(metric) + by)
        style.save(figure, outputs, dpi)


def _panels(rows: pd.DataFrame, models: list[str], label: str) -> Figure:
    figure = style.new_figure(style.TWO_COLUMNS, 2.45)
    panels = figure.subplots(1, len(models), sharey=True, squeeze=False)[0]
    base = rows[rows["adaption"] == UNADAPTED]
    for axes, model in zip(panels, models, strict=True):
        if model != UNADAPTED:
            for colour, line in _by_method(base):
                axes.plot(line["degree"], line["value"], color=colour, lw=0.7)
        for colour, line in _by_method(rows[rows["adaption"] == model]):
            style.point(axes, line["degree"], line, colour, model, 0.5)
        axes.set_title(_two_lines(model))
        axes.set_xticks(sorted(map(int, rows["degree"].unique())))
        axes.grid(axis="y")
        axes.margins(x=0.08)
    panels[0].set_ylabel(label)
    figure.supxlabel("Degree: share of regions anonymized (%)", fontsize=8)
    handles = style.method_entries(present(rows["method"], METHODS))
    if len(models) > 1 and len(base):
        handles.append(style.entry(f"thin: {ADAPTIONS[UNADAPTED]}, for comparison", lw=0.7))
    style.legend_above(figure, handles)
    return figure


def _by_method(rows: pd.DataFrame) -> Iterator[tuple[str, pd.DataFrame]]:
    """Colour and rows of each method, by degree."""
    for method in present(rows["method"], METHODS):
        yield style.method_colour(method), rows[rows["method"] == method].sort_values("degree")


def _two_lines(model: str) -> str:
    """Label of a model, on at most two lines."""
    return re.sub(",? ", "\n", ADAPTIONS.get(model, model), count=1)


def _models_on_x(rows: pd.DataFrame, models: list[str], label: str) -> Figure:
    figure = style.new_figure(style.TWO_COLUMNS, 2.5)
    axes = figure.subplots()
    methods = present(rows["method"], METHODS)
    for place, method in enumerate(methods):
        shift = min(0.2, 0.8 / len(methods)) * (place - (len(methods) - 1) / 2)
        own = rows[rows["method"] == method].set_index("adaption").reindex(models)
        for x, (model, cell) in enumerate(own.iterrows()):
            if math.isnan(cell["value"]):
                look: Any = {"ha": "center", "va": "bottom", "fontsize": 6, "color": style.SOFT}
                at_foot = axes.get_xaxis_transform()
                axes.text(x + shift, 0.03, "not run", transform=at_foot, rotation=90, **look)
            else:
                style.point(axes, x + shift, cell, style.method_colour(method), str(model))
    axes.set_xticks(range(len(models)), [_two_lines(model) for model in models])
    axes.set_xlim(-0.5, len(models) - 0.5)
    axes.set_xlabel(f"Model, at degree {int(rows['degree'].iloc[0])} %")
    axes.set_ylabel(label)
    axes.grid(axis="y")
    style.legend_above(figure, style.method_entries(methods))
    return figure
