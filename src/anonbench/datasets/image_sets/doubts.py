"""Images that may show what should be hidden: counts of those left out and those published.

No region was found in them, a detector failed on them, or they are doubtful
(`anonbench.detection.doubts`). The counts are shown on the terminal, in the report and in
`audit.csv`.
"""

import csv
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from anonbench.core.wording import count

_WARNINGS = {  # kind: which of the `Doubts`, and the text
    "unhidden": (
        "used_without_regions",
        "PUBLISHED UNHIDDEN: {images} without a region {are} in every image set as in the "
        "original (keep_without_regions)",
    ),
    "partly": (
        "used_failed",
        "PUBLISHED PARTLY HIDDEN: {images} on which a detector failed {are} in every image set; "
        "what it would have found is visible (keep_failed)",
    ),
    "doubtful": (
        "used_doubtful",
        "DOUBTFUL: {images} to look at, as the detectors were not sure or were never measured on "
        "such images (`anonbench review` shows them first)",
    ),
}


@dataclass(frozen=True)
class Doubts:
    """Counts of one data set, both splits together."""

    without_regions: int = 0  # images in which nothing was found, left out
    failed: int = 0  # images on which a detector failed, left out
    used_without_regions: int = 0  # images in which nothing was found, published as they are
    used_failed: int = 0  # images on which a detector failed, with the regions that others found
    used_doubtful: int = 0  # published images that a person should look at

    def __bool__(self) -> bool:
        """True if there is any doubt."""
        return self != Doubts()

    def published_counts(self) -> dict[str, int]:
        """Number of images that are published in doubt, by kind, of kinds that occur."""
        counts = {kind: getattr(self, field) for kind, (field, _) in _WARNINGS.items()}
        return {kind: number for kind, number in counts.items() if number}

    def summary(self) -> str:
        """Return all of it as one line, empty if there is no doubt."""
        parts = [
            _WARNINGS[kind][1].format(images=count(number, "image"), are=_are(number))
            for kind, number in self.published_counts().items()
        ]
        left = []
        if self.without_regions:
            left.append(f"{count(self.without_regions, 'image')} without a region")
        if self.failed:
            images = f"{self.failed:,}" if left else count(self.failed, "image")
            left.append(f"{images} with a failed detector")
        if left:
            are = _are(self.without_regions + self.failed)
            parts.append(f"{' and '.join(left)} {are} left out")
        return "; ".join(parts)


def _rows(counts: Path) -> list[dict[str, str]]:
    # pandas would slow down each start of the workflow
    with counts.open(encoding="utf-8", newline="") as lines:
        return list(csv.DictReader(lines))


def images_by_split(counts: Path, column: str = "used") -> dict[str, int]:
    """Number of images by split, one of `anonbench.detection.gather.COUNTS`."""
    return {row["split"]: int(row[column]) for row in _rows(counts)}


def doubts_in_counts(counts: Sequence[Mapping[Any, Any]]) -> Doubts:
    """Doubts of a data set, from its images by split (`anonbench.detection.gather.COUNTS`)."""
    if not counts:
        raise ValueError("no counts")
    total = {each.name: sum(int(row[each.name]) for row in counts) for each in fields(Doubts)}
    total["without_regions"] -= total["used_without_regions"]
    return Doubts(**total)


def doubts_of_run(results: Path, datasets: Iterable[str]) -> list[str]:
    """Return a line for each data set with doubts; for the end of a run."""
    lines = []
    for name in datasets:
        counts = results / name / "counts.csv"
        try:
            text = doubts_in_counts(_rows(counts)).summary()
        except FileNotFoundError:  # not made yet
            continue
        except (OSError, ValueError, KeyError, TypeError):
            text = f"{counts} cannot be read: what is published in doubt is not known"
        if text:
            lines.append(f"{name}: {text}")
    return lines


def _are(number: int) -> str:
    return "is" if number == 1 else "are"
