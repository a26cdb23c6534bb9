"""Images for a person to review: those where detection is least certain.

A list for each kind of doubt, at most so many images each, the most doubtful first.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from anonbench.core.numeric.seeding import hash_int

REVIEW_COLUMNS = ["why", "id", "split", "path", "regions", "score", "reason"]
FAILED = "failed"
DOUBTFUL = "doubtful"
EMPTY = "empty"
LOWEST_SCORE = "lowest score"
FEW = "few regions"
MANY = "many regions"
UNUSUAL = 3.0
"""Deviation from the median number of regions, in robust standard deviations, that is unusual."""


def least_certain(
    manifest: pd.DataFrame, images: pd.DataFrame, boxes: pd.DataFrame, most: int
) -> pd.DataFrame:
    """Return the images to look at, by reason; one image may have several.

    "failed": an image that could not be read, or that a detector failed on, with its reason.
    "doubtful": for one or several of the reasons of `anonbench.detection.doubts`. "empty": nothing
    was found. "lowest score": its weakest region has one of the lowest scores. "few regions", "many
    regions": the square root of their number is `UNUSUAL` robust standard deviations from the
    median of the images with regions.

    Args:
        manifest: id, path, split.
        images: detection's outcome: id, status (ok, empty, or a failure), reason, regions, doubts.
        boxes: the box table.
        most: images of each kind.

    Returns:
        `REVIEW_COLUMNS`; `score` is the weakest region's, NaN where there is none.

    """
    table = manifest[["id", "path", "split"]].merge(images, on="id", validate="one_to_one")
    table = table.merge(boxes.groupby("id")["score"].min().reset_index(), on="id", how="left")
    some = table[table["regions"] > 0]
    deviation = _deviation(some["regions"].to_numpy(float))
    doubtful = _shuffled(table[table["doubts"] != ""]).assign(reason=lambda rows: rows["doubts"])
    lists = {
        FAILED: table[~table["status"].isin(["ok", "empty"])].sort_values("id"),
        DOUBTFUL: doubtful.sort_values(
            "reason", key=lambda why: -why.str.count(";"), kind="stable"
        ),
        EMPTY: _shuffled(table[table["status"] == "empty"]),
        LOWEST_SCORE: some.sort_values(["score", "id"]),
        FEW: some[deviation <= -UNUSUAL].sort_values(["regions", "id"]),
        MANY: some[deviation >= UNUSUAL].sort_values(["regions", "id"], ascending=[False, True]),
    }
    parts = [part.head(most).assign(why=why) for why, part in lists.items() if len(part)]
    filled = pd.concat(parts) if parts else pd.DataFrame(columns=REVIEW_COLUMNS)
    return filled[REVIEW_COLUMNS].reset_index(drop=True)


def _shuffled(rows: pd.DataFrame) -> pd.DataFrame:
    """Order by a hash, so that the first ones are spread over folders and classes."""
    keys = [hash_int("review", image_id) for image_id in rows["id"]]
    return rows.iloc[np.argsort(np.array(keys, dtype=np.uint64), kind="stable")]


def _deviation(counts: np.ndarray) -> np.ndarray:
    """Distance of each count [N] from the median, in robust standard deviations.

    Computed from square roots, whose spread does not grow with the count. If most images have the
    same count, all others are infinitely far: where most have one face, two are unusual.
    """
    if not len(counts):
        return counts
    roots = np.sqrt(counts)
    away = roots - np.median(roots)
    spread = 1.4826 * np.median(np.abs(away))
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(away == 0, 0.0, away / spread)
