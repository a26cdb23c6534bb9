"""Outcome of one image, as a line of the record."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

import numpy as np

from anonbench.core.boxes import Region, draw_order, regions_at
from anonbench.core.vocabulary import Entity

Status = Literal["written", "without_regions", "unreadable", "failed", "left_out"]


@dataclass(frozen=True)
class Outcome:
    """What became of one image."""

    name: str
    """Of the image as given."""
    status: Status
    """`without_regions`: nothing was found, and the image is not published; `failed`: a detector,
    the encoder or the audit did; `left_out`: no image by its name, or a name of no use."""
    reason: str = ""
    """Why nothing was written."""
    digest: str = ""
    """SHA-256 of the original; empty where it cannot be read."""
    output: str = ""
    """Name of the file below the output folder; empty where nothing was written."""
    output_digest: str = ""
    """SHA-256 of that file."""
    width: int = 0
    height: int = 0
    """Of the upright image, in pixels; of a PDF's first page."""
    hidden_pixels: int = 0
    """As the audit counted them."""
    converted: str = ""
    """What reading did to a written image (`anonbench.datasets.formats.conversions`)."""
    regions: list[dict[str, Any]] = field(default_factory=list)
    """In draw order: entity, x0, y0, x1, y1, score, hidden, quad of a slanted one, and in a PDF the
    page, from 1."""

    pages: list[list[int]] = field(default_factory=list)
    """Of a PDF: width and height of each page in pixels, and pixels an inch."""
    searched: list[dict[str, Any]] = field(default_factory=list)
    """How the image, or each page of a PDF, was searched: `anonbench.detection.search.Searched`."""

    corrected: str = ""
    """Digest of the corrections that were applied; empty where there are none."""
    found: list[dict[str, Any]] = field(default_factory=list)
    """What detectors found, as `regions`, where there are corrections."""

    @property
    def doubts(self) -> list[str]:
        """Why a person should look at the copy (`anonbench.detection.doubts`)."""
        return sorted({doubt for page in self.searched for doubt in page["doubts"]})

    @property
    def text_only(self) -> bool:
        """Whether it was searched for faces, too, and there is text only."""
        return bool(self.searched) and all(page["text_only"] for page in self.searched)

    def line(self) -> str:
        """Return the outcome as one line of JSON."""
        return json.dumps(asdict(self), ensure_ascii=False, sort_keys=True)

    @classmethod
    def parse(cls, line: str) -> Outcome:
        """Read what `line` wrote; raise ValueError for anything else."""
        try:
            return cls(**json.loads(line))
        except TypeError as error:
            raise ValueError(str(error)) from None


def in_draw_order(image_id: str, regions: Sequence[Region], seed: int) -> list[Region]:
    """Return an image's regions in the order of a box table: the same draw, the same rounding."""
    fixed = sorted(regions, key=lambda r: (r.entity, r.y0, r.x0, r.y1, r.x1, r.score))
    ranks = draw_order(image_id, len(fixed), seed)
    return [_rounded(region) for _, region in sorted(zip(ranks, fixed, strict=True), key=_rank)]


def as_rows(regions: Sequence[Region], degree: int) -> list[dict[str, Any]]:
    """Return regions in draw order as rows of a record."""
    hidden = regions_at(degree, len(regions))
    return [
        {
            "entity": str(region.entity),
            **{side: getattr(region, side) for side in ("x0", "y0", "x1", "y1", "score")},
            "hidden": rank < hidden,
            **({"quad": list(region.quad)} if region.quad else {}),
        }
        for rank, region in enumerate(regions)
    ]


def as_region(row: Mapping[str, Any]) -> Region:
    """Region of a row of a record."""
    x0, y0, x1, y1, score = (row[name] for name in ("x0", "y0", "x1", "y1", "score"))
    quad = tuple(row["quad"]) if row.get("quad") else None
    return Region(Entity(row["entity"]), x0, y0, x1, y1, score, quad)


def _rank(pair: tuple[int, Region]) -> int:
    return pair[0]


def _rounded(region: Region) -> Region:
    """Return a region in float32, as box tables have it."""
    x0, y0, x1, y1, score, *quad = (
        float(np.float32(value))
        for value in (
            region.x0,
            region.y0,
            region.x1,
            region.y1,
            region.score,
            *(region.quad or ()),
        )
    )
    return Region(region.entity, x0, y0, x1, y1, score, tuple(quad) or None)  # type: ignore[arg-type]
