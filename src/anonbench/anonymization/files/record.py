"""Record of a run beside its output folder: results of images, and what is left to do.

While a run goes on, outcomes are appended to a journal; at its end they are written as the audit
files, JSON and CSV, in the order of names. A later run starts from both, so that nothing is done
twice. The record names originals: it lies beside the folder that is passed on, not in it, and only
its owner may read it.
"""

from __future__ import annotations

import csv
import hashlib
import json
import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import IO, Any, Literal, NamedTuple

from anonbench.anonymization.geometry import regions_at
from anonbench.core.boxes import Region, box_table, image_regions
from anonbench.core.errors import InputError
from anonbench.core.io import plain_cell
from anonbench.core.vocabulary import Entity
from anonbench.datasets.inputs import journal_of

SEED = 0  # of the draw order, as the config's default
_NUMBERS = ("x0", "y0", "x1", "y1", "score")
Status = Literal["written", "without_regions", "unreadable", "failed", "left_out"]


@dataclass(frozen=True)
class Outcome:
    """What became of one image."""

    name: str
    """Of the image as given."""
    status: Status
    """`without_regions`: nothing was found, and the image is not published; `failed`: a detector,
    the encoder or the audit did; `left_out`: no image by its name, or a name of no use."""
    reason: str = ""
    """Why nothing was written."""
    digest: str = ""
    """SHA-256 of the original; empty where it cannot be read."""
    output: str = ""
    """Name of the file below the output folder; empty where nothing was written."""
    output_digest: str = ""
    """SHA-256 of that file."""
    width: int = 0
    height: int = 0
    """Of the upright image, in pixels; of a PDF's first page."""
    hidden_pixels: int = 0
    """As the audit counted them."""
    converted: str = ""
    """What reading did to a written image (`anonbench.datasets.formats.pixels`)."""
    regions: list[dict[str, Any]] = field(default_factory=list)
    """In draw order: entity, x0, y0, x1, y1, score, hidden, quad of a slanted one, and in a PDF the
    page, from 1."""

    pages: list[list[int]] = field(default_factory=list)
    """Of a PDF: width and height of each page in pixels, and pixels an inch."""
    searched: list[dict[str, Any]] = field(default_factory=list)
    """How the image, or each page of a PDF, was searched: `anonbench.detection.search.Searched`."""

    corrected: str = ""
    """Digest of the corrections that were applied; empty where there are none."""
    found: list[dict[str, Any]] = field(default_factory=list)
    """What detectors found, as `regions`, where there are corrections."""

    made: bool = field(default=False, compare=False)
    """Whether this run wrote the copy; not recorded."""

    @property
    def doubts(self) -> list[str]:
        """Why a person should look at the copy (`anonbench.detection.doubts`)."""
        return sorted({doubt for page in self.searched for doubt in page["doubts"]})

    def without_doubts(self) -> Outcome:
        """The same, as a person has looked at the copy."""
        return replace(self, searched=[page | {"doubts": []} for page in self.searched])

    @property
    def codings(self) -> set[str]:
        """Codings in which pixels depend on hidden ones (`coding_blocks.shared_coding`)."""
        return {page["coding"] for page in self.searched if page.get("coding")}

    @property
    def text_only(self) -> bool:
        """Whether it was searched for faces, too, and there is text only."""
        return bool(self.searched) and all(page["text_only"] for page in self.searched)

    def line(self) -> str:
        """Return the outcome as one line of JSON."""
        recorded = {name: value for name, value in asdict(self).items() if name != "made"}
        return json.dumps(recorded, ensure_ascii=False, sort_keys=True)


def in_draw_order(image_id: str, regions: Sequence[Region]) -> list[Region]:
    """Return an image's regions in the order of a box table: the same draw, the same rounding."""
    table = box_table({image_id: regions}, SEED)
    return image_regions(table, blocks=False).get(image_id, [])


def as_rows(regions: Sequence[Region], degree: int) -> list[dict[str, Any]]:
    """Return regions in draw order as rows of a record."""
    hidden = regions_at(degree, len(regions))
    return [
        {
            "entity": str(region.entity),
            **{name: getattr(region, name) for name in _NUMBERS},
            "hidden": rank < hidden,
            **({"quad": list(region.quad)} if region.quad else {}),
        }
        for rank, region in enumerate(regions)
    ]


def as_region(row: Mapping[str, Any]) -> Region:
    """Region of a row of a record."""
    quad = tuple(row["quad"]) if row.get("quad") else None
    x0, y0, x1, y1, score = (row[name] for name in _NUMBERS)
    return Region(Entity(row["entity"]), x0, y0, x1, y1, score, quad)


_COLUMNS = (
    *("name", "status", "reason", "output", "digest", "output_digest"),
    *("width", "height", "hidden_pixels", "converted"),
)
_START, _END = '"images": [', '], "sha256": "{}"}}'
"""How a record's list of images begins and ends: with the digest of all lines before."""
_STARTED = "started"
_PASSING = re.compile(r"\.\d+\.part|\.anonbench-\d+-.*\.probe", re.DOTALL)
"""Names of files that a run has in the output folder for a moment."""


def audit_file(to: Path) -> Path:
    """Record of an output folder."""
    place = to.resolve()
    return place.with_name(f"{place.name}.audit.json")


def read_audit(file: Path) -> tuple[dict[str, Any], list[Outcome]]:
    """Read what a finished run wrote: all that copies depend on, and what became of each image.

    Raises:
        InputError: there is no such file, or it is damaged.
    """
    if not file.is_file():
        raise InputError(f"{file} is not there: run `anonbench anonymize` to its end first")
    head, outcomes = _lines_of_audit(file)
    found: dict[str, Any] = json.loads(head)
    return found, outcomes


class Record:
    """The record beside one output folder."""

    def __init__(self, to: Path, made_by: Mapping[str, Any]) -> None:
        """Find the record of a folder.

        Args:
            to: the output folder.
            made_by: all that outputs depend on but the images, as plain data.
        """
        place = to.resolve()
        self.json = audit_file(to)
        self.csv = place.with_name(f"{place.name}.audit.csv")
        self.sheet = place.with_name(f"{place.name}.sheet.html")
        self.journal = journal_of(to)
        self._to = to
        self.unfinished = set[str]()
        """Names of the images that a run was at when it was ended: they may have copies."""
        self._head = json.dumps(made_by, ensure_ascii=False, sort_keys=True)

    def read(self) -> dict[str, Outcome]:
        """Outcomes of earlier runs, by name.

        Raises:
            InputError: the folder is not empty and has no record, or one of other settings.
        """
        found: dict[str, Outcome] = {}
        heads = []
        if self.json.is_file():
            head, rows = _lines_of_audit(self.json)
            heads.append(head)
            found |= _outcomes_by_name(rows)
        if (journal := _journal(self.journal)) is not None:
            heads.append(journal.head)
            found |= _outcomes_by_name(journal.outcomes)
        filled = self._to.is_dir() and any(not is_passing(each) for each in self._to.iterdir())
        if filled and not heads:
            raise InputError(
                f"{self._to} is not empty, and {self.json.name} is not beside it: name a new folder"
            )
        if filled and any(head != self._head for head in heads):
            raise InputError(
                f"{self._to} was made from other images, by other settings or another version "
                f"(different: {self._differences(heads)}): name a new folder, or remove it"
            )
        for file in (self.json, self.csv):
            if file.exists() and not (heads and file.is_file()):
                raise InputError(
                    f"{file} is there, and no record of an earlier run: name another folder, or "
                    "move it away"
                )
        if any(head != self._head for head in heads):  # left of a folder that is gone
            return {}
        self.unfinished = journal.unfinished if journal else set()
        return {name: each for name, each in found.items() if name not in self.unfinished}

    def _differences(self, heads: Iterable[str]) -> str:
        now = json.loads(self._head)
        names = set[str]()
        for head in heads:
            try:
                before = json.loads(head)
            except ValueError:
                before = {}
            names |= {name for name in now | before if now.get(name) != before.get(name)}
        return ", ".join(sorted(name.replace("_", " ") for name in names))

    @contextmanager
    def appending(self) -> Iterator[Journal]:
        """Open the journal for what is done from now on; one of other settings is replaced."""
        found = _journal(self.journal)
        if found is None or found.head != self._head:
            self.journal.unlink(missing_ok=True)
        new = not self.journal.exists()
        with _open_private(self.journal, "a") as file:
            # behind a line that was cut short, the next one begins anew
            file.write(f"{self._head}\n" if new else "\n")
            file.flush()
            yield Journal(file)

    def finish(self, outcomes: Iterable[Outcome]) -> None:
        """Write the audit files, and remove the journal."""
        ordered = sorted(outcomes, key=lambda outcome: outcome.name)
        part = self.json.with_name(f".{self.json.name}.part")
        lines = [f"{self._head[:-1]}, {_START}", ",\n".join(each.line() for each in ordered)]
        with _open_private(part, "w") as file:
            file.write("\n".join([*lines, _end_of(lines)]) + "\n")
        part.replace(self.json)
        part = self.csv.with_name(f".{self.csv.name}.part")
        with _open_private(part, "w") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow([*_COLUMNS, "regions", "doubts"])
            for each in ordered:
                values = [plain_cell(getattr(each, column)) for column in _COLUMNS]
                writer.writerow([*values, len(each.regions), "; ".join(each.doubts)])
        part.replace(self.csv)
        self.journal.unlink(missing_ok=True)


class Journal:
    """What a run writes while it goes on; each line is in the file before the next step."""

    def __init__(self, file: IO[str]) -> None:
        self._file = file

    def start(self, name: str) -> None:
        """Note that an image's copy may be there from now on."""
        self._write(json.dumps({_STARTED: name}, ensure_ascii=False))

    def finish(self, outcome: Outcome) -> None:
        """Note what became of an image."""
        self._write(outcome.line())

    def _write(self, line: str) -> None:
        self._file.write(f"{line}\n")
        self._file.flush()


class _Journal(NamedTuple):
    head: str
    outcomes: list[Outcome]
    unfinished: set[str]


def is_passing(path: Path) -> bool:
    """Check whether a file of the output folder is a temporary file of a run."""
    return _PASSING.fullmatch(path.name) is not None and path.is_file() and not path.is_symlink()


def remove_passing(to: Path) -> None:
    """Remove the temporary files that a run left in the output folder."""
    for path in to.glob(".*"):
        if is_passing(path):
            path.unlink()


def _outcomes_by_name(outcomes: Iterable[Outcome]) -> dict[str, Outcome]:
    """Return outcomes by name; what was left out is found anew, and may have an image's name."""
    return {each.name: each for each in outcomes if each.status != "left_out"}


def _lines_of_audit(file: Path) -> tuple[str, list[Outcome]]:
    try:
        *lines, end = file.read_text(encoding="utf-8").removesuffix("\n").split("\n")
        if end != _end_of(lines):
            raise ValueError("cut short, or changed by hand")
        found = [_parsed(line.removesuffix(",")) for line in lines[1:] if line]
    except ValueError:
        raise InputError(
            f"{file} is damaged, was changed by hand, or is of an earlier version: remove it and "
            "the folder that it belongs to, and run again"
        ) from None
    return lines[0].removesuffix(f", {_START}") + "}", found


def _end_of(lines: Sequence[str]) -> str:
    """Return a record's last line."""
    return _END.format(hashlib.sha256("\n".join(lines).encode()).hexdigest())


def _journal(file: Path) -> _Journal | None:
    """Journal of a run that did not finish, or None; its last line may be cut short."""
    if not file.is_file():
        return None
    head, *lines = file.read_text(encoding="utf-8", errors="replace").split("\n")
    if not lines:  # ended before all else
        return None
    found = _Journal(head, [], set())
    for line in lines:
        try:
            if line.startswith(f'{{"{_STARTED}": '):
                found.unfinished.add(str(json.loads(line)[_STARTED]))
                continue
            outcome = _parsed(line)
        except ValueError:
            continue
        found.outcomes.append(outcome)
        found.unfinished.discard(outcome.name)
    return found


def _parsed(line: str) -> Outcome:
    """Read what `Outcome.line` wrote; raise ValueError for anything else."""
    try:
        return Outcome(**json.loads(line))
    except TypeError as error:
        raise ValueError(str(error)) from None


def _open_private(path: Path, mode: str) -> IO[str]:
    """Open a file that only its owner may read, anew or at its end; no link is followed."""
    if mode == "w":
        path.unlink(missing_ok=True)
    flags = os.O_WRONLY | os.O_CREAT | (os.O_APPEND | os.O_NOFOLLOW if mode == "a" else os.O_EXCL)
    return os.fdopen(os.open(path, flags, 0o600), mode, encoding="utf-8", newline="")
