"""What detectors found before, kept beside a shard's outputs: only the images that are new to a
detector are searched, and a job that was killed goes on where it was.

A file for each detector of a shard: Parquet and its digest. It is no output of the workflow (which
removes outputs before a job runs again) and may be deleted at any time.
"""

from __future__ import annotations

import hashlib
import json
import logging
import time
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

from anonbench.config.detectors import Detection, DetectorName
from anonbench.core.boxes import Region
from anonbench.core.detectors import DETECTORS
from anonbench.core.io import atomic, files_in, read_sealed, seal
from anonbench.core.jobs.fingerprint import code_identity
from anonbench.core.provenance import file_digest
from anonbench.core.vocabulary import Entity
from anonbench.detection.kinds import kind_named

FLUSH_SECONDS = 60.0
"""At most so much work is lost with a job that is killed."""

log = logging.getLogger(__name__)

_NUMBERS = ("x0", "y0", "x1", "y1", "score")
_CORNERS = tuple(f"q{corner}" for corner in range(8))
_SCHEMA = pa.schema(
    [("digest", pa.string()), ("accepted", pa.bool_()), ("entity", pa.string())]
    + [(name, pa.float64()) for name in (*_NUMBERS, *_CORNERS)]
)
_IDENTITY = b"identity"


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


class Kept:
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
        text = json.dumps(identity, sort_keys=True)
        self._identity = hashlib.sha256(text.encode()).hexdigest().encode()
        self._wanted = set(wanted)
        self.findings = self._read(file) if file else {}
        self._changed = False
        for other in others:
            if self._wanted - self.findings.keys():
                more = self._read(other)
                self._changed = self._changed or bool(more.keys() - self.findings.keys())
                self.findings = more | self.findings
        self._flushed = time.monotonic()

    def __enter__(self) -> Kept:
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
                row
                for digest in sorted(self.findings)
                for row in _rows(digest, self.findings[digest])
            ]
            columns = [list(column) for column in zip(*rows, strict=True)]
            table = pa.table(columns, _SCHEMA.with_metadata({_IDENTITY: self._identity}))
            with atomic(self._file) as temporary:
                pq.write_table(table, temporary, compression="zstd")
                seal(temporary)
            self._changed = False
        self._flushed = time.monotonic()

    def _read(self, file: Path) -> dict[str, Finding]:
        if not file.exists():
            return {}
        try:
            content = pa.BufferReader(read_sealed(file))
            if (pq.read_schema(content).metadata or {}).get(_IDENTITY) != self._identity:
                return {}
            columns = pq.read_table(content, schema=_SCHEMA).to_pydict()
        except (ValueError, pa.ArrowException, OSError) as error:
            log.warning("%s is damaged (%s) and not used", file, type(error).__name__)
            return {}
        return _findings(columns, self._wanted)


def _rows(digest: str, finding: Finding) -> list[tuple[object, ...]]:
    """Return a row a region, or one without a region."""
    empty: tuple[object, ...] = (digest, finding.accepted, None, *[None] * 13)
    return [
        (
            *(digest, finding.accepted, str(region.entity)),
            *(region.x0, region.y0, region.x1, region.y1, region.score),
            *(region.quad or (None,) * 8),
        )
        for region in finding.regions
    ] or [empty]


def _findings(columns: Mapping[str, Sequence[Any]], wanted: Collection[str]) -> dict[str, Finding]:
    regions: dict[str, list[Region]] = {}
    accepted: dict[str, bool] = {}
    boxes = zip(*(columns[name] for name in _NUMBERS), strict=True)
    quads = zip(*(columns[name] for name in _CORNERS), strict=True)
    heads = zip(columns["digest"], columns["accepted"], columns["entity"], strict=True)
    for (digest, known, entity), box, quad in zip(heads, boxes, quads, strict=True):
        if digest not in wanted:
            continue
        accepted[digest] = known
        found = regions.setdefault(digest, [])
        if entity is not None:
            corners = None if quad[0] is None else quad
            found.append(Region(Entity(entity), *box, quad=corners))  # type: ignore[misc]
    return {digest: Finding(regions[digest], accepted[digest]) for digest in regions}
