"""Figure of detection quality against a detector's score threshold."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from anonbench.reporting.figures.style import (
    ENTITY_COLOURS,
    INK,
    SOFT,
    TWO_COLUMNS,
    blank,
    new_figure,
    percent_axis,
    save,
    styled,
)
from anonbench.reporting.labels import DETECTORS, ENTITIES
from anonbench.reporting.summary import present

LEAST = 0.05
"""Mean share hidden at the lowest threshold from which a detector counts as finding an entity."""
RECALLS: dict[str, Any] = {"recall_90": "-", "recall_50": (0, (4, 2))}


def threshold_sweep(sweep: pd.DataFrame, dataset: str, outputs: Sequence[Path], dpi: int) -> None:
    """Draw recall at coverage, and false area below it, one column per detector.

    The sweep (`sweep.SWEEP_COLUMNS`) is empty if no detector has a threshold.
    """
    detectors = present(sweep["detector"], DETECTORS)
    with styled():
        if not detectors:
            figure = blank(f"No detector of {dataset} has a score threshold", TWO_COLUMNS * 0.62)
        else:
            figure = new_figure(min(TWO_COLUMNS, 2.0 + 2.5 * len(detectors)), 3.4)
            _draw(figure, sweep, detectors)
        save(figure, outputs, dpi)


def _draw(figure: Figure, sweep: pd.DataFrame, detectors: Sequence[str]) -> None:
    panels = figure.subplots(
        2, len(detectors), sharex="col", sharey="row", squeeze=False, height_ratios=(2, 1)
    )
    seen: set[str] = set()
    for column, name in enumerate(detectors):
        of_detector = sweep[sweep["detector"] == name].sort_values("threshold")
        hidden, false = panels[:, column]
        seen |= set(_recalls(hidden, of_detector))
        once = of_detector.drop_duplicates("threshold")
        false.plot(once["threshold"], 100 * once["false_area"], color=INK)
        false.set_xlabel("Score threshold")
        hidden.set_title(DETECTORS.get(name, name))
        hidden.set_ylim(-3, 103)
        for axes in (hidden, false):
            axes.grid(axis="y")
            for threshold in once.loc[once["in_use"].astype(bool), "threshold"]:
                axes.axvline(threshold, color=SOFT, lw=0.9, ls=(0, (1, 1.5)))
    panels[1, 0].set_ylim(bottom=0)  # shared limits: set after all lines are drawn
    percent_axis(panels[0, 0], "True regions hidden (%)")
    percent_axis(panels[1, 0], "False area\n(% of image)")
    handles = _handles(seen)
    columns = len(handles) if len(detectors) > 1 else 3  # as wide as the figure
    figure.legend(handles=handles, loc="outside upper center", ncols=columns)


def _recalls(axes: Axes, rows: pd.DataFrame) -> list[str]:
    """Draw recall for those entities that the detector finds at all, and return them."""
    lowest = rows[rows["threshold"] == rows["threshold"].min()]
    entities = present(lowest.loc[lowest["covered"] >= LEAST, "entity"], ENTITIES)
    for entity in entities:
        line = rows[rows["entity"] == entity]
        for name, style in RECALLS.items():
            axes.plot(
                line["threshold"],
                100 * line[name],
                color=ENTITY_COLOURS[entity],
                linestyle=style,
                marker=".",
                markersize=3,
            )
    return entities


def _handles(entities: set[str]) -> list[Line2D]:
    handles = [
        Line2D([], [], color=ENTITY_COLOURS[entity], lw=2.5, label=label)
        for entity, label in ENTITIES.items()
        if entity in entities
    ]
    for name, style in RECALLS.items():
        label = f"≥ {name.removeprefix('recall_')} % covered"
        handles.append(Line2D([], [], color=SOFT, linestyle=style, label=label))
    return [*handles, Line2D([], [], color=SOFT, lw=0.9, ls=(0, (1, 1.5)), label="in use")]
