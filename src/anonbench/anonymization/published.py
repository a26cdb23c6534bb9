"""The audit file of a data set: what is published in each variant, and what is in doubt."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from anonbench.core.errors import InputError
from anonbench.core.io import read_csv, read_json, write_csv
from anonbench.datasets.image_sets.doubts import Doubts, doubts_in_counts
from anonbench.detection.gather import COUNTS

AUDITED = ("images", "regions", "outside_image", "hidden_pixels", "failed")
"""What the audit of each shard counts (`<shard>.audit.json`)."""
COLUMNS = [
    *("split", "variant", *AUDITED[:-1], "failed_audits"),
    *(column if column != "failed" else "failed_detector" for column in COUNTS[1:]),
    "left_out_duplicates",
]
"""A row a split and variant. `images`, `regions` (to be hidden at this degree), `outside_image`
(those of them that have no pixel in their image, where nothing is hidden), `hidden_pixels` and
`failed_audits` are of the variant as it was written; the next are those of `COUNTS`, the same for
all variants of a split."""


def gather_audit(
    counts: Path,
    duplicates: Path | None,
    shards: Sequence[tuple[str, str, Sequence[Path]]],
    output: Path,
) -> None:
    """Write what each variant publishes beside what was found doubtful (`COLUMNS`).

    `counts` are images by split (`anonbench.detection.gather.COUNTS`); `duplicates` equal images,
    columns split and kept, None where they are not looked for; `shards` split, variant, and what
    was audited of its shards. InputError where an image set has other images than detection left.
    """
    by_split = read_csv(counts, COUNTS).set_index("split")
    twice: Mapping[Any, int] = {}
    if duplicates is not None:
        kept = pd.read_csv(duplicates, dtype={"split": str, "kept": bool})
        twice = kept.loc[~kept["kept"], "split"].value_counts().to_dict()
    rows = []
    for split, variant, files in shards:
        found = [read_json(file) for file in files]
        total = {name: sum(int(each[name]) for each in found) for name in AUDITED}
        known = {name: int(by_split[name][split]) for name in COUNTS[1:]}
        if total["images"] != known["used"]:
            raise InputError(
                f"{counts.parent.name}: {variant}, split {split!r}, has {total['images']} images, "
                f"but detection left {known['used']}: delete its folder in images/ and run again"
            )
        rows.append(
            {"split": split, "variant": variant, "failed_audits": total.pop("failed")}
            | {"failed_detector": known.pop("failed")}
            | known
            | total
            | {"left_out_duplicates": twice.get(split, 0)}
        )
    write_csv(pd.DataFrame(rows, columns=COLUMNS), output)


def read_doubts(audit: Path) -> Doubts:
    """Return the doubts of a data set as its audit file counts them.

    Raises:
        InputError: a column is missing, as in results of an earlier version.
    """
    table = read_csv(audit, COLUMNS)
    counts = table.drop_duplicates("split").rename(columns={"failed_detector": "failed"})
    return doubts_in_counts(counts[COUNTS].to_dict("records"))
