"""Truth of a drawing: true regions, texts and labels, and their files."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd

from anonbench.core.boxes import Quad, Region, box_table, write_boxes
from anonbench.core.io import write_csv
from anonbench.core.vocabulary import Entity

TEXT_COLUMNS = ["id", "entity", "x0", "y0", "x1", "y1", "text"]


@dataclass(frozen=True)
class TextLine:
    """One printed line and the region that it fills."""

    region: Region
    text: str


@dataclass(frozen=True)
class Drawing:
    """A drawn image, uint8 [H, W] or [H, W, 3] RGB, and the truth about it."""

    image: np.ndarray
    regions: list[Region]
    lines: list[TextLine] = field(default_factory=list)
    labels: dict[str, bool] = field(default_factory=dict)


@dataclass(frozen=True)
class Truth:
    """The part of a drawing that outlives its image."""

    regions: list[Region]
    lines: list[TextLine]
    labels: dict[str, bool]


def box_region(
    entity: Entity, box: tuple[float, float, float, float], width: int, height: int
) -> Region:
    """Return an upright region, cut at the image's edges."""
    x0, x1 = np.clip([box[0], box[2]], 0, width)
    y0, y1 = np.clip([box[1], box[3]], 0, height)
    return Region(entity, float(x0), float(y0), float(x1), float(y1), 1.0)


def quad_region(entity: Entity, corners: np.ndarray, width: int, height: int) -> Region:
    """Return a slanted region from its corners [4, 2], cut at the image's edges."""
    inside = np.clip(corners, 0, (width, height))
    (x0, y0), (x1, y1) = inside.min(axis=0), inside.max(axis=0)
    quad: Quad = tuple(float(value) for value in inside.ravel())  # type: ignore[assignment]
    return Region(entity, float(x0), float(y0), float(x1), float(y1), 1.0, quad)


def write_truth(
    folder: Path, listing: pd.DataFrame, truths: Mapping[str, Truth], seed: int
) -> None:
    """Write boxes.parquet, images.csv and texts.csv of the images in `listing`."""
    folder.mkdir()
    regions = {image: truth.regions for image, truth in truths.items()}
    write_boxes(box_table(regions, seed), folder / "boxes.parquet")
    write_csv(listing[["id", "split", "identity", "class"]], folder / "images.csv")
    rows = [
        (image, str(line.region.entity), *_rounded(line.region), line.text)
        for image in sorted(truths)
        for line in truths[image].lines
    ]
    write_csv(pd.DataFrame(rows, columns=TEXT_COLUMNS), folder / "texts.csv")


def _rounded(region: Region) -> tuple[float, ...]:
    return tuple(round(value, 2) for value in (region.x0, region.y0, region.x1, region.y1))
