"""Fronts of every risk and every utility: what is kept against the strongest attack's rate."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from anonbench.core.vocabulary import NO_CHOICE
from anonbench.evaluation.policy.front import exposed
from anonbench.reporting.figures.front import undominated
from anonbench.reporting.figures.style import (
    INK,
    MODEL_MARKERS,
    SOFT,
    TWO_COLUMNS,
    empty,
    method_colour,
    method_handles,
    new_figure,
    save,
    styled,
)
from anonbench.reporting.labels import ADAPTIONS, METHODS, metric_label
from anonbench.reporting.privacy.front_area import RISKS
from anonbench.reporting.summary import present, summarize

_METRICS = ("map", "mndcg", "knn", "linear")
_HEIGHT = 1.5
"""Inches of a row of panels."""


def risks(
    judged: pd.DataFrame, scores: pd.DataFrame, dataset: str, outputs: Sequence[Path], dpi: int
) -> None:
    """Draw a row of panels a risk and a column a utility.

    Variants of which an attack on the risk has no known rate are left out, and risks without any.

    Args:
        judged: columns `anonbench.evaluation.policy.verdicts.JUDGED`, of the data set.
        scores: tidy scores (`anonbench.reporting.summary.read_scores`).
        dataset: its name.
        outputs: .png and .svg paths.
        dpi: of the PNG.

    """
    points = fronts(judged, scores[scores["dataset"] == dataset])
    shown = [risk for risk in RISKS if (points["risk"] == risk).any()]
    with styled():
        if not shown:
            figure = new_figure(TWO_COLUMNS, 1.2)
            empty(figure, f"No risk or no quality is known of {dataset}")
        else:
            utilities = _utilities(points)
            figure = new_figure(TWO_COLUMNS, 0.7 + _HEIGHT * len(shown))
            panels = figure.subplots(
                len(shown), len(utilities), sharex=True, sharey="col", squeeze=False
            )
            for row, risk in zip(panels, shown, strict=True):
                row[0].set_ylabel(RISKS[risk])
                for axes, (metric, query) in zip(row, utilities, strict=True):
                    mine = (points["metric"] == metric) & (points["query"] == query)
                    _panel(axes, points[mine & (points["risk"] == risk)])
            for axes, (metric, query) in zip(panels[0], utilities, strict=True):
                name = metric_label(metric)
                axes.set_title(f"{name}\n{query} queries" if query else name, fontsize=6)
            figure.supxlabel("Rate of the strongest attack above its control (%)", fontsize=8)
            figure.supylabel("Quality (%) against the risk of", fontsize=8)
            figure.legend(handles=_handles(points), loc="outside upper center", ncols=6, fontsize=7)
        save(figure, outputs, dpi)


def fronts(judged: pd.DataFrame, scores: pd.DataFrame) -> pd.DataFrame:
    """Return every model on every variant by risk and utility, and whether it is on the front.

    Args:
        judged: columns `anonbench.evaluation.policy.verdicts.JUDGED`, of one data set.
        scores: its tidy scores.

    Returns:
        Columns risk, rate (share above control), metric, query, method, degree, adaption, value,
        and best: whether no other point of the panel is as good in both and better in one.

    """
    columns = ["metric", "query", "method", "degree", "adaption", "value"]
    summary = summarize(scores) if len(scores) else pd.DataFrame(columns=columns)
    of_choices = summary["metric"].isin(_METRICS) & ~summary["adaption"].isin(NO_CHOICE)
    points = exposed(judged, summary.loc[of_choices, columns].dropna(subset=["value"]))
    points["best"] = False
    for _, group in points.groupby(["risk", "metric", "query"]):
        cost, gain = (group[name].to_numpy(float) for name in ("rate", "value"))
        points.loc[group.index, "best"] = undominated(cost, gain)
    return points


def _utilities(points: pd.DataFrame) -> list[tuple[str, str]]:
    """Return metrics and query kinds, retrieval before accuracies."""
    there = set(points[["metric", "query"]].itertuples(index=False, name=None))
    return [
        (metric, query) for metric in _METRICS for query in ("original", "anonymized", "")
        if (metric, query) in there
    ]  # fmt: skip


def _panel(axes: Axes, points: pd.DataFrame) -> None:
    for row in points.sort_values("best").to_dict("records"):
        colour = method_colour(row["method"]) if row["best"] else SOFT
        axes.plot(
            [100 * row["rate"]],
            [100 * row["value"]],
            marker=MODEL_MARKERS.get(row["adaption"], "x"),
            color=colour,
            markerfacecolor=colour if row["best"] else "white",
            markersize=4 if row["best"] else 3,
            linestyle="none",
            zorder=3,
        )
    best = points[points["best"]].sort_values(["rate", "value"])
    axes.step(100 * best["rate"], 100 * best["value"], where="post", color=INK, lw=0.8, zorder=2)
    axes.set_xlim(-4.0, 104.0)
    axes.margins(y=0.08)
    axes.grid()


def _handles(points: pd.DataFrame) -> list[Line2D]:
    handles = method_handles(present(points["method"], METHODS))
    for model in present(points["adaption"], ADAPTIONS):
        shape, label = MODEL_MARKERS.get(model, "x"), ADAPTIONS.get(model, model)
        line = Line2D([], [], marker=shape, color=SOFT, markerfacecolor="white", ls="none")
        line.set_label(label)
        handles.append(line)
    return [*handles, Line2D([], [], color=INK, lw=0.8, label="front (grey: beaten in both)")]
