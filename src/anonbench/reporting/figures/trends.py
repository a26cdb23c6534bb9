"""Quality by degree and against the re-identification rate, and correlations.

The unadapted model's trends are repeated as thin lines, because models are compared with it. All
models on a variant share its re-identification rate, because the attack is on the published images,
not on the model that searches them.
"""

import math
import re
from collections.abc import Sequence
from pathlib import Path
from textwrap import wrap
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from anonbench.core.vocabulary import NO_CHOICE, ORIGINAL, UNADAPTED
from anonbench.evaluation.correlation import METRICS, read_correlations
from anonbench.evaluation.privacy.rates import strongest
from anonbench.evaluation.sufficiency import DEFAULTS, Needs, why_no_statement
from anonbench.reporting.figures import style
from anonbench.reporting.labels import (
    ACCURACIES,
    ADAPTIONS,
    METHODS,
    QUERIES,
    method_colour,
    metric_label,
    own_ranking,
)
from anonbench.reporting.summary import present, summarize

_KEYS = ["method", "degree"]
_SHARES = ["value", "low", "high", "rate", "rate_low", "rate_high", "chance"]
_STAR: dict[str, Any] = {"marker": "*", "color": style.INK, "ls": "none", "ms": 7}
_CHANCE: dict[str, Any] = {"color": style.SOFT, "lw": 0.8, "ls": (0, (4, 3))}


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
        own = rows[rows["adaption"] == model]
        for method in present(base["method"], METHODS) if model != UNADAPTED else ():
            line = base[base["method"] == method].sort_values("degree")
            axes.plot(line["degree"], line["value"], color=method_colour(method), lw=0.7)
        for method in present(own["method"], METHODS):
            line = own[own["method"] == method].sort_values("degree")
            style.point(axes, line["degree"], line, method_colour(method), model, 0.5)
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


def _two_lines(model: str) -> str:
    return re.sub(",? ", "\n", ADAPTIONS[model], count=1)


def _models_on_x(rows: pd.DataFrame, models: list[str], label: str) -> Figure:
    figure = style.new_figure(style.TWO_COLUMNS, 2.5)
    axes = figure.subplots()
    methods = present(rows["method"], METHODS)
    look: Any = {"ha": "center", "va": "bottom", "fontsize": 6, "color": style.SOFT}
    look |= {"transform": axes.get_xaxis_transform(), "rotation": 90}
    for place, method in enumerate(methods):
        shift = min(0.2, 0.8 / len(methods)) * (place - (len(methods) - 1) / 2)
        own = rows[rows["method"] == method].set_index("adaption").reindex(models)
        for x, (model, cell) in enumerate(own.iterrows()):
            if math.isnan(cell["value"]):
                axes.text(x + shift, 0.03, "not run", **look)
            else:
                style.point(axes, x + shift, cell, method_colour(method), str(model))
    axes.set_xticks(range(len(models)), [_two_lines(model) for model in models])
    axes.set_xlim(-0.5, len(models) - 0.5)
    axes.set_xlabel(f"Model, at degree {int(rows['degree'].iloc[0])} %")
    axes.set_ylabel(label)
    axes.grid(axis="y")
    style.legend_above(figure, style.method_entries(methods))
    return figure


def front(
    rates: pd.DataFrame,
    scores: pd.DataFrame,
    dataset: str,
    metric: str,
    outputs: Sequence[Path],
    dpi: int = 150,
    needs: Needs = DEFAULTS,
) -> None:
    """Draw one metric of a data set against the strongest attack's known rate, by query kind.

    `rates` are `anonbench.evaluation.privacy.rates.RATE_COLUMNS`.
    """
    risks = strongest(rates[rates["dataset"] == dataset], needs.widest, needs.confidence)
    risks = risks[risks["unknown"] == ""]
    of_dataset = scores[scores["dataset"] == dataset]
    points = choices(risks, of_dataset, metric)
    originals = 100 * risks.loc[risks["method"] == ORIGINAL, "rate"]
    with style.styled():
        if points.empty or why_no_statement(of_dataset, needs):
            text = f"{dataset}: too few regions attacked, or too few images for a ranking"
            return style.save(style.blank(text), outputs, dpi)
        points[_SHARES] *= 100
        figure = style.new_figure(style.TWO_COLUMNS, 3.0)
        kinds = present(points["query"], QUERIES)
        panels = figure.subplots(1, len(kinds), sharex=True, sharey=True, squeeze=False)[0]
        for axes, query in zip(panels, kinds, strict=True):
            _panel(axes, points[points["query"] == query], originals)
            axes.set_title(QUERIES[query])
        panels[0].set_ylabel(f"{metric_label(metric)} (%), {own_ranking()}")
        figure.supxlabel("Re-identification rate of the strongest attack (%)", fontsize=8)
        handles = style.model_entries(present(points["adaption"], ADAPTIONS))
        handles.append(style.entry("beaten in both", marker="o", mfc="white", ls="none"))
        handles.append(style.entry("front", color=style.INK, lw=0.9))
        if len(originals):
            handles.append(style.entry("originals", **_STAR))
        if points["chance"].round(7).nunique() == 1:
            handles.append(style.entry("chance", **_CHANCE))
        figure.legend(handles=handles, loc="outside upper center", ncols=5, fontsize=7)
        return style.save(figure, outputs, dpi)


def choices(risks: pd.DataFrame, scores: pd.DataFrame, metric: str) -> pd.DataFrame:
    """Every model on every variant with its quality, its variant's rate, and whether it is best.

    `risks` are `anonbench.evaluation.privacy.rates.worst` of the data set. Columns query, method,
    degree, adaption, value, low, high, rate, rate_low, rate_high, chance (all shares) and best:
    whether no other choice of the query kind is as good in both and better in one.
    """
    summary = summarize(scores)
    kept = summary[(summary["metric"] == metric) & ~summary["adaption"].isin(NO_CHOICE)]
    rate = risks.rename(columns={"low": "rate_low", "high": "rate_high"})
    rate = rate[[*_KEYS, "rate", "rate_low", "rate_high", "chance"]]
    points = kept[["query", *_KEYS, "adaption", "value", "low", "high"]].merge(rate, on=_KEYS)
    points["best"] = False
    for _, group in points.groupby("query"):
        best = undominated(group["rate"].to_numpy(float), group["value"].to_numpy(float))
        points.loc[group.index, "best"] = best
    return points


def undominated(cost: np.ndarray, gain: np.ndarray) -> np.ndarray:
    """Mask bool [N] of the points that no other dominates: low `cost`, high `gain`, float [N]."""
    no_worse = (cost[:, None] <= cost) & (gain[:, None] >= gain)
    better = (cost[:, None] < cost) | (gain[:, None] > gain)
    return np.asarray(~(no_worse & better).any(axis=0))


def _panel(axes: Axes, points: pd.DataFrame, originals: pd.Series) -> None:
    top = points.groupby(_KEYS)["value"].transform("max") == points["value"]
    for row in points.assign(top=top).sort_values("best").to_dict("records"):
        colour = method_colour(row["method"])
        lines: Any = {"colors": colour, "linewidths": 0.6, "alpha": 0.7, "zorder": 1}
        axes.vlines(row["rate"], row["low"], row["high"], **lines)
        if row["top"]:  # a variant has one rate interval, whichever model searches it
            axes.hlines(row["value"], row["rate_low"], row["rate_high"], **lines)
        face, size = (colour, 5) if row["best"] else ("white", 4)
        look: Any = {"color": colour, "mfc": face, "ms": size, "ls": "none", "zorder": 3}
        axes.plot([row["rate"]], [row["value"]], marker=style.model_marker(row["adaption"]), **look)
    best = points[points["best"]].sort_values(["rate", "value"])
    axes.step(best["rate"], best["value"], where="post", color=style.INK, lw=0.9, zorder=2)
    _label_variants(axes, points[top])
    axes.plot(originals, [100] * len(originals), **_STAR)
    chance = points["chance"].round(7).unique()
    if len(chance) == 1:
        axes.axvline(chance[0], **_CHANCE, zorder=0)
    axes.grid()
    axes.margins(x=0.06, y=0.06)
    axes.set_xlim(left=min(-2.0, axes.get_xlim()[0]))


def _label_variants(axes: Axes, points: pd.DataFrame) -> None:
    """Write each variant's name above its best model: the method at its highest degree."""
    several = points["degree"].nunique() > 1
    highest = points.groupby("method")["degree"].max()
    for top in points.drop_duplicates(_KEYS).to_dict("records"):
        name = METHODS[top["method"]] if top["degree"] == highest[top["method"]] else ""
        to_left = top["rate"] > 50  # towards the middle of the panel
        label = f"{name} {top['degree']} %".strip() if several else name
        place: Any = {"xytext": (-3 if to_left else 3, 4), "textcoords": "offset points"}
        look: Any = {"ha": "right" if to_left else "left", "color": method_colour(top["method"])}
        axes.annotate(label, (top["rate"], top["value"]), fontsize=6, **place, **look)


def matrix(table: pd.DataFrame) -> pd.DataFrame:
    """Pearson's coefficients as a 6 × 6 table in the fixed order; NaN where undefined."""
    names = list(METRICS)
    return table.pivot(index="metric", columns="metric_b", values="pearson").loc[names, names]


def notes(table: pd.DataFrame) -> list[str]:
    """Notes on the number of scenarios, and on the reasons for undefined coefficients."""
    counts = [int(n) for n in table["n"].dropna() if n]
    rows = " to ".join(map(str, dict.fromkeys((min(counts, default=0), max(counts, default=0)))))
    undefined = table[table["pearson"].isna()]
    reasons = "; ".join(sorted({*undefined["reason"]} - {""})) or "not computed"
    lines = [f"Pearson over n = {rows} scenarios"] if counts else []
    return lines + ([f"grey, undefined: {reasons}"] if len(undefined) else [])


def correlation_heatmap(
    correlations: Path, title: str, outputs: Sequence[Path], dpi: int = 150
) -> None:
    """Draw the 6 × 6 matrix of Pearson's coefficients (`read_correlations`), from -1 to 1."""
    from seaborn import heatmap  # imported here: it loads SciPy and takes seconds

    table = read_correlations(correlations)
    values = matrix(table)
    labels = [name.replace(" (", "\n(") for name in METRICS.values()]
    with style.styled():
        note = [line for text in notes(table) for line in wrap(text, 62)]
        figure = style.new_figure(style.ONE_COLUMN, style.ONE_COLUMN * 0.93 + 0.11 * len(note))
        axes = figure.subplots()
        axes.set_facecolor(style.GRID)  # of undefined coefficients
        bar = {"shrink": 0.8, "fraction": 0.05, "pad": 0.03, "ticks": [-1, -0.5, 0, 0.5, 1]}
        how: Any = {"vmin": -1, "vmax": 1, "cmap": "RdBu_r", "cbar_kws": bar, "square": True}
        how |= {"annot": True, "fmt": ".2f", "annot_kws": {"fontsize": 7}}
        how |= {"linewidths": 0.8, "linecolor": "white"}
        heatmap(values, ax=axes, xticklabels=labels, yticklabels=labels, **how)
        for text in axes.texts:  # seaborn's white is hard to read in the middle of the scale
            text.set_color("white" if abs(float(text.get_text())) > 0.62 else style.INK)
        axes.tick_params(length=0, labelsize=6.5)
        axes.tick_params(axis="y", rotation=0)
        axes.set_xticks(axes.get_xticks(), labels, rotation=45, ha="right", rotation_mode="anchor")
        axes.set(title=title, xlabel="", ylabel="")
        figure.supxlabel("\n".join(note), fontsize=6, color=style.SOFT)
        style.save(figure, outputs, dpi)
