"""Images for a person to review, among them a random sample, and its estimate of misses."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd

from anonbench.core.boxes import BOX_COLUMNS, Region, image_regions
from anonbench.core.errors import InputError
from anonbench.core.io import write_csv
from anonbench.core.jobs.checksums import verify
from anonbench.core.numeric.clusters import Rate, clustered_rate
from anonbench.core.numeric.seeding import hash_int, hash_ints
from anonbench.core.wording import count
from anonbench.datasets.annotations.read import Correction, read_stored_corrections
from anonbench.datasets.image_sets.neutral_names import Names
from anonbench.detection.gather import read_outcomes
from anonbench.detection.quality import COVERAGES, Size, hidden_shares, outlines
from anonbench.detection.review.changes import found_without, key_of


@dataclass(frozen=True)
class Misses:
    """Regions that detection left visible in one image, by a person's marks."""

    regions: int
    """Marked regions."""
    missed: int
    """Regions of which the found ones cover less than half."""
    partly: int
    """Regions of which the found ones cover half or more, but less than 90 %."""


@dataclass(frozen=True)
class Estimate:
    """Misses of the detectors, from a random sample."""

    images: Rate
    """Share of images with a miss."""
    regions: Rate
    """Share of regions that are missed."""
    missed_images: int
    missed_regions: int
    partly: int
    unseen: int
    """Number of images that nobody reviewed."""
    confidence: float

    @property
    def unseen_with_miss(self) -> int | None:
        """Upper bound of images with a miss among those not reviewed; None if unknown."""
        high = self.images.high
        return None if np.isnan(high) else int(np.ceil(high * self.unseen - 1e-9))


def draw_sample(ids: Sequence[str], seed: int, size: int) -> list[str]:
    """Return `size` ids in random order; a larger sample begins with a smaller one."""
    order = np.argsort(hash_ints((seed, "review sample"), ids), kind="stable")
    return [ids[place] for place in order[:size]]


def count_misses(found: Sequence[Region], wanted: Sequence[Region], size: Size) -> Misses:
    """Coverage of a person's regions by the found ones, whatever their entity."""
    true = outlines(wanted, size)
    shares = hidden_shares(true, outlines(found, size))
    shares = shares[~np.isnan(shares)]
    half, most = COVERAGES
    partly = int(((shares >= half) & (shares < most)).sum())
    return Misses(len(shares), int((shares < half).sum()), partly)


def estimate(looks: Sequence[Misses], unseen: int, confidence: float) -> Estimate:
    """Return the rates of misses in reviewed images, in the order drawn, none skipped.

    Regions are clustered by image. If none was missed, the interval ends at 1 - (1 - confidence)^(1
    / n), which is about 3 / n at 95 % (Hanley and Lippman-Hand 1983, JAMA 249:1743-1745, the rule
    of three). `unseen` is the number of images that nobody reviewed.
    """
    images = np.array([float(look.missed > 0) for look in looks])
    regions = np.concatenate(
        [np.zeros(0), *(np.arange(look.regions) < look.missed for look in looks)]
    ).astype(float)
    owners = np.repeat(np.arange(len(looks)), [look.regions for look in looks])
    return Estimate(
        _rate(images, np.arange(len(images)), confidence),
        _rate(regions, owners, confidence),
        int(images.sum()),
        int(regions.sum()),
        sum(look.partly for look in looks),
        unseen,
        confidence,
    )


def _rate(hits: np.ndarray, clusters: np.ndarray, confidence: float) -> Rate:
    rate = clustered_rate(hits, clusters, confidence)
    if rate.value > 0 or np.isnan(rate.high):
        return rate
    high = 1.0 - (1.0 - confidence) ** (1.0 / rate.effective)
    return replace(rate, value=0.0, se=0.0, low=0.0, high=high)


def sentences(result: Estimate, drawn: int, skipped: int) -> list[str]:
    """Return the estimate in words; `skipped` images were reviewed after one that was not."""
    n = result.images.n
    said = [f"Random sample: {n + skipped:,} of {count(drawn, 'image')} looked at."]
    if skipped:
        said.append(
            f"{n:,} of them count yet: {skipped:,} were looked at before their turn, such as "
            "doubtful ones, and count once those drawn before them were looked at."
        )
    if not n:
        return said
    said.append(_told("images", "show something that was not hidden", result.images, result))
    if result.regions.n:
        said.append(_told("marked regions", "were missed", result.regions, result))
    if result.partly:
        said.append(f"{count(result.partly, 'region')} more hidden by half to 90 %.")
    if result.unseen and result.unseen_with_miss is not None:
        said.append(
            f"Of {count(result.unseen, 'image')} that nobody looked at, at most "
            f"{result.unseen_with_miss:,} show something that is not hidden."
        )
    return said


def _told(what: str, verb: str, rate: Rate, result: Estimate) -> str:
    hits = result.missed_images if what == "images" else result.missed_regions
    text = f"{hits:,} of {rate.n:,} {what} {verb}"
    level = f"{100 * result.confidence:g} %"
    if rate.reason:
        return f"{text}; too few images for an interval."
    if not hits:
        return f"{text}: at most {_percent(rate.high)} ({level}, one-sided)."
    low, high = _percent(rate.low), _percent(rate.high)
    return f"{text}: {_percent(rate.value)} ({level} interval {low} to {high})."


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %"


def review_dataset(
    manifest: Path, boxes: Path, images: Sequence[Path], most: int, output: Path
) -> None:
    """List the images to look at, see `least_certain`, with their neutral numbers."""
    listed = pd.read_parquet(manifest, columns=["id", "path", "split"])
    scores = pd.read_parquet(boxes, columns=["id", "score"])
    table = least_certain(listed, read_outcomes(images), scores, most)
    table.insert(1, "number", Names.of(manifest).images(table["id"], manifest))
    write_csv(table, output)


REVIEW_COLUMNS = ["why", "id", "split", "path", "regions", "score", "reason"]
DOUBTFUL = "doubtful"


def least_certain(
    manifest: pd.DataFrame, images: pd.DataFrame, boxes: pd.DataFrame, most: int
) -> pd.DataFrame:
    """Return the images to look at, `most` for each reason (`REVIEW_COLUMNS`).

    "failed": an image that could not be read, or that a detector failed on, with its reason.
    "doubtful": for one or several of the reasons of `anonbench.detection.doubts`. "empty": nothing
    was found. "lowest score": its weakest region has one of the lowest scores (`score`).
    """
    table = manifest[["id", "path", "split"]].merge(images, on="id", validate="one_to_one")
    table = table.merge(boxes.groupby("id")["score"].min().reset_index(), on="id", how="left")
    doubtful = _shuffled(table[table["doubts"] != ""]).assign(reason=lambda rows: rows["doubts"])
    lists = {
        "failed": table[~table["status"].isin(["ok", "empty"])].sort_values("id"),
        DOUBTFUL: doubtful.sort_values(
            "reason", key=lambda why: -why.str.count(";"), kind="stable"
        ),
        "empty": _shuffled(table[table["status"] == "empty"]),
        "lowest score": table[table["regions"] > 0].sort_values(["score", "id"]),
    }
    parts = [part.head(most).assign(why=why) for why, part in lists.items() if len(part)]
    filled = pd.concat(parts) if parts else pd.DataFrame(columns=REVIEW_COLUMNS)
    return filled[REVIEW_COLUMNS].reset_index(drop=True)


def _shuffled(rows: pd.DataFrame) -> pd.DataFrame:
    """Order by a hash, so that the first ones are spread over folders and classes."""
    keys = [hash_int("review", image_id) for image_id in rows["id"]]
    return rows.iloc[np.argsort(np.array(keys, dtype=np.uint64), kind="stable")]


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
    """Read the results of detection below a data set's results.

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
