"""Figure of values with intervals: panels by query kind, rows by method, colours by series."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from anonbench.reporting.figures.style import GRID, TWO_COLUMNS, new_figure, save, styled
from anonbench.reporting.labels import QUERIES

_COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
_MARKERS = "osD^vP"


def draw_dots(
    values: pd.DataFrame,
    rows: Sequence[str],
    *,
    label: str,
    limits: tuple[float, float] | None,
    outputs: Sequence[Path],
    dpi: int,
) -> None:
    """Draw values in percent.

    Args:
        values: columns query, row, series, value, low and high, shares of 1; a series need not have
            every row.
        rows: the rows from top to bottom.
        label: label of the horizontal axis.
        limits: ends of the axis; None: chosen to fit the values.
        outputs: .png and .svg paths.
        dpi: resolution of the PNG.
    """
    series, queries = (list(dict.fromkeys(values[name])) for name in ("series", "query"))
    with styled():
        figure = new_figure(TWO_COLUMNS, 0.9 + 0.22 * len(rows))
        panels = figure.subplots(1, len(queries), sharex=True, sharey=True, squeeze=False)[0]
        for axes, query in zip(panels, queries, strict=True):
            for number, name in enumerate(series):
                own = values[(values["query"] == query) & (values["series"] == name)]
                value, low, high = (
                    100 * own.set_index("row").reindex(rows)[column].to_numpy(float)
                    for column in ("value", "low", "high")
                )
                axes.errorbar(
                    value,
                    np.arange(len(rows)) + 0.18 * (number - (len(series) - 1) / 2),
                    xerr=[value - low, high - value],
                    fmt=_MARKERS[number % len(_MARKERS)],
                    color=_COLOURS[number % len(_COLOURS)],
                    label=name,
                    markersize=4,
                    elinewidth=1,
                )
            axes.set_yticks(range(len(rows)), rows)
            axes.set_ylim(len(rows) - 0.5, -0.5)
            axes.grid(axis="x", color=GRID)
            axes.set_title(QUERIES[query])
            if limits:
                axes.set_xlim(*limits)
            axes.set_xlabel(label)
        handles, labels = panels[0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside upper center", ncols=len(series))
        save(figure, outputs, dpi)
