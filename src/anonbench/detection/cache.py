"""Cached findings of a detector: what they depend on, and where they lie.

A detector searches only images that are new to it. There is a file for each detector of a shard.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from anonbench.config.detectors import Detection, DetectorName
from anonbench.core.jobs.fingerprint import module_digest
from anonbench.core.model_files import model_files
from anonbench.core.provenance import file_digest
from anonbench.core.registries.detectors import DETECTORS
from anonbench.detection.kinds import kind_named


def made_by(name: str, settings: Detection, templates: Path | None = None) -> dict[str, Any]:
    """Return all that a detector's findings depend on but the images.

    The detector `template` has the data set's folder of `templates`.
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
    """Return the modules that a detector's findings come from; boxes are left out of what they
    reach: a region is a region."""
    checked = ["anonbench.detection.text.reading", "anonbench.detection.checked"]
    return [kind_named(name).__module__, *checked]


def places(folder: Path, shard: int, count: int) -> list[Path]:
    """Return where a shard's findings are cached, then where earlier ones of its images may be.

    A data set that has grown (or shrunk) has twice (or half) as many shards, see
    `anonbench.core.sharding`. Beginnings of paths: `.<detector>.parquet` is added.
    """
    found = [(shard, count), (shard, 2 * count), (shard + count, 2 * count)]
    if count > 1:
        found.append((shard % (count // 2), count // 2))
    return [folder / f"{number}-of-{of}" for number, of in found]
