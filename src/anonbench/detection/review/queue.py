"""Images for a person to review, among them a random sample, and its estimate of misses."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from anonbench.core.boxes import Region
from anonbench.core.errors import InputError
from anonbench.core.io import write_csv
from anonbench.core.jobs.checksums import verify
from anonbench.core.numeric.clusters import Rate, clustered_rate
from anonbench.core.numeric.seeding import hash_int, hash_ints
from anonbench.core.wording import count
from anonbench.datasets.image_sets.neutral_names import Names
from anonbench.detection.gather import read_outcomes
from anonbench.detection.quality import COVERAGES, Size, hidden_shares, outlines
from anonbench.detection.review.changes import key_of


class Misses(NamedTuple):
    """Regions that detection left visible in one image, by a person's marks."""

    regions: int  # marked regions
    missed: int  # regions of which the found ones cover less than half
    partly: int  # regions of which the found ones cover half or more, but less than 90 %


@dataclass(frozen=True)
class Estimate:
    """Misses of the detectors, from a random sample."""

    images: Rate  # share of images with a miss
    regions: Rate  # share of regions that are missed
    missed_images: int
    missed_regions: int
    partly: int
    unseen: int  # number of images that nobody reviewed
    confidence: float

    @property
    def unseen_with_miss(self) -> int | None:
        """Upper bound of images with a miss among those not reviewed; None if unknown."""
        high = self.images.high
        return None if np.isnan(high) else int(np.ceil(high * self.unseen - 1e-9))


_TELLING = 0.5  # highest upper end of a share, without a miss, that is worth telling


def draw_sample(ids: Sequence[str], seed: int, size: int) -> list[str]:
    """`size` ids in random order; a larger sample begins with a smaller one."""
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
    """Rates of misses in reviewed images, in the order drawn, none skipped.

    Regions are clustered by image. If none was missed, the interval ends at 1 - (1 - confidence)^(1
    / n), which is about 3 / n at 95 % (Hanley and Lippman-Hand 1983, JAMA 249:1743-1745, the rule
    of three). `unseen` is the number of images that nobody reviewed.
    """

    def rate(hits: np.ndarray, clusters: np.ndarray) -> Rate:
        found = clustered_rate(hits, clusters, confidence)
        if found.value > 0 or np.isnan(found.high):
            return found
        high = 1.0 - (1.0 - confidence) ** (1.0 / found.effective)
        return replace(found, value=0.0, se=0.0, low=0.0, high=high)

    numbers = np.arange(len(looks))
    images = np.array([float(look.missed > 0) for look in looks])
    regions = np.array([float(n < look.missed) for look in looks for n in range(look.regions)])
    return Estimate(
        rate(images, numbers),
        rate(regions, np.repeat(numbers, [look.regions for look in looks])),
        int(images.sum()),
        int(regions.sum()),
        sum(look.partly for look in looks),
        unseen,
        confidence,
    )


def sentences(result: Estimate, drawn: int, skipped: int) -> list[str]:
    """The estimate in words; `skipped` images were reviewed after one that was not."""
    n, level = result.images.n, f"{100 * result.confidence:g} %"
    said = [f"Random sample: {n + skipped:,} of {count(drawn, 'image')} looked at."]
    if skipped:
        said.append(
            f"{n:,} of them count yet: {skipped:,} were looked at before their turn, such as "
            "doubtful ones, and count once those drawn before them were looked at."
        )
    for hits, rate, what in (
        (result.missed_images, result.images, "images show something that was not hidden"),
        (result.missed_regions, result.regions, "marked regions were missed"),
    ):
        if not rate.n:
            continue
        value, low, high = (f"{100 * each:.1f} %" for each in (rate.value, rate.low, rate.high))
        if rate.reason:
            end = "; too few images for an interval."
        elif hits:
            end = f": {value} ({level} interval {low} to {high})."
        elif rate.high > _TELLING:
            end = "; most are in so few images that this says little of others."
        else:
            end = f": at most {high} ({level}, one-sided)."
        said.append(f"{hits:,} of {rate.n:,} {what}{end}")
    if result.partly:
        said.append(f"{count(result.partly, 'region')} more hidden by half to 90 %.")
    if result.unseen and result.unseen_with_miss is not None:
        said.append(
            f"Of {count(result.unseen, 'image')} that nobody looked at, at most "
            f"{result.unseen_with_miss:,} show something that is not hidden."
        )
    return said


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
    """Images to look at, `most` for each reason (`REVIEW_COLUMNS`).

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


@dataclass(frozen=True)
class Entry:
    """One image to review."""

    id: str
    path: str  # relative to the data set's root
    width: int
    height: int
    bytes: int
    digest: str
    status: str  # detection's outcome, see `anonbench.detection.shard.detect_shard`
    reason: str
    why: tuple[str, ...]  # kinds of doubt; empty for an image that is only in the sample
    place: int | None  # position in the random sample, from 0 on; None if it is not in the sample


def entries(
    manifest: pd.DataFrame, outcomes: pd.DataFrame, boxes: Path, listed: int, drawn: Sequence[str]
) -> list[Entry]:
    """Doubtful images, the sample, then the least certain ones from each list in turn.

    None comes twice. The sample (`drawn`) comes early: it is what gives an estimate.
    """
    scores = pd.read_parquet(boxes, columns=["id", "score"])
    doubts = least_certain(manifest, outcomes, scores, listed)
    doubts = doubts.assign(rank=doubts.groupby("why").cumcount())
    doubts = doubts.sort_values("rank", kind="stable")
    first = doubts["why"] == DOUBTFUL
    doubts["why"] = doubts["why"].mask(first, doubts["reason"])
    why = doubts.groupby("id", sort=False)["why"].agg(tuple)
    places = {image_id: place for place, image_id in enumerate(drawn)}
    rows = manifest.merge(outcomes, on="id").set_index("id", drop=False)
    ids = list(dict.fromkeys([*doubts.loc[first, "id"], *drawn, *why.index]))
    names = ("id", "path", "width", "height", "bytes", "digest", "status", "reason")
    return [
        Entry(**{name: row[name] for name in names}, why=why.get(i, ()), place=places.get(i))
        for i, row in zip(ids, rows.loc[ids].to_dict("records"), strict=True)
        if row["status"] != "unreadable"
    ]


def read_detected(folder: Path, target: str) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Manifest and outcomes of detection in the folder of a data set's results.

    InputError where they are missing, damaged, of an earlier version, or of different images;
    `target` is the command that makes them.
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
    return listed, outcomes


def digest_of(found: list[Region]) -> str:
    """Digest of found regions: entities and boxes, in any order."""
    keys = sorted({key_of(region) for region in found})
    return hashlib.sha256(repr(keys).encode()).hexdigest()
