"""Cache of detections, by detector and image: only images that are new to a detector are searched.

A job that was killed goes on where it was. A file for each detector of a shard.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa

from anonbench.config.detectors import Detection, DetectorName
from anonbench.core.boxes import Region
from anonbench.core.io import files_in
from anonbench.core.jobs.fingerprint import code_identity
from anonbench.core.jobs.work_cache import identity_of, read_table, write_table
from anonbench.core.provenance import file_digest
from anonbench.core.registries.detectors import DETECTORS
from anonbench.core.vocabulary import Entity
from anonbench.detection.kinds import kind_named

FLUSH_SECONDS = 60.0
"""At most so much work is lost with a job that is killed."""

_REGION = pa.struct(
    [("entity", pa.string()), ("quad", pa.list_(pa.float64()))]
    + [(name, pa.float64()) for name in ("x0", "y0", "x1", "y1", "score")]
)
_SCHEMA = pa.schema(
    [("digest", pa.string()), ("accepted", pa.bool_()), ("regions", pa.list_(_REGION))]
)


def made_by(name: str, settings: Detection, templates: Path | None = None) -> dict[str, Any]:
    """Return all that a detector's findings depend on, but for the images.

    Args:
        name: the detector.
        settings: of all detectors.
        templates: the data set's folder of templates, for the detector `template`.

    """
    code = code_identity(
        [kind_named(name).__module__, "anonbench.detection.text.reading"],
        without=["anonbench.core.boxes"],  # a region is a region
    )
    paths = settings.paths([name])
    if name == DetectorName.TEMPLATE and templates is not None:
        paths.append(templates)
    files = [file_digest(file) for path in paths for file in files_in(path)]
    code |= DETECTORS.origin(name)
    return {"settings": settings.part([name]), "files": files, "code": code}


class Finding(NamedTuple):
    """What one detector found in one image."""

    regions: Sequence[Region]
    accepted: bool = False
    """Whether the detector `template` knows the image: it may then stand for all detectors."""


def places(folder: Path, shard: int, count: int) -> list[Path]:
    """Return where a shard's findings are kept, then where its images' may be from before.

    A data set that has grown (or shrunk) has twice (or half) as many shards, see
    `anonbench.core.sharding`. Beginnings of paths: `.<detector>.parquet` is added.
    """
    found = [(shard, count), (shard, 2 * count), (shard + count, 2 * count)]
    if count > 1:
        found.append((shard % (count // 2), count // 2))
    return [folder / f"{number}-of-{of}" for number, of in found]


class DetectionCache:
    """One detector's findings by the digest of the image's file, in memory and in a file.

    As a context: what was added is in the file at the end of the block, however it ends.
    """

    def __init__(
        self,
        file: Path | None,
        identity: Mapping[str, Any],
        wanted: Collection[str],
        others: Sequence[Path] = (),
    ) -> None:
        """Read what there is of these images.

        Args:
            file: to read and to write (Parquet); made where it is missing. None: kept nowhere.
            identity: all that a finding depends on but the image, as JSON; findings of another
                one are not used.
            wanted: the digests of the shard's images; others are dropped.
            others: files to look into for what is missing in `file`; never written.

        """
        self._file = file
        self._identity = identity_of(identity)
        self._wanted = set(wanted)
        self.findings = self._read(file) if file else {}
        known = len(self.findings)
        for other in others:
            if self._wanted - self.findings.keys():
                self.findings = self._read(other) | self.findings
        self._changed = len(self.findings) > known
        self._flushed = time.monotonic()

    def __enter__(self) -> DetectionCache:
        return self

    def __exit__(self, *_: object) -> None:
        self.flush()

    def add(self, digest: str, finding: Finding) -> None:
        """Keep a finding, and write the file where the last time is `FLUSH_SECONDS` ago."""
        self.findings[digest] = finding
        self._changed = True
        if time.monotonic() - self._flushed >= FLUSH_SECONDS:
            self.flush()

    def flush(self) -> None:
        """Write the file where there is something new."""
        if self._changed and self._file:
            rows = [
                {"digest": digest, "accepted": known, "regions": [asdict(each) for each in regions]}
                for digest, (regions, known) in sorted(self.findings.items())
            ]
            write_table(self._file, self._identity, pa.Table.from_pylist(rows, _SCHEMA))
            self._changed = False
        self._flushed = time.monotonic()

    def _read(self, file: Path) -> dict[str, Finding]:
        table = read_table(file, self._identity, _SCHEMA)
        rows = table.to_pylist() if table else []
        return {
            row["digest"]: Finding([_region(each) for each in row["regions"]], row["accepted"])
            for row in rows
            if row["digest"] in self._wanted
        }


def _region(fields: Mapping[str, Any]) -> Region:
    quad = fields["quad"] and tuple(fields["quad"])
    return Region(**{**fields, "entity": Entity(fields["entity"]), "quad": quad})
