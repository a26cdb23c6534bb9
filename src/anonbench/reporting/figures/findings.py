"""Figures of what several frozen systems have in common, one figure a question."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from anonbench.core.registries.method_names import base_of, in_order
from anonbench.core.vocabulary import ORIGINAL, UNADAPTED
from anonbench.evaluation.correlation import METRICS
from anonbench.reporting.answers import PREDICTED_BY
from anonbench.reporting.figures import style
from anonbench.reporting.labels import ACCURACIES

Tables = Mapping[str, pd.DataFrame]
_ACROSS = 3
"""Most panels side by side."""


def order_figure(tables: Tables, outputs: Sequence[Path], dpi: int) -> None:
    """Rank of each method by the mAP that each system keeps, with original queries.

    Args:
        tables: columns `anonbench.reporting.answers.VALUES`, by title of the panel.
        outputs: paths, in the format of their suffixes.
        dpi: resolution.
    """
    rows = {
        name: t[(t["metric"] == "map") & (t["query"] == ORIGINAL)] for name, t in tables.items()
    }
    _draw(rows, _order, "Rank by mAP (1: most kept)", outputs, dpi, "method")


def _order(axes: Axes, rows: pd.DataFrame) -> None:
    ranks = rows.pivot(index="method", columns="system", values="value").rank(ascending=False)
    systems = list(dict.fromkeys(rows["system"]))
    for method in in_order(ranks.index):
        own, colour = ranks.loc[method, systems].to_numpy(float), style.method_colour(method)
        axes.plot(range(len(systems)), own, color=colour, marker="o", lw=1.2, ms=3.5)
    axes.invert_yaxis()
    axes.set_yticks(range(1, len(ranks) + 1))
    _named_on_x(axes, systems)


def way_back_figure(tables: Tables, outputs: Sequence[Path], dpi: int) -> None:
    """Gain of maps and of adaption D with original queries, at the highest degree.

    Tables have the columns `anonbench.reporting.answers.WAY_BACK`, by title of the panel.
    """
    rows = {name: _at_most(table[table["query"] == ORIGINAL]) for name, table in tables.items()}
    _draw(rows, _gains, "Gain in mAP (points)", outputs, dpi, "method", "adaption")


def _gains(axes: Axes, rows: pd.DataFrame) -> None:
    systems = list(dict.fromkeys(rows["system"]))
    axes.axhline(0.0, color=style.SOFT, lw=0.8)
    places = list(dict.fromkeys(zip(rows["method"], rows["adaption"], strict=True)))
    for row in rows.to_dict("records"):
        shift = 0.7 * ((places.index((row["method"], row["adaption"])) + 0.5) / len(places) - 0.5)
        x, colour = systems.index(row["system"]) + shift, style.method_colour(row["method"])
        axes.vlines(x, 100 * row["low"], 100 * row["high"], color=colour, lw=1.0)
        marker = style.model_marker(row["adaption"])
        axes.plot([x], [100 * row["gain"]], color=colour, marker=marker, ms=3.5)
    _named_on_x(axes, systems)


def degree_figure(tables: Tables, outputs: Sequence[Path], dpi: int) -> None:
    """Mean mAP over systems by degree, with original queries.

    Tables have the columns `anonbench.reporting.answers.ANSWERS`, by title of the panel.
    """
    asked = {"question": "kept", "case": UNADAPTED, "query": ORIGINAL}
    rows = {
        name: table[(table[list(asked)] == pd.Series(asked)).all(axis=1)]
        for name, table in tables.items()
    }
    several = {name: table for name, table in rows.items() if table["degree"].nunique() > 1}
    _draw(several, _degrees, "mAP (%), mean over systems", outputs, dpi, "method")


def _degrees(axes: Axes, rows: pd.DataFrame) -> None:
    methods = in_order(rows["method"])
    for place, method in enumerate(methods):
        own = rows[rows["method"] == method].sort_values("degree")
        x = own["degree"] + 2.0 * (place - (len(methods) - 1) / 2) / len(methods)
        colour = style.method_colour(method)
        axes.vlines(x, 100 * own["low"], 100 * own["high"], color=colour, lw=1.0, alpha=0.4)
        axes.plot(x, 100 * own["value"], color=colour, marker="o", ms=3.5, lw=1.2)
    axes.set_xticks(sorted(rows["degree"].unique()))
    axes.set_xlabel("Degree (%)")


def predictor_figure(tables: Tables, outputs: Sequence[Path], dpi: int) -> None:
    """Correlation of each retrieval metric with accuracies: each system, and their mean.

    Tables have the columns `anonbench.reporting.answers.PREDICTORS`, by title of the panel.
    """
    rows = {name: _at_most(table.dropna(subset=["pearson"])) for name, table in tables.items()}
    _draw(rows, _predictors, "Pearson’s coefficient over methods", outputs, dpi)


def _predictors(axes: Axes, rows: pd.DataFrame) -> None:
    axes.axhline(0.0, color=style.SOFT, lw=0.8)
    handles = []
    for accuracy, marker, shift in (("knn", "o", -0.15), ("linear", "s", 0.15)):
        look: dict[str, Any] = {"ls": "none", "marker": marker, "color": style.SOFT, "mfc": "white"}
        handles.append(style.entry(ACCURACIES[accuracy], **look))
        for place, name in enumerate(PREDICTED_BY):
            own = rows[(rows["accuracy"] == accuracy) & (rows["predictor"] == name)]["pearson"]
            x = place + shift
            axes.plot([x] * len(own), own, ms=3, **look)
            axes.plot([x - 0.1, x + 0.1], [own.mean()] * 2, color=style.INK, lw=1.8)
    _named_on_x(axes, [METRICS[name] for name in PREDICTED_BY])
    axes.set_ylim(-1.05, 1.05)
    axes.legend(handles=handles, loc="lower right")


def price_figure(table: pd.DataFrame, outputs: Sequence[Path], dpi: int) -> None:
    """Quality kept against the strongest attack, with original queries, a panel per system.

    The table has the columns `anonbench.reporting.answers.PRICE`.
    """
    rows = _at_most(table[(table["query"] == ORIGINAL) & table["rate"].notna()])
    rows = rows.assign(method=[_base(str(method)) for method in rows["method"]])
    panels = {str(system): own for system, own in rows.groupby("system", sort=False)}
    _draw(panels, _price, "mAP (%)", outputs, dpi, "method", "adaption")


def _price(axes: Axes, rows: pd.DataFrame) -> None:
    for (method, adaption), own in rows.groupby(["method", "adaption"], sort=False):
        line = own.sort_values("rate", kind="stable")
        x, y, colour = 100 * line["rate"], 100 * line["value"], style.method_colour(str(method))
        axes.hlines(y, 100 * line["rate_low"], 100 * line["rate_high"], color=colour, alpha=0.4)
        axes.vlines(x, 100 * line["low"], 100 * line["high"], color=colour, alpha=0.4)
        axes.plot(x, y, color=colour, marker=style.model_marker(str(adaption)), lw=0.9, ms=3.5)
    axes.set_xlabel("Strongest attack (%)")


def _base(method: str) -> str:
    """Registered method of a strength; other programs' images stand for themselves."""
    try:
        return base_of(method)
    except KeyError:
        return method


def _at_most(rows: pd.DataFrame) -> pd.DataFrame:
    """Rows at the highest degree."""
    highest: pd.DataFrame = rows[rows["degree"] == rows["degree"].max()]
    return highest


def _draw(
    rows: Tables,
    panel: Callable[[Axes, pd.DataFrame], None],
    label: str,
    outputs: Sequence[Path],
    dpi: int,
    *legend: str,
) -> None:
    """Draw a panel per table, with one legend for the columns `legend` of all of them."""
    rows = {name: table for name, table in rows.items() if len(table)}
    with style.styled():
        if not rows:
            nothing = style.blank(f"{label.partition(' (')[0]}: nothing to show")
            return style.save(nothing, outputs, dpi)
        across = min(len(rows), _ACROSS)
        down = -(-len(rows) // across)
        figure = style.new_figure(style.TWO_COLUMNS, 0.5 + 2.1 * down)
        grid = figure.subplots(down, across, squeeze=False, sharey=panel is not _order)
        for axes, (name, table) in zip(grid.flat, rows.items(), strict=False):
            panel(axes, table)
            axes.set_title(name)
            axes.grid(axis="y")
        for axes in grid.flat[len(rows) :]:
            axes.set_axis_off()
        for axes in grid[:, 0]:
            axes.set_ylabel(label)
        _legend(figure, pd.concat(list(rows.values())), legend)
        return style.save(figure, outputs, dpi)


def _legend(figure: Figure, rows: pd.DataFrame, columns: Sequence[str]) -> None:
    handles = style.method_entries(in_order(rows["method"])) if "method" in columns else []
    if "adaption" in columns:
        handles += style.model_entries(list(dict.fromkeys(rows["adaption"])))
    for across in range(min(len(handles), 6), 0, -1):
        legend = figure.legend(handles=handles, loc="outside upper center", ncols=across)
        if legend.get_window_extent().width <= figure.bbox.width:
            return
        if across > 1:
            legend.remove()  # it would be cut off


def _named_on_x(axes: Axes, names: Sequence[str]) -> None:
    axes.set_xticks(range(len(names)), names, rotation=30, ha="right", fontsize=6.5)
