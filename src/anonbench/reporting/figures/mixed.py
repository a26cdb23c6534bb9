"""Quality of a mixed archive against the share of its images that is anonymized."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from anonbench.core.vocabulary import DeploymentKind
from anonbench.evaluation.comparisons.best import OWN, SECOND
from anonbench.reporting.figures.style import (
    MODEL_LINES,
    MODEL_MARKERS,
    SOFT,
    TWO_COLUMNS,
    empty,
    method_colour,
    method_columns,
    method_handles,
    new_figure,
    percent_axis,
    save,
    styled,
)
from anonbench.reporting.labels import ADAPTIONS, METHODS, QUERIES
from anonbench.reporting.summary import present


def mixed(table: pd.DataFrame, dataset: str, outputs: Sequence[Path], dpi: int = 150) -> None:
    """Draw mAP against the share, a row of panels a query kind and a column a model.

    By the second reference where there is one, as a share of the ceiling; else by the own ranking.

    Args:
        table: `anonbench.evaluation.deployments.table.COLUMNS`.
        dataset: for the text of an empty figure.
        outputs: .png and .svg paths.
        dpi: of the PNG.

    """
    has_second = SECOND in set(table["reference"])
    rows = table[
        (table["kind"] == DeploymentKind.MIXED)
        & (table["metric"] == "map")
        & (table["reference"] == (SECOND if has_second else OWN))
    ]
    queries = present(rows["query"], QUERIES)
    models = present(rows["adaption"], ADAPTIONS)
    with styled():
        if rows.empty:
            figure = new_figure(TWO_COLUMNS, 1.2)
            empty(figure, f"No mixed archive was scored on {dataset}")
            save(figure, outputs, dpi)
            return
        figure = new_figure(TWO_COLUMNS, 0.6 + 1.9 * len(queries))
        panels = figure.subplots(len(queries), len(models), sharex=True, sharey=True, squeeze=False)
        for line, query in zip(panels, queries, strict=True):
            for axes, model in zip(line, models, strict=True):
                of_panel = rows[(rows["query"] == query) & (rows["adaption"] == model)]
                _panel(axes, of_panel, model)
            percent_axis(line[0], f"{QUERIES[query].removeprefix('With ').capitalize()}")
        for axes, model in zip(panels[0], models, strict=True):
            axes.set_title(ADAPTIONS.get(model, model))
        figure.supxlabel("Share of the archive’s images that is anonymized (%)", fontsize=8)
        figure.supylabel("mAP kept of the ceiling (%)" if has_second else "mAP (%)", fontsize=8)
        handles = method_handles(present(rows["method"], METHODS))
        figure.legend(handles=handles, loc="outside upper center", ncols=method_columns(handles))
        save(figure, outputs, dpi)


def _panel(axes: Axes, rows: pd.DataFrame, model: str) -> None:
    columns = ("kept", "kept_low", "kept_high")
    for method in present(rows["method"], METHODS):
        line = rows[rows["method"] == method].sort_values("share")
        share = line["share"].to_numpy(float)
        value, low, high = (100 * line[name].to_numpy(float) for name in columns)
        colour = method_colour(method)
        if np.isfinite(low).all():
            axes.fill_between(share, low, high, color=colour, alpha=0.12, lw=0)
        axes.plot(
            share,
            value,
            color=colour,
            marker=MODEL_MARKERS.get(model, "x"),
            linestyle=MODEL_LINES.get(model, "-"),
            markersize=3.5,
        )
        if (line["verdict"] == "worse").any():
            # the first share whose loss is shown
            first = line[line["verdict"] == "worse"].iloc[0]
            axes.plot(
                [first["share"]],
                [100 * first["kept"]],
                marker="o",
                markersize=8,
                markerfacecolor="none",
                markeredgecolor=SOFT,
                linestyle="none",
            )
    axes.set_xticks(sorted(rows["share"].unique()))
    axes.grid(axis="y")
