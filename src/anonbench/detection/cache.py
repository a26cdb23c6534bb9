"""Findings of detectors in images, and their cache: what they depend on, and where it is.

A detector searches only images that are new to it. Each shard has a file for each detector.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa

from anonbench.config.detectors import Detection, DetectorName
from anonbench.core.boxes import Region
from anonbench.core.jobs.fingerprint import module_digest
from anonbench.core.model_files import model_files
from anonbench.core.provenance import file_digest
from anonbench.core.registries.detectors import DETECTORS
from anonbench.core.vocabulary import Entity
from anonbench.detection import base
from anonbench.detection.kinds import kind_named

_REGION = pa.struct(
    [("entity", pa.string()), ("quad", pa.list_(pa.float64()))]
    + [(name, pa.float64()) for name in ("x0", "y0", "x1", "y1", "score")]
)
SCHEMA = pa.schema(
    [("digest", pa.string()), ("accepted", pa.bool_()), ("regions", pa.list_(_REGION))]
)
"""Columns of a finding; the digest is that of the image's file."""


class Finding(NamedTuple):
    """Findings of one detector in one image."""

    regions: Sequence[Region]
    accepted: bool = False
    """Whether the detector `template` recognizes the image: it may then replace all detectors."""


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


def made_by(name: str, settings: Detection, templates: Path | None = None) -> dict[str, Any]:
    """Return everything besides the images that a detector's findings depend on.

    For the detector `template`, this includes the data set's folder of `templates`.
    """
    code = {"code": module_digest(modules(name), without=["anonbench.core.boxes"])}
    paths = settings.paths([name])
    if name == DetectorName.TEMPLATE and templates is not None:
        paths.append(templates)
    files = [file_digest(file) for path in paths for file in model_files(path)]
    return {
        "settings": settings.part([name]),
        "files": files,
        "code": code | DETECTORS.origin(name),
    }


def modules(name: str) -> list[str]:
    """Modules that compute a detector's findings.

    Code for boxes that they reach is left out of the fingerprint: it does not change findings.
    """
    return [kind_named(name).__module__, "anonbench.detection.text.reading", base.__name__]


def places(folder: Path, shard: int, count: int) -> list[Path]:
    """Paths of a shard's cached findings, then of earlier ones that its images may be in.

    A data set that has grown (or shrunk) has twice (or half) as many shards, see
    `anonbench.core.sharding`. The paths are prefixes: `.<detector>.parquet` is added.
    """
    found = [(shard, count), (shard, 2 * count), (shard + count, 2 * count)]
    if count > 1:
        found.append((shard % (count // 2), count // 2))
    return [folder / f"{number}-of-{of}" for number, of in found]
