"""Findings of a detector in images, and the table that keeps them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any, NamedTuple

import pyarrow as pa

from anonbench.core.boxes import Region
from anonbench.core.vocabulary import Entity

_REGION = pa.struct(
    [("entity", pa.string()), ("quad", pa.list_(pa.float64()))]
    + [(name, pa.float64()) for name in ("x0", "y0", "x1", "y1", "score")]
)
SCHEMA = pa.schema(
    [("digest", pa.string()), ("accepted", pa.bool_()), ("regions", pa.list_(_REGION))]
)
"""Of a finding; the digest is that of the image's file."""


class Finding(NamedTuple):
    """What one detector found in one image."""

    regions: Sequence[Region]
    accepted: bool = False
    """Whether the detector `template` knows the image: it may then stand for all detectors."""


def as_table(findings: Mapping[str, Finding]) -> pa.Table:
    """Return findings by digest as rows of the cache."""
    rows = [
        {"digest": digest, "accepted": known, "regions": [asdict(each) for each in regions]}
        for digest, (regions, known) in findings.items()
    ]
    return pa.Table.from_pylist(rows, SCHEMA)


def as_findings(table: pa.Table) -> dict[str, Finding]:
    """Return the findings in rows of the cache, by digest."""
    return {
        row["digest"]: Finding([_region(each) for each in row["regions"]], row["accepted"])
        for row in table.to_pylist()
    }


def _region(fields: Mapping[str, Any]) -> Region:
    quad = fields["quad"] and tuple(fields["quad"])
    return Region(**{**fields, "entity": Entity(fields["entity"]), "quad": quad})
