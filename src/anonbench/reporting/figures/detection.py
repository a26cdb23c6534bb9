"""Figure of detection quality against a detector's score threshold."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from anonbench.reporting.figures.style import (
    ENTITY_COLOURS,
    INK,
    SOFT,
    TWO_COLUMNS,
    blank,
    new_figure,
    save,
    styled,
)
from anonbench.reporting.labels import DETECTORS, ENTITIES
from anonbench.reporting.summary import present

LEAST = 0.05
"""Mean share hidden at the lowest threshold from which a detector counts as finding an entity."""
RECALLS: dict[str, Any] = {"≥ 90 % covered": "-", "≥ 50 % covered": (0, (4, 2))}


def threshold_sweep(sweep: pd.DataFrame, dataset: str, outputs: Sequence[Path], dpi: int) -> None:
    """Draw recall at coverage, and false area below it, one column per detector.

    The sweep (`sweep.SWEEP_COLUMNS`) is empty if no detector has a threshold. Entities that a
    detector does not find at all are left out.
    """
    detectors = present(sweep["detector"], DETECTORS)
    with styled():
        if not detectors:
            text = f"No detector of {dataset} has a score threshold"
            return save(blank(text, TWO_COLUMNS * 0.62), outputs, dpi)
        figure = new_figure(min(TWO_COLUMNS, 2.0 + 2.5 * len(detectors)), 3.4)
        panels = figure.subplots(
            2, len(detectors), sharex="col", sharey="row", squeeze=False, height_ratios=(2, 1)
        )
        for (hidden, false), name in zip(panels.T, detectors, strict=True):
            _column(hidden, false, sweep[sweep["detector"] == name].sort_values("threshold"))
            hidden.set_title(DETECTORS.get(name, name))
        panels[1, 0].set_ylim(bottom=0)  # shared limits: set after all lines are drawn
        panels[0, 0].set_ylabel("True regions hidden (%)")
        panels[1, 0].set_ylabel("False area\n(% of image)")
        styles = RECALLS | {"in use": (0, (1, 1.5))}
        drawn = {line.get_color() for axes in panels[0] for line in axes.lines}
        looks: dict[str, tuple[str, Any]] = {
            ENTITIES[e]: (colour, "-") for e, colour in ENTITY_COLOURS.items() if colour in drawn
        }
        looks |= {label: (SOFT, style) for label, style in styles.items()}
        handles = [
            Line2D([], [], color=colour, linestyle=style, label=label)
            for label, (colour, style) in looks.items()
        ]
        figure.legend(handles=handles, loc="outside upper center", ncols=3 + (len(detectors) > 1))
        return save(figure, outputs, dpi)


def _column(hidden: Axes, false: Axes, rows: pd.DataFrame) -> None:
    lowest = rows[rows["threshold"] == rows["threshold"].min()]
    for entity in present(lowest.loc[lowest["covered"] >= LEAST, "entity"], ENTITIES):
        line = rows[rows["entity"] == entity]
        colour = ENTITY_COLOURS[entity]
        for name, style in zip(("recall_90", "recall_50"), RECALLS.values(), strict=True):
            hidden.plot(line["threshold"], 100 * line[name], ".", ls=style, color=colour, ms=3)
    once = rows.drop_duplicates("threshold")
    false.plot(once["threshold"], 100 * once["false_area"], color=INK)
    false.set_xlabel("Score threshold")
    hidden.set_ylim(-3, 108)
    for axes in (hidden, false):
        axes.grid(axis="y")
        for threshold in once.loc[once["in_use"].astype(bool), "threshold"]:
            axes.axvline(threshold, color=SOFT, lw=0.9, ls=(0, (1, 1.5)))
