"""Findings of detectors in images, doubts about them, and their caches.

A detector searches only images that are new to it. Each shard has a file for each detector.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pyarrow as pa

from anonbench.config.detectors import Detection
from anonbench.core.boxes import Region
from anonbench.core.jobs.fingerprint import module_digest
from anonbench.core.provenance import file_digest, model_files
from anonbench.core.registries.detectors import DETECTORS
from anonbench.core.vocabulary import Entity
from anonbench.detection import base, doubts
from anonbench.detection.kinds import kind_named

_REGION = pa.struct(
    [("entity", pa.string()), ("quad", pa.list_(pa.float64()))]
    + [(name, pa.float64()) for name in ("x0", "y0", "x1", "y1", "score")]
)
SCHEMA = pa.schema([("digest", pa.string()), ("regions", pa.list_(_REGION))])
DOUBT_SCHEMA = pa.schema([("digest", pa.string()), ("doubts", pa.string())])
"""Columns of findings, and of doubts; the digest is that of the image's file."""


def as_table(findings: Mapping[str, Sequence[Region]]) -> pa.Table:
    """Findings by digest as rows of the cache."""
    columns = {"digest": [*findings], "regions": [[*map(asdict, e)] for e in findings.values()]}
    return pa.table(columns, SCHEMA)


def as_findings(table: pa.Table) -> dict[str, list[Region]]:
    """Findings in rows of the cache, by digest."""

    def region(entity: str, quad: Sequence[float] | None, **numbers: float) -> Region:
        return Region(Entity(entity), **numbers, quad=quad and tuple(quad))  # type: ignore[arg-type]

    return {row["digest"]: [region(**each) for each in row["regions"]] for row in table.to_pylist()}


def made_by(
    name: str, settings: Detection, templates: Path | None = None, lines: bool = False
) -> dict[str, Any]:
    """All that a detector's findings depend on besides the images.

    With `lines`, it gets lines of text (`search.share_lines`). CenterFace finds more among them,
    and another package's detector may.
    """
    code = {"code": module_digest(modules(name), without=["anonbench.core.boxes"])}
    own = model_files(templates) if name == "template" and templates is not None else []
    origin = DETECTORS.origin(name)
    uses_lines = name == "centerface" or bool(origin)
    return {
        "settings": settings.part([name]),
        "files": [file_digest(file) for file in [*settings.files([name]), *own]],
        "code": code | origin,
        **({"lines": made_by("ppocr", settings)} if lines and uses_lines else {}),
    }


def modules(name: str) -> list[str]:
    """Modules that compute a detector's findings."""
    return [kind_named(name).__module__, "anonbench.detection.reading", base.__name__]


def places(folder: Path, shard: int, count: int) -> list[Path]:
    """Paths of a shard's cached findings, then of others that its images may be in.

    A data set that has grown (or shrunk) has twice (or half) as many shards, see
    `anonbench.core.numeric.seeding`. Data sets of the same images, which differ in their systems,
    have equal shards. The paths are prefixes: `.<detector>.parquet` is added.

    Args:
        folder: `<data set>/detect/<split>/kept` in the folder of results.
        shard: number of the shard.
        count: number of shards.
    """
    found = [(shard, count), (shard, 2 * count), (shard + count, 2 * count)]
    if count > 1:
        found.append((shard % (count // 2), count // 2))
    detect, split, kept = folder.parts[-3:]
    others = sorted(folder.parents[3].glob(f"*/{detect}/{split}/{kept}/"))
    alike = [other / f"{shard}-of-{count}" for other in others if other != folder]
    return [folder / f"{number}-of-{of}" for number, of in found] + alike


def doubts_made_by(findings: Mapping[str, Any]) -> dict[str, Any]:
    """All that doubts depend on besides the images: the same of each detector's findings."""
    return {"findings": findings, "code": module_digest([doubts.__name__])}
