"""Share of attention inside the sensitive boxes, by head and model."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from anonbench.core.vocabulary import ORIGINAL, Model, Variant
from anonbench.embedding.attention_shares import ALL_HEADS, NULLS
from anonbench.reporting.figures.attention import variant_label
from anonbench.reporting.figures.style import (
    GRID,
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
from anonbench.reporting.labels import ADAPTIONS

ONE_ROW = 8
"""Most heads with which all models fit in one row of panels."""
APART = 0.16
"""Distance between two variants' marks around a head's position."""
NULL_MARKS: dict[str, dict[str, Any]] = {
    "others": {"marker": "_", "markersize": 8, "linestyle": "none"},
    "untrained": {"marker": "x", "markersize": 4, "linestyle": "none", "markeredgewidth": 0.8},
}


def attention_share(shares: pd.DataFrame, outputs: Sequence[Path], dpi: int = 150) -> None:
    """Draw each head's mean share with its interval, one panel per model, and the null values.

    Without rows (`anonbench.embedding.attention_shares.SUMMARY_COLUMNS`), the figure says so.
    """
    with styled():
        if shares.empty:
            text = "No image has a region: there is no share to measure"
            return save(blank(text), outputs, dpi)
        models = list(dict.fromkeys(shares["model"]))
        names = list(dict.fromkeys(shares["head"]))
        columns = len(models) if len(names) <= ONE_ROW else min(2, len(models))
        rows = -(-len(models) // columns)
        figure = new_figure(TWO_COLUMNS, 0.75 + 1.75 * rows)
        panels = figure.subplots(rows, columns, sharey=True, squeeze=False)
        for axes in panels.flat[len(models) :]:
            axes.set_axis_off()
        for axes, model in zip(panels.flat, models, strict=False):
            _panel(axes, shares[shares["model"] == model], model, names)
        for axes in panels[:, 0]:
            axes.set_ylabel("Attention inside boxes (%)")
        drawn = shares[["share", "high", *NULLS]].to_numpy(float)
        panels[0, 0].set_ylim(0, 103 * float(np.nanmax(drawn)))
        figure.supxlabel("Head of the last layer", fontsize=8)
        figure.legend(handles=_handles(shares), loc="outside upper center", ncols=3)
        return save(figure, outputs, dpi)


def _panel(axes: Axes, rows: pd.DataFrame, model: str, names: Sequence[str]) -> None:
    adaption = str(Model.parse(model).adaption)
    places = {name: place + (0.5 if name == ALL_HEADS else 0) for place, name in enumerate(names)}
    variants = list(dict.fromkeys(rows["variant"]))
    placed = []
    for number, variant in enumerate(variants):
        of_variant = rows[rows["variant"] == variant]
        shift = APART * (2 * number - len(variants) + 1)
        placed.append((variant, of_variant["head"].map(places).to_numpy(float) + shift, of_variant))
    for variant, x, of_variant in placed:
        colour = _colour(variant)
        axes.vlines(x, 100 * of_variant["low"], 100 * of_variant["high"], color=colour, lw=1.2)
        axes.plot(
            x,
            100 * of_variant["share"],
            color=colour,
            marker=MODEL_MARKERS[adaption],
            markerfacecolor="white" if variant == ORIGINAL else colour,
            linestyle="none",
        )
    chance = float(rows["chance"].mean())
    axes.axhline(100 * chance, color=SOFT, lw=0.9, ls=(0, (3, 2)))
    for variant, x, of_variant in placed:
        for null, style in NULL_MARKS.items():
            axes.plot(x, 100 * of_variant[null], color=_colour(variant), **style)
    axes.axvline(places[ALL_HEADS] - 0.75, color=GRID, lw=0.8)
    axes.set_title(ADAPTIONS[adaption])
    axes.set_xticks(list(places.values()), list(places))
    axes.set_xlim(-0.5, max(places.values()) + 0.5)
    axes.grid(axis="y")


def _colour(variant: str) -> str:
    method = Variant.parse(variant).method
    return INK if method is None else method_colour(str(method))


def _handles(shares: pd.DataFrame) -> list[Line2D]:
    handles = [
        Line2D(
            [],
            [],
            color=_colour(variant),
            marker="o",
            markerfacecolor="white" if variant == ORIGINAL else _colour(variant),
            lw=1.2,
            label=f"{variant_label(variant)} images",
        )
        for variant in dict.fromkeys(shares["variant"])
    ]
    chance = 100 * float(np.mean(shares["chance"]))
    label = f"Chance: the boxes' share of the image, {chance:.1f} %"
    handles.append(Line2D([], [], color=SOFT, lw=0.9, ls=(0, (3, 2)), label=label))
    names = {"others": "Inside other images' boxes", "untrained": "Before training"}
    for null, style in NULL_MARKS.items():
        handles.append(Line2D([], [], color=SOFT, label=names[null], **style))
    return handles
