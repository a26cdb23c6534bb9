"""Images for a person to review: the least certain ones, and a random sample."""

from __future__ import annotations

import hashlib
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from anonbench.core.boxes import BOX_COLUMNS, Region, image_regions
from anonbench.core.errors import InputError
from anonbench.core.jobs.checksums import verify
from anonbench.datasets.annotations import Correction, read_stored_corrections
from anonbench.detection.quality.jobs import read_outcomes
from anonbench.detection.quality.review import DOUBTFUL, least_certain
from anonbench.detection.review.changes import found_without, key_of
from anonbench.detection.review.estimate import draw_sample

UNREADABLE = "unreadable"
_SEARCHED = ["ok", "partial", "empty"]


@dataclass(frozen=True)
class Entry:
    """One image to review."""

    id: str
    path: str
    """Relative to the data set's root."""
    width: int
    height: int
    bytes: int
    digest: str
    status: str
    """Detection's outcome, see `anonbench.detection.shard.detect_shard`."""
    reason: str
    why: tuple[str, ...]
    """Kinds of doubt; empty for an image that is only in the sample."""
    place: int | None
    """Position in the random sample, from 0 on; None if it is not in the sample."""


@dataclass(frozen=True)
class Detected:
    """Results of detection for a data set."""

    manifest: pd.DataFrame
    outcomes: pd.DataFrame
    boxes: Path
    corrections: Path | None
    """Those that it applied, by image."""

    @property
    def searched(self) -> list[str]:
        """Ids of the images that all or some detectors searched."""
        outcomes = self.outcomes
        return sorted(outcomes.loc[outcomes["status"].isin(_SEARCHED), "id"])

    def queue(self, listed: int, sample: int, seed: int) -> list[Entry]:
        """Return doubtful images, the sample, then the least certain ones from each list in turn.

        None comes twice. The sample comes early: it is what gives an estimate.

        Args:
            listed: least certain images of each kind.
            sample: number of images in the sample.
            seed: of the sample.

        """
        scores = pd.read_parquet(self.boxes, columns=["id", "score"])
        doubts = least_certain(self.manifest, self.outcomes, scores, listed)
        doubts = doubts.assign(rank=doubts.groupby("why").cumcount())
        doubts = doubts.sort_values("rank", kind="stable")
        first = doubts.loc[doubts["why"] == DOUBTFUL, "id"]
        doubts.loc[first.index, "why"] = doubts.loc[first.index, "reason"]
        why = doubts.groupby("id", sort=False)["why"].agg(tuple)
        drawn = draw_sample(self.searched, seed, sample)
        places = {image_id: place for place, image_id in enumerate(drawn)}
        rows = self.manifest.merge(self.outcomes, on="id").set_index("id", drop=False)
        kinds: dict[str, tuple[str, ...]] = {str(i): each for i, each in why.items()}
        ids = list(dict.fromkeys([*first, *drawn, *kinds]))
        names = ("id", "path", "width", "height", "bytes", "digest", "status", "reason")
        return [
            Entry(**{name: row[name] for name in names}, why=kinds.get(i, ()), place=places.get(i))
            for i, row in zip(ids, rows.loc[ids].to_dict("records"), strict=True)
            if row["status"] != UNREADABLE
        ]

    def applied(self, ids: Collection[str]) -> dict[str, list[Correction]]:
        """Return the corrections that detection applied to images."""
        return {} if self.corrections is None else read_stored_corrections(self.corrections, ids)

    def found(
        self, ids: Collection[str], applied: dict[str, list[Correction]]
    ) -> dict[str, list[Region]]:
        """Findings of detectors in images, before corrections; see `found_without`.

        Raises:
            InputError: the box table was written with other corrections.

        """
        filters = [("id", "in", set(ids))]
        table = pd.read_parquet(self.boxes, columns=BOX_COLUMNS, filters=filters)
        regions = image_regions(table)
        used = set(self.searched)
        result, absent = {}, 0
        for image_id in ids:
            own = applied.get(image_id, [])
            result[image_id], lost = found_without(regions.get(image_id, []), own)
            absent += lost if image_id in used else 0
        if absent:
            raise InputError(
                f"{self.boxes} lacks {absent} regions of {self.corrections}: detection was not run "
                "to its end since the corrections changed; run it, then review"
            )
        return result


def read_detected(folder: Path, corrected: bool, target: str) -> Detected:
    """Read the results of detection.

    Args:
        folder: the data set's results.
        corrected: whether the config names corrections.
        target: the command that makes it, for messages.

    Raises:
        InputError: they are missing, damaged, of an earlier version, or of other images than the
            manifest.

    """
    manifest, boxes = folder / "manifest.parquet", folder / "boxes.parquet"
    shards = sorted((folder / "detect").glob("*/*.images.parquet"))
    for path in (manifest, boxes, *shards):
        if not path.is_file():
            raise InputError(f"{path} is not there: run {target}")
        verify(path)
    outcomes = read_outcomes(shards) if shards else pd.DataFrame(columns=["id"])
    listed = pd.read_parquet(manifest)
    if set(outcomes["id"]) != set(listed["id"]) or len(outcomes) != len(listed):
        raise InputError(f"{folder / 'detect'} is of other images than {manifest}: run {target}")
    if "doubts" not in outcomes and shards:
        raise InputError(f"{folder / 'detect'} is of an earlier version: run {target}")
    stored = folder / "annotations" / "corrections.parquet"
    return Detected(listed, outcomes, boxes, stored if corrected and stored.is_file() else None)


def digest_of(found: list[Region]) -> str:
    """Return a digest of found regions: entities and boxes, in any order."""
    keys = sorted({key_of(region) for region in found})
    return hashlib.sha256(repr(keys).encode()).hexdigest()
