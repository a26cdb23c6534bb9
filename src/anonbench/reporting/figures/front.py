"""Privacy-utility front: retrieval quality against the re-identification rate.

Up and to the left is better. All models on a variant share the variant's rate, because the attack
is on the published images, not on the model that searches them.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from anonbench.core.vocabulary import NO_CHOICE, ORIGINAL
from anonbench.evaluation.privacy.rates import strongest
from anonbench.evaluation.sample_sizes.sufficiency import DEFAULTS, Needs, why_no_statement
from anonbench.reporting.figures.style import (
    INK,
    MODEL_MARKERS,
    SOFT,
    TWO_COLUMNS,
    blank,
    method_colour,
    new_figure,
    save,
    styled,
)
from anonbench.reporting.labels import ADAPTIONS, METHODS, QUERIES, metric_label, own_ranking
from anonbench.reporting.summary import present, summarize

_KEYS = ["method", "degree"]


def front(
    rates: pd.DataFrame,
    scores: pd.DataFrame,
    dataset: str,
    metric: str,
    outputs: Sequence[Path],
    dpi: int = 150,
    needs: Needs = DEFAULTS,
) -> None:
    """Draw one metric of a data set against the strongest attack's rate, by query kind.

    Variants with an unknown rate are left out; if the metric is unknown, nothing is drawn.

    Args:
        rates: `anonbench.evaluation.privacy.rates.RATE_COLUMNS`, of one or several data sets.
        scores: tidy scores (`anonbench.reporting.summary.read_scores`).
        dataset: data set whose rows are drawn.
        metric: map or mndcg.
        outputs: .png and .svg paths.
        dpi: resolution of the PNG.
        needs: requirements for a value to count as known.
    """
    risks = strongest(rates[rates["dataset"] == dataset], needs.widest, needs.confidence)
    risks = risks[risks["unknown"] == ""]
    of_dataset = scores[scores["dataset"] == dataset]
    points = choices(risks, of_dataset, metric)
    originals = risks[risks["method"] == ORIGINAL]
    with styled():
        if points.empty or why_no_statement(of_dataset, needs):
            text = f"{dataset}: too few regions attacked, or too few images for a ranking"
            return save(blank(text), outputs, dpi)
        figure = new_figure(TWO_COLUMNS, 3.0)
        kinds = present(points["query"], QUERIES)
        panels = figure.subplots(1, len(kinds), sharex=True, sharey=True, squeeze=False)[0]
        for axes, query in zip(panels, kinds, strict=True):
            _panel(axes, points[points["query"] == query], originals)
            axes.set_title(QUERIES[query])
        panels[0].set_ylabel(f"{metric_label(metric)} (%), {own_ranking()}")
        figure.supxlabel("Re-identification rate of the strongest attack (%)", fontsize=8)
        handles = _handles(points, originals)
        figure.legend(handles=handles, loc="outside upper center", ncols=5, fontsize=7)
        return save(figure, outputs, dpi)


def choices(risks: pd.DataFrame, scores: pd.DataFrame, metric: str) -> pd.DataFrame:
    """Every model on every variant with its quality, its variant's rate, and whether it is best.

    Args:
        risks: `anonbench.evaluation.privacy.rates.worst`.
        scores: tidy scores of the same data set.
        metric: metric of the quality.

    Returns:
        Columns query, method, degree, adaption, value, low, high, rate, rate_low, rate_high,
        chance (all shares) and best: whether no other choice of the query kind is as good in both
        and better in one.
    """
    summary = summarize(scores)
    kept = summary[(summary["metric"] == metric) & ~summary["adaption"].isin(NO_CHOICE)]
    columns = ["query", *_KEYS, "adaption", "value", "low", "high"]
    rate = risks[[*_KEYS, "rate", "low", "high", "chance"]].rename(
        columns={"low": "rate_low", "high": "rate_high"}
    )
    points = kept[columns].merge(rate, on=_KEYS)
    points["best"] = False
    for _, group in points.groupby("query"):
        points.loc[group.index, "best"] = undominated(
            group["rate"].to_numpy(float), group["value"].to_numpy(float)
        )
    return points


def undominated(cost: np.ndarray, gain: np.ndarray) -> np.ndarray:
    """Mask bool [N] of the points that no other point dominates.

    Args:
        cost: float [N], the less the better.
        gain: float [N], the more the better.
    """
    no_worse = (cost[:, None] <= cost) & (gain[:, None] >= gain)
    better = (cost[:, None] < cost) | (gain[:, None] > gain)
    return np.asarray(~(no_worse & better).any(axis=0))


def _panel(axes: Axes, points: pd.DataFrame, originals: pd.DataFrame) -> None:
    top = points.groupby(_KEYS)["value"].transform("max") == points["value"]
    for row in points.assign(top=top).sort_values("best").to_dict("records"):
        colour = method_colour(row["method"])
        x, y = 100 * row["rate"], 100 * row["value"]
        lines: Any = {"colors": colour, "linewidths": 0.6, "alpha": 0.7, "zorder": 1}
        axes.vlines(x, 100 * row["low"], 100 * row["high"], **lines)
        if row["top"]:  # a variant has one rate interval, whichever model searches it
            axes.hlines(y, 100 * row["rate_low"], 100 * row["rate_high"], **lines)
        axes.plot(
            [x],
            [y],
            marker=MODEL_MARKERS.get(row["adaption"], "x"),
            color=colour,
            markerfacecolor=colour if row["best"] else "white",
            markersize=5 if row["best"] else 4,
            linestyle="none",
            zorder=3,
        )
    best = points[points["best"]].sort_values(["rate", "value"])
    axes.step(100 * best["rate"], 100 * best["value"], where="post", color=INK, lw=0.9, zorder=2)
    _label_variants(axes, points[top])
    axes.plot(100 * originals["rate"], [100] * len(originals), "*", color=INK, ms=7)
    chance = points["chance"].round(9).unique()
    if len(chance) == 1:
        axes.axvline(100 * chance[0], color=SOFT, lw=0.8, linestyle=(0, (4, 3)), zorder=0)
    axes.grid()
    axes.margins(x=0.06, y=0.06)
    axes.set_xlim(left=min(-2.0, axes.get_xlim()[0]))


def _label_variants(axes: Axes, points: pd.DataFrame) -> None:
    """Write each variant's name above its best model: the method at its highest degree."""
    several = points["degree"].nunique() > 1
    highest = points.groupby("method")["degree"].max()
    for top in points.drop_duplicates(_KEYS).to_dict("records"):
        method, degree = top["method"], f"{top['degree']} %" if several else ""
        name = METHODS[method] if top["degree"] == highest[method] else ""
        to_left = top["rate"] > 0.5  # towards the middle of the panel
        axes.annotate(
            f"{name} {degree}".strip(),
            (100 * top["rate"], 100 * top["value"]),
            xytext=(-3 if to_left else 3, 4),
            textcoords="offset points",
            ha="right" if to_left else "left",
            fontsize=6,
            color=method_colour(method),
        )


def _handles(points: pd.DataFrame, originals: pd.DataFrame) -> list[Line2D]:
    def marker(shape: str, label: str, face: str = SOFT) -> Line2D:
        return Line2D([], [], marker=shape, color=SOFT, mfc=face, ls="none", label=label)

    models = present(points["adaption"], ADAPTIONS)
    handles = [marker(MODEL_MARKERS.get(m, "x"), ADAPTIONS.get(m, m)) for m in models]
    handles.append(marker("o", "beaten in both", "white"))
    handles.append(Line2D([], [], color=INK, lw=0.9, label="front"))
    if len(originals):
        handles.append(Line2D([], [], marker="*", color=INK, ls="none", ms=7, label="originals"))
    if points["chance"].round(9).nunique() == 1:
        handles.append(Line2D([], [], color=SOFT, lw=0.8, ls=(0, (4, 3)), label="chance"))
    return handles
