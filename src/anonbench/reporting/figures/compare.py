"""Figure of published values against ours: one panel per metric."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from anonbench.reporting.figures.style import (
    GRID,
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
from anonbench.reporting.labels import ADAPTIONS, METHODS, metric_label
from anonbench.reporting.paper.published import ROLE_NAMES
from anonbench.reporting.summary import present

SMALL, LARGE = 10.0, 42.0
"""Areas in square points of the markers of degree 0 and 100."""


def scatter(comparison: pd.DataFrame, role: str, outputs: Sequence[Path], dpi: int = 150) -> None:
    """Draw one data set of the paper: published on x, ours on y, the identity as a line.

    Colour stands for the method, the marker for the model, its size for the degree.

    Args:
        comparison: columns `anonbench.reporting.paper.compare.COLUMNS`.
        role: the paper's data set.
        outputs: .png and .svg paths.
        dpi: resolution of the PNG.
    """
    rows = comparison[comparison["role"] == role]
    given = rows.dropna(subset=["ours"])
    with styled():
        if given.empty:
            reasons = "; ".join(sorted(set(rows["reason"])))
            save(blank(f"{ROLE_NAMES[role]} was not run: {reasons}"), outputs, dpi)
            return
        kinds = list(dict.fromkeys(zip(rows["query"], rows["metric"], strict=True)))
        # mAP over mnDCG, k-NN over linear: the columns are query kinds and the classifiers
        queries = list(dict.fromkeys(query for query, _ in kinds))
        figure = new_figure(TWO_COLUMNS * len(queries) / 3, 5.2)
        panels = figure.subplots(2, len(queries), squeeze=False)
        for axes, (query, metric) in zip(panels.T.flat, kinds, strict=True):
            shown = rows[(rows["query"] == query) & (rows["metric"] == metric)]
            _panel(axes, shown, f"{metric_label(metric)}{f', {query} queries' if query else ''}")
        for axes in panels[-1]:
            axes.set_xlabel("Published (%)")
        for axes in panels[:, 0]:
            axes.set_ylabel("Ours (%)")
        stand_in = str(given["stand_in"].iloc[0])
        name = str(given["dataset"].iloc[0])
        figure.suptitle(
            f"{ROLE_NAMES[role]} as published, and {name}"
            + (f": a stand-in ({stand_in})" if stand_in else ""),
            fontsize=8.5,
        )
        figure.legend(handles=_handles(given), loc="outside lower center", ncols=2 + len(queries))
        save(figure, outputs, dpi)


def _panel(axes: Axes, rows: pd.DataFrame, title: str) -> None:
    given = rows.dropna(subset=["ours"])
    axes.set_title(f"{title}\n{len(given)} of {len(rows)} cells", fontsize=7.5)
    axes.set_aspect("equal", adjustable="box")
    if given.empty:
        axes.set_axis_off()
        return
    ends = given[["published", "ours", "low", "high"]].to_numpy(float)
    low, high = float(np.nanmin(ends)), float(np.nanmax(ends))
    margin = 0.06 * (high - low) + 0.5
    limits = (max(0.0, low - margin), min(101.5, high + margin))
    for axis in (axes.xaxis, axes.yaxis):  # equal limits, so that the panel is a true square
        axis.set_major_locator(MaxNLocator(5))
    axes.set_xlim(limits)
    axes.set_ylim(limits)
    axes.grid(True)
    axes.plot(limits, limits, color=SOFT, lw=0.8, zorder=1)
    for row in given.to_dict("records"):
        colour = method_colour(row["method"])
        axes.vlines(row["published"], row["low"], row["high"], color=colour, lw=0.8, alpha=0.5)
        axes.scatter(
            row["published"],
            row["ours"],
            s=_area(row["degree"]),
            color=colour,
            marker=MODEL_MARKERS[row["adaption"]],
            edgecolor="white",
            linewidth=0.5,
            zorder=3,
        )


def _handles(given: pd.DataFrame) -> list[Line2D]:
    handles = method_handles(present(given["method"], METHODS))
    for adaption in present(given["adaption"], ADAPTIONS):
        handles.append(_handle(MODEL_MARKERS[adaption], _area(100), ADAPTIONS[adaption]))
    degrees = sorted(int(degree) for degree in given["degree"].unique())
    if len(degrees) > 1:
        handles += [_handle("o", _area(degree), f"degree {degree} %") for degree in degrees]
    return [*handles, Line2D([], [], color=SOFT, lw=0.8, label="equal")]


def _handle(marker: str, area: float, label: str) -> Line2D:
    size = float(np.sqrt(area))
    return Line2D(
        [], [], color=SOFT, marker=marker, markersize=size, lw=0, mec=GRID, mew=0.5, label=label
    )


def _area(degree: int) -> float:
    return SMALL + (LARGE - SMALL) * degree / 100
