"""Doubts about a shard's images (`anonbench.detection.doubts`), and their cache."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pyarrow as pa

from anonbench.config.detectors import DetectorName
from anonbench.core.jobs.fingerprint import module_digest
from anonbench.core.jobs.work_cache import WorkCache
from anonbench.detection import doubts
from anonbench.detection.cache import Finding
from anonbench.detection.search import kinds_of
from anonbench.detection.text.reading import Original

SCHEMA = pa.schema([("digest", pa.string()), ("doubts", pa.string())])


def made_by(findings: Mapping[str, Any]) -> dict[str, Any]:
    """Return everything besides the images that doubts depend on.

    Args:
        findings: the same of each detector's findings.

    """
    return {"findings": findings, "code": module_digest([doubts.__name__])}


class ShardDoubts:
    """Doubts by the digest of an image's file, separated by semicolons.

    They depend on an image and on the findings of all detectors, but not on the user's own boxes
    and corrections, which say nothing of how it was searched. Where those are all that is hidden,
    there are none.
    """

    def __init__(self, cache: WorkCache) -> None:
        self._cache = cache
        self._known: dict[str, str] = {
            row["digest"]: row["doubts"] for row in cache.table().to_pylist()
        }

    def __contains__(self, digest: str) -> bool:
        """Check whether the doubts about an image are known."""
        return digest in self._known

    def about(self, digest: str) -> str:
        """Doubts about an image; empty if it could not be searched."""
        return self._known.get(digest, "")

    def note(self, image: Original, findings: Mapping[str, Finding | None]) -> None:
        """Note the doubts about an image, unless a detector (by name) has no findings in it."""
        found = [finding for finding in findings.values() if finding is not None]
        if image.digest in self or len(found) < len(findings):
            return
        regions = [region for finding in found for region in finding.regions]
        is_searched = list(findings) != [DetectorName.BOXES]
        kinds = kinds_of(list(findings))
        said = doubts.doubts_of(image.pixels, regions, kinds) if is_searched else []
        self._known[image.digest] = "; ".join(said)
        row = {"digest": image.digest, "doubts": self._known[image.digest]}
        self._cache.add(pa.Table.from_pylist([row], SCHEMA))
