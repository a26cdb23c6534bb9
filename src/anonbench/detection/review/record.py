"""Record of a person's review: a CSV beside the corrections, without times."""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields
from pathlib import Path

import pandas as pd

from anonbench.core.errors import InputError
from anonbench.core.io import write_csv
from anonbench.detection.review.estimate import Misses


@dataclass(frozen=True)
class Look:
    """Decision about one image."""

    id: str
    digest: str
    """SHA-256 of the image's file."""
    found: str
    """Digest of the findings: the decision is valid while detectors find the same."""
    regions: int
    missed: int
    partly: int
    removed: int
    """Found regions that show nothing to hide, or were replaced."""

    @property
    def misses(self) -> Misses:
        """Counts for the estimate of misses."""
        return Misses(self.regions, self.missed, self.partly)


_COLUMNS = [field.name for field in fields(Look)]
_TEXTS = _COLUMNS[:3]


class Record:
    """All looks, by image; each is in the file before `add` returns."""

    def __init__(self, path: Path) -> None:
        """Read the record, if there is one.

        Raises:
            InputError: it is damaged.

        """
        self.path = path
        self.looks: dict[str, Look] = {}
        if path.exists():
            self.looks = {look.id: look for look in _read(path)}

    @classmethod
    def beside(cls, corrections: Path) -> Record:
        """Read the record that belongs to a corrections file."""
        return cls(corrections.with_suffix(".review.csv"))

    def is_looked_at(self, image_id: str, digest: str, found: str) -> bool:
        """Whether a person reviewed this version of the image with these findings."""
        look = self.looks.get(image_id)
        return look is not None and (look.digest, look.found) == (digest, found)

    def add(self, look: Look) -> None:
        """Write one more decision, or replace the image's earlier one."""
        looks = self.looks | {look.id: look}
        rows = [asdict(looks[name]) for name in sorted(looks)]
        write_csv(pd.DataFrame(rows, columns=_COLUMNS), self.path)
        self.looks = looks


def _read(path: Path) -> list[Look]:
    types: dict[str, type] = {name: str if name in _TEXTS else int for name in _COLUMNS}
    try:
        table = pd.read_csv(path, dtype=types, keep_default_na=False)[_COLUMNS]
    except (OSError, ValueError, LookupError) as error:
        raise InputError(
            f"{path} is no record of a review ({type(error).__name__}): correct it, or move it "
            "away and look at the images again"
        ) from None
    return [Look(*row) for row in table.itertuples(index=False, name=None)]
