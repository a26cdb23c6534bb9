"""Table of all regions from the shards' tables, and counts of images before and after."""

import logging
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from anonbench.core.boxes import read_boxes, write_boxes
from anonbench.core.errors import InputError
from anonbench.core.io import write_csv
from anonbench.core.jobs.job import warn_on_terminal
from anonbench.core.vocabulary import Split
from anonbench.core.wording import tally
from anonbench.datasets.image_sets.shards import used_statuses
from anonbench.datasets.walk import COPY
from anonbench.detection.search import more_detectors

log = logging.getLogger(__name__)

COUNTS = [
    *("split", "listed", "unreadable", "failed", "without_regions"),
    *("used", "used_without_regions", "used_failed", "used_doubtful"),
]
"""Columns of the counts of images. `failed`: left out because a detector failed; `without_regions`:
nothing was found. Of the used ones: those in which nothing was found, and those with the regions of
only some detectors or none, because another one failed, and those that a person should look at
(`anonbench.detection.doubts`).
"""
KEPT = " (kept)"  # suffix of the reason of an image that is used although a detector failed on it


def gather_boxes(
    manifest: Path,
    skipped: Path,
    box_shards: Sequence[Path],
    image_shards: Sequence[Path],
    keep_without_regions: bool,
    boxes: Path,
    all_skipped: Path,
    counts: Path,
    entities: Sequence[str] = (),
) -> None:
    """Write all regions, everything that was skipped with its reason, and the counts by split.

    It warns of the `entities` that were looked for and not found in any image.

    Raises:
        InputError: a split has no image left.
    """
    listed = pd.read_parquet(manifest, columns=["id", "path", "split"])
    outcome = read_outcomes(image_shards)
    early = pd.read_csv(skipped, dtype=str, keep_default_na=False)
    late = listed.merge(outcome, on="id", validate="one_to_one")
    table = count_outcomes(early, late, keep_without_regions)
    skips = _skips(early, late, keep_without_regions)
    # without a train split there is no training
    empty = table.loc[(table["used"] == 0) & (table["listed"] > 0), "split"]
    if len(empty):
        why = tally(Counter(skips.loc[skips["split"] == empty.iloc[0], "reason"]))
        raise InputError(
            f"{manifest.parent.name}: no image of the split {empty.iloc[0]!r} is left after "
            f"detection ({why}); lower the detectors' thresholds, see the log where one failed, or "
            f"add others to `detectors` ({more_detectors(())})"
        )
    found = pd.concat([read_boxes(path) for path in box_shards]).sort_values(["id", "order"])
    if missing := [entity for entity in entities if entity not in {*found["entity"].astype(str)}]:
        warn_on_terminal(
            log,
            f"NOTHING FOUND of these kinds: {', '.join(missing)}. If images show them, take other "
            "detectors or thresholds",
        )
    write_boxes(found, boxes)
    write_csv(skips, all_skipped)
    write_csv(table, counts)


def read_outcomes(images: Sequence[Path]) -> pd.DataFrame:
    """The shards' images tables as one."""
    return pd.concat([pd.read_parquet(path) for path in images], ignore_index=True)


def count_outcomes(
    early: pd.DataFrame, late: pd.DataFrame, keep_without_regions: bool
) -> pd.DataFrame:
    """The counts by split, with the columns `COUNTS`.

    Of files that were left out early, copies of val's images in train are not counted:
    duplicates.csv has them. `late` is the manifest with detection's outcome.
    """
    early = early[early["reason"] != COPY]
    rows = []
    for split in Split:
        before = int((early["split"] == split).sum())
        own = late[late["split"] == split]
        of = Counter(own["status"])
        is_used = own["status"].isin(used_statuses(keep_without_regions))
        failed = is_used & (own["reason"] != "")
        unhidden = is_used & (own["status"] == "empty") & ~failed
        doubtful = int((is_used & (own["doubts"] != "")).sum())
        lost = (before + of["unreadable"], of["failed"], of["empty"])
        kept = (*(int(each.sum()) for each in (is_used, unhidden, failed)), doubtful)
        rows.append((str(split), before + len(own), *lost, *kept))
    return pd.DataFrame(rows, columns=COUNTS)


def _skips(early: pd.DataFrame, late: pd.DataFrame, keep_without_regions: bool) -> pd.DataFrame:
    """Path, split and reason of all images that are not used, or used despite a failure."""
    columns, rows = ["path", "split", "reason"], []
    for path, split, reason, status in late[[*columns, "status"]].itertuples(index=False):
        if reason and (status == "partial" or (status == "empty" and keep_without_regions)):
            reason += KEPT
        elif status == "empty" and not keep_without_regions:
            reason = "; ".join(["no region found", *filter(None, [reason])])
        if reason:
            rows.append((path, split, reason))
    everything = pd.concat([early[columns], pd.DataFrame(rows, columns=columns)])
    return everything.sort_values(columns, ignore_index=True)
