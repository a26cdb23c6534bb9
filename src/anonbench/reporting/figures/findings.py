"""Figures of what several frozen systems have in common, one figure a question."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
from matplotlib.axes import Axes

from anonbench.core.registries.method_names import family_of, in_order
from anonbench.core.vocabulary import ORIGINAL, UNADAPTED
from anonbench.evaluation.correlation import METRICS
from anonbench.reporting.answers import PREDICTED_BY, Tables
from anonbench.reporting.figures import style
from anonbench.reporting.labels import ACCURACIES, method_colour
from anonbench.reporting.summary import at_highest_degree

_MARK: dict[str, Any] = {"ls": "none", "color": style.SOFT, "mfc": "white"}
_MARKS = {"knn": {**_MARK, "marker": "o"}, "linear": {**_MARK, "marker": "s"}}  # of accuracies


@dataclass(frozen=True)
class Question:
    """A figure of one question: a panel for each table, with one legend."""

    label: str  # of the y axis
    chosen: Callable[[pd.DataFrame], pd.DataFrame]  # rows of a table that are drawn
    panel: Callable[[Axes, pd.DataFrame], None]
    legend: tuple[str, ...]  # columns `method`, `adaption` and `accuracy` that it explains

    def __call__(self, tables: Tables, outputs: Sequence[Path], dpi: int) -> None:
        """Draw tables, by title of the panel, and write the figure (`style.save`)."""
        rows = {name: own for name, each in tables.items() if len(own := self.chosen(each))}
        with style.styled():
            if not rows:
                nothing = style.blank(f"{self.label.partition(' (')[0]}: nothing to show")
                return style.save(nothing, outputs, dpi)
            across = min(len(rows), 3)
            down = -(-len(rows) // across)
            figure = style.new_figure(style.TWO_COLUMNS, 0.5 + 2.1 * down)
            grid = figure.subplots(down, across, squeeze=False, sharey=self.panel is not _order)
            for axes, (name, table) in zip(grid.flat, rows.items(), strict=False):
                self.panel(axes, table)
                axes.set_title(name)
                axes.grid(axis="y")
            for axes in grid.flat[len(rows) :]:
                axes.set_axis_off()
            for axes in grid[:, 0]:
                axes.set_ylabel(self.label)
            shown = pd.concat(list(rows.values()))
            named = "method" in self.legend
            handles = style.method_entries(in_order(shown["method"])) if named else []
            if "accuracy" in self.legend:
                handles += [style.entry(ACCURACIES[name], **look) for name, look in _MARKS.items()]
            if "adaption" in self.legend:
                handles += style.model_entries(list(dict.fromkeys(shown["adaption"])))
            style.legend_above(figure, handles)
            return style.save(figure, outputs, dpi)


def _percent(rows: pd.DataFrame) -> pd.DataFrame:
    named = rows.rename(columns={"gain": "value"})
    return named.assign(**100 * named[["value", "low", "high"]].astype(float))


def _means(table: pd.DataFrame) -> pd.DataFrame:
    """Mean quality kept with original queries, if there are several degrees."""
    asked = {"question": "kept", "case": UNADAPTED, "query": ORIGINAL}
    rows = _percent(table[(table[list(asked)] == pd.Series(asked)).all(axis=1)])
    return rows if rows["degree"].nunique() > 1 else rows.iloc[:0]


def _order(axes: Axes, rows: pd.DataFrame) -> None:
    ranks = rows.pivot(index="method", columns="system", values="value").rank(ascending=False)
    systems = list(dict.fromkeys(rows["system"]))
    for method in in_order(ranks.index):
        own, colour = ranks.loc[method, systems].to_numpy(float), method_colour(method)
        axes.plot(range(len(systems)), own, color=colour, marker="o", lw=1.2, ms=3.5)
    axes.invert_yaxis()
    axes.set_yticks(range(1, len(ranks) + 1))
    _named_on_x(axes, systems)


def _gains(axes: Axes, rows: pd.DataFrame) -> None:
    systems = list(dict.fromkeys(rows["system"]))
    axes.axhline(0.0, color=style.SOFT, lw=0.8)
    places = list(dict.fromkeys(zip(rows["method"], rows["adaption"], strict=True)))
    for row in rows.to_dict("records"):
        shift = 0.7 * ((places.index((row["method"], row["adaption"])) + 0.5) / len(places) - 0.5)
        x, colour = systems.index(row["system"]) + shift, method_colour(row["method"])
        style.point(axes, x, row, colour, row["adaption"], ms=3.5)
    _named_on_x(axes, systems)


def _degrees(axes: Axes, rows: pd.DataFrame) -> None:
    methods = in_order(rows["method"])
    for place, method in enumerate(methods):
        own = rows[rows["method"] == method].sort_values("degree")
        x = own["degree"] + 2.0 * (place - (len(methods) - 1) / 2) / len(methods)
        style.point(axes, x, own, method_colour(method), UNADAPTED, 0.4, ms=3.5, lw=1.2)
    axes.set_xticks(sorted(rows["degree"].unique()))
    axes.set_xlabel("Degree (%)")


def _predictors(axes: Axes, rows: pd.DataFrame) -> None:
    axes.axhline(0.0, color=style.SOFT, lw=0.8)
    for accuracy, look in _MARKS.items():
        for place, name in enumerate(PREDICTED_BY):
            own = rows[(rows["accuracy"] == accuracy) & (rows["predictor"] == name)]["pearson"]
            x = place + (-0.15 if accuracy == "knn" else 0.15)
            axes.plot([x] * len(own), own, ms=3, **look)
            axes.plot([x - 0.1, x + 0.1], [own.mean()] * 2, color=style.INK, lw=1.8)
    _named_on_x(axes, [METRICS[name] for name in PREDICTED_BY])
    axes.set_ylim(-1.05, 1.05)


def _price(axes: Axes, rows: pd.DataFrame) -> None:
    for (method, adaption), own in rows.groupby(["method", "adaption"], sort=False):
        line, colour = own.sort_values("rate", kind="stable"), method_colour(str(method))
        ends = 100 * line[["rate_low", "rate_high"]].astype(float).to_numpy().T
        axes.hlines(line["value"], *ends, color=colour, alpha=0.4)
        style.point(axes, 100 * line["rate"], line, colour, str(adaption), 0.4, lw=0.9, ms=3.5)
    axes.set_xlabel("Strongest attack (%)")


def _named_on_x(axes: Axes, names: Sequence[str]) -> None:
    axes.set_xticks(range(len(names)), names, rotation=30, ha="right", fontsize=6.5)


order_figure = Question(
    "Rank by mAP (1: most kept)",
    lambda table: table[(table["metric"] == "map") & (table["query"] == ORIGINAL)],
    _order,
    ("method",),
)
"""Rank of methods by the mAP that each system keeps, original queries; of `answers.VALUES`."""
way_back_figure = Question(
    "Gain in mAP (points)",
    lambda table: _percent(at_highest_degree(table[table["query"] == ORIGINAL])),
    _gains,
    ("method", "adaption"),
)
"""Gain of maps and of adaption D with original queries, at the highest degree; of `WAY_BACK`."""
degree_figure = Question("mAP (%), mean over systems", _means, _degrees, ("method",))
"""Mean mAP over systems by degree, with original queries; of `ANSWERS`."""
predictor_figure = Question(
    "Pearson’s coefficient",
    lambda table: at_highest_degree(table.dropna(subset=["pearson"])),
    _predictors,
    ("accuracy",),
)
"""Correlation of retrieval metrics with accuracies by system, and mean; of `PREDICTORS`."""
_price_figure = Question("mAP (%)", _percent, _price, ("method", "adaption"))


def price_figure(table: pd.DataFrame, outputs: Sequence[Path], dpi: int) -> None:
    """Quality kept against the strongest attack, by system, with original queries; of `PRICE`."""
    rows = at_highest_degree(table[(table["query"] == ORIGINAL) & table["rate"].notna()])
    rows = rows.assign(method=rows["method"].map(family_of))
    panels = {str(system): own for system, own in rows.groupby("system", sort=False)}
    _price_figure(panels, outputs, dpi)
