"""Contact sheets of images with their regions outlined, for visual inspection."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.patches import Polygon

from anonbench.core.boxes import Region
from anonbench.reporting.figures.picture_grid import frame, show
from anonbench.reporting.figures.style import (
    ENTITY_COLOURS,
    INK,
    SOFT,
    blank,
    new_figure,
    save,
    styled,
)
from anonbench.reporting.labels import ENTITIES

COLUMNS = 4
WIDTH = 2.8
"""Width of a picture in inches."""
TALLEST = 1.4
"""Largest height of a picture relative to its width; a taller picture is drawn narrower."""
HEAD = 0.3
"""Space in inches above a picture for its name, and at the top for the legend."""
GAP = 0.1
ALL_SCORES = 8
"""Most regions for which every score is written; with more, only the lowest scores are."""
WEAKEST = 3
LONGEST = 46
"""Most characters of a name."""


@dataclass(frozen=True)
class Sheet:
    """One picture of a sheet."""

    name: str
    note: str
    """Reason why it is shown."""
    size: tuple[int, int]
    """Width and height in pixels."""
    found: Sequence[Region]
    true: Sequence[Region] = ()
    """True regions, drawn dashed."""
    image: np.ndarray | None = None
    """uint8 [H, W] or [H, W, 3] RGB, of any size; None for a blank page if originals are hidden."""


def overlay_sheet(pictures: Sequence[Sheet], outputs: Sequence[Path], dpi: int) -> None:
    """Draw pictures in rows, with outlines by entity and scores; true regions are dashed."""
    with styled():
        if not pictures:
            return save(blank("No image is uncertain", 2 * WIDTH), outputs, dpi)
        columns = min(COLUMNS, len(pictures))
        rows = [pictures[start : start + columns] for start in range(0, len(pictures), columns)]
        heights = [WIDTH * max(map(_aspect, row)) for row in rows]
        width = columns * (WIDTH + GAP) + GAP
        height = HEAD + sum(HEAD + GAP + tall for tall in heights)
        figure = new_figure(width, height, constrained=False)
        bottom = height - HEAD
        for row, tall in zip(rows, heights, strict=True):
            bottom -= HEAD + tall
            for column, picture in enumerate(row):
                left = GAP + column * (WIDTH + GAP)
                place = (left / width, bottom / height, WIDTH / width, tall / height)
                _draw(figure.add_axes(place), picture, round(WIDTH * dpi))
            bottom -= GAP
        figure.legend(
            handles=_handles(pictures), loc="upper center", ncols=len(ENTITIES) + 1, borderpad=0
        )
        return save(figure, outputs, dpi)


def _aspect(picture: Sheet) -> float:
    return min(picture.size[1] / picture.size[0], TALLEST)


def _draw(axes: Axes, picture: Sheet, pixels: int) -> None:
    width, height = picture.size
    axes.set_xlim(0, width)
    axes.set_ylim(height, 0)
    axes.set_aspect("equal", anchor="N")
    frame(axes)
    if picture.image is not None:
        show(axes, picture.image, pixels, extent=(0, width, height, 0))
    for region in picture.true:
        axes.add_patch(_outline(region, INK, 0.8, (0, (3, 2))))
    for region in picture.found:
        axes.add_patch(_outline(region, ENTITY_COLOURS[region.entity], 1.1, "-"))
    for region in _labelled(picture.found):
        _score(axes, region)
    axes.set_title(
        f"{picture.name[-LONGEST:]}\n{picture.note}", fontsize=6, fontweight="normal", pad=2
    )


def _outline(region: Region, colour: str, width: float, style: object) -> Polygon:
    x0, y0, x1, y1 = region.x0, region.y0, region.x1, region.y1
    corners = region.quad or (x0, y0, x1, y0, x1, y1, x0, y1)
    points = np.array(corners).reshape(4, 2)
    return Polygon(points, closed=True, fill=False, edgecolor=colour, linewidth=width, ls=style)


def _labelled(found: Sequence[Region]) -> Sequence[Region]:
    if len(found) <= ALL_SCORES:
        return found
    return sorted(found, key=lambda region: region.score)[:WEAKEST]


def _score(axes: Axes, region: Region) -> None:
    axes.text(
        region.x0,
        region.y0,
        f"{region.score:.2f}",
        fontsize=5.5,
        va="bottom",
        color=ENTITY_COLOURS[region.entity],
        bbox={"facecolor": "white", "alpha": 0.75, "linewidth": 0, "pad": 0.5},
        clip_on=True,
    )


def _handles(pictures: Sequence[Sheet]) -> list[Line2D]:
    kinds = {str(region.entity) for picture in pictures for region in picture.found}
    handles = [
        Line2D([], [], color=ENTITY_COLOURS[entity], lw=2, label=label)
        for entity, label in ENTITIES.items()
        if entity in kinds
    ]
    if any(picture.true for picture in pictures):
        handles.append(Line2D([], [], color=INK, lw=0.8, ls=(0, (3, 2)), label="true"))
    return handles or [Line2D([], [], color=SOFT, lw=0, label="nothing found")]
