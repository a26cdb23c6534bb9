"""The CSV files of a review: corrections (other rows stay unchanged) and its record."""

import hashlib
from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from anonbench.core.errors import InputError
from anonbench.core.io import atomic, write_csv
from anonbench.datasets.annotations.read import Action, Correction, group_by_image, read_corrections
from anonbench.datasets.annotations.rows import BOX, Images, load_texts
from anonbench.detection.review.queue import Misses

COLUMNS = ["id", "action", "entity", *BOX]
PRIVATE = 0o600  # mode of new files: ids are names of files


class CorrectionsFile:
    """A CSV of corrections; the file may be missing until the first one is made."""

    def __init__(self, path: Path, images: Images, twins: dict[str, list[str]]) -> None:
        """Read the file; `twins` are ids of the images of equal bytes, by id.

        Raises:
            InputError: it is no CSV, or a row is wrong; see `read_corrections`.
        """
        if path.is_dir():
            raise InputError(f"{path} is a folder: name the file in it")
        if path.suffix == ".parquet":
            raise InputError(
                f"{path} is Parquet, and a review writes CSV: save it as CSV, name that"
            )
        self.path = path.resolve() if path.is_symlink() else path
        self._images, self._twins = images, twins
        self._read()

    def of(self, image_id: str) -> list[Correction]:
        """An image's corrections, with the additions of images of the same bytes."""
        others = [twin for twin in self._twins.get(image_id, ()) if twin != image_id]
        adding = [c for twin in others for c in self._rows.get(twin, ())]
        return self._rows.get(image_id, []) + [c for c in adding if c.action is Action.ADD]

    def refresh(self) -> None:
        """Read the file again if another program wrote it; InputError if it is gone or wrong."""
        if self._digest and not self.path.exists():
            raise InputError(
                f"{self.path} is gone since this review began: put it back, or start the review "
                "again to begin a new one"
            )
        if self._digest != _digest(self.path):
            self._read()

    def replace(
        self, image_id: str, dropped: Collection[Correction], new: Sequence[Correction]
    ) -> None:
        """Write the file without some rows and with new ones of an image; whole or not at all.

        Raises:
            InputError: another program has written the file since it was read.
        """
        old = self._texts.drop(index=[int(c.row) - 1 for c in dropped])
        owned = {int(c.row) - 1: name for name, own in self._rows.items() for c in own}
        owners = [owned.get(place, "") for place in old.index] + [image_id] * len(new)
        added = pd.DataFrame([_cells(image_id, c) for c in new], columns=COLUMNS, dtype=str)
        columns = [*([] if "id" in old else ["id"]), *old.columns]
        rows = pd.concat([old, added], ignore_index=True).reindex(columns=columns).fillna("")
        rows = rows.iloc[_order(rows, owners)]
        mode = self.path.stat().st_mode if self.path.exists() else PRIVATE
        with atomic(self.path) as temporary:
            rows.to_csv(temporary, index=False, lineterminator="\n")
            read_corrections(temporary, self._images, lenient=True)  # as a later run will read it
            if _digest(self.path) != self._digest:
                raise InputError(
                    f"{self.path} was changed by another program; nothing was written: load the "
                    "image again"
                )
        self.path.chmod(mode)
        self._read()

    def _read(self) -> None:
        digest, rows = _digest(self.path), dict[str, list[Correction]]()
        texts, unmatched = pd.DataFrame(columns=COLUMNS, dtype=str), 0
        if self.path.exists():
            texts = load_texts(self.path)
            found = read_corrections(self.path, self._images, lenient=True)
            unmatched, rows = found.unmatched, group_by_image(found.rows)
        # set last: a file that cannot be read is refused again, and not taken as empty
        self._digest, self._texts, self._rows, self.is_empty = digest, texts, rows, texts.empty
        self.unmatched = unmatched
        """Rows that match no image; they stay in the file."""


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest() if path.exists() else ""


def _cells(image_id: str, correction: Correction) -> list[str]:
    """A row as text, with the shortest numbers that are equal in float32."""
    region = correction.region
    box = [] if region is None else [region.x0, region.y0, region.x1, region.y1]
    numbers = [np.format_float_positional(np.float32(value), trim="-") for value in box]
    return [image_id, str(correction.action), str(correction.entity), *(numbers or [""] * 4)]


def _order(rows: pd.DataFrame, owners: Sequence[str]) -> np.ndarray:
    """Places of rows by image, action, entity, top and left."""
    numbers = rows[["y0", "x0", "y1", "x1"]].apply(pd.to_numeric, errors="coerce")
    texts = rows[["action", "entity"]].apply(lambda column: column.str.strip().str.lower())
    owner = pd.Series(owners, rows.index, dtype=str)
    for column in (name for name in ("id", "path") if name in rows):
        owner = owner.where(owner != "", rows[column])
    keys = pd.concat([owner.rename("owner"), texts, numbers], axis=1)
    return np.asarray(keys.sort_values([*keys], na_position="first").index)


@dataclass(frozen=True)
class Look:
    """Decision about one image."""

    id: str
    digest: str  # SHA-256 of the image's file
    found: str  # of the findings: the decision is valid while detectors find the same
    regions: int
    missed: int
    partly: int
    removed: int  # found regions that show nothing to hide, or were replaced

    @property
    def misses(self) -> Misses:
        """Counts for the estimate of misses."""
        return Misses(self.regions, self.missed, self.partly)


_TYPES: dict[str, type] = dict.fromkeys(("id", "digest", "found"), str)
_TYPES |= dict.fromkeys(("regions", "missed", "partly", "removed"), int)


class Record:
    """All looks, by image; each is in the file before `add` returns."""

    def __init__(self, corrections: Path) -> None:
        """Read the record that is beside a corrections file."""
        self.path, self.looks = corrections.with_suffix(".review.csv"), dict[str, Look]()
        if self.path.exists():
            try:
                table = pd.read_csv(self.path, dtype=_TYPES, keep_default_na=False)[[*_TYPES]]
            except (OSError, ValueError, LookupError) as error:
                raise InputError(
                    f"{self.path} is no record of a review ({type(error).__name__}): correct it, "
                    "or move it away and look at the images again"
                ) from None
            self.looks = {row[0]: Look(*row) for row in table.itertuples(index=False, name=None)}

    def is_looked_at(self, image_id: str, digest: str, found: str) -> bool:
        """Whether a person reviewed this version of the image with these findings."""
        look = self.looks.get(image_id)
        return look is not None and (look.digest, look.found) == (digest, found)

    def add(self, look: Look) -> None:
        """Write one more decision, or replace the image's earlier one."""
        looks = self.looks | {look.id: look}
        rows = [asdict(looks[name]) for name in sorted(looks)]
        write_csv(pd.DataFrame(rows, columns=[*_TYPES]), self.path)
        self.path.chmod(PRIVATE)
        self.looks = looks
