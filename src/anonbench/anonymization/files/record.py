"""Record of a run beside its output folder: results of images, and what is left to do.

While a run goes on, outcomes are appended to a journal; at its end they are written as the audit
files, JSON and CSV, in the order of names. A later run starts from both, so that nothing is done
twice. The record names originals: it lies beside the folder that is passed on, not in it, and only
its owner may read it.
"""

import csv
import hashlib
import io
import json
import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal, NamedTuple

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

    name: str  # of the image as given
    status: Status
    """`without_regions`: nothing was found, and the image is not published; `failed`: a detector,
    the encoder or the audit did; `left_out`: no image by its name, or a name of no use."""
    reason: str = ""  # why nothing was written
    digest: str = ""  # SHA-256 of the original; empty where it cannot be read
    output: str = ""  # name of the file below the output folder; empty where nothing was written
    output_digest: str = ""  # SHA-256 of that file
    width: int = 0  # of the upright image, in pixels; of a PDF's first page
    height: int = 0
    hidden_pixels: int = 0  # as the audit counted them
    converted: str = ""  # by reading a written image (`anonbench.datasets.formats.pixels`)
    regions: list[dict[str, Any]] = field(default_factory=list)
    """In draw order: entity, x0, y0, x1, y1, score, hidden, quad of a slanted one, and of a PDF
    or TIFF file of several pages the page, from 1."""
    pages: list[list[int]] = field(default_factory=list)
    """Of a PDF: width and height of each page in pixels, and pixels an inch; 0 of a TIFF file."""
    searched: list[dict[str, Any]] = field(default_factory=list)
    """How the image, or each page of a PDF, was searched: `anonbench.detection.search.Searched`."""
    corrected: str = ""  # digest of the corrections that were applied; empty where there are none
    found: list[dict[str, Any]] = field(default_factory=list)
    """What detectors found, as `regions`, where there are corrections."""
    made: bool = field(default=False, compare=False)
    """Whether this run wrote the copy; not recorded."""

    @property
    def doubts(self) -> list[str]:
        """Why a person should look at the copy (`anonbench.detection.doubts`)."""
        return sorted({doubt for page in self.searched for doubt in page["doubts"]})

    @property
    def pixels(self) -> int:
        """Number of pixels of the image, or of all pages."""
        return sum(page[0] * page[1] for page in self.pages) or self.width * self.height

    @property
    def codings(self) -> set[str]:
        """Codings in which pixels depend on hidden ones (`coding_blocks.shared_coding`)."""
        return {page["coding"] for page in self.searched if page.get("coding")}

    def line(self) -> str:
        """One line of JSON."""
        recorded = {name: value for name, value in asdict(self).items() if name != "made"}
        return json.dumps(recorded, ensure_ascii=False, sort_keys=True)


def in_draw_order(image_id: str, regions: Sequence[Region]) -> list[Region]:
    """Regions of an image in the order of a box table: the same draw, the same rounding."""
    table = box_table({image_id: regions}, SEED)
    return image_regions(table, blocks=False).get(image_id, [])


def as_rows(regions: Sequence[Region], degree: int) -> list[dict[str, Any]]:
    """Rows of a record, of regions in draw order."""
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


def beside(to: Path, ending: str) -> Path:
    """File beside an output folder that has its name and an ending."""
    place = to.resolve()
    return place.with_name(f"{place.name}{ending}")


def audit_file(to: Path) -> Path:
    """Record of an output folder."""
    return beside(to, ".audit.json")


def read_audit(file: Path) -> tuple[dict[str, Any], list[Outcome]]:
    """Read what a finished run wrote: all that copies depend on, and what became of each image.

    Raises:
        InputError: there is no such file, or it is damaged.
    """
    if not file.is_file():
        raise InputError(f"{file} is not there: run `anonbench anonymize` to its end first")
    try:
        *lines, end = file.read_text(encoding="utf-8").removesuffix("\n").split("\n")
        if end != _end_of(lines):
            raise ValueError("cut short, or changed by hand")
        head = json.loads(lines[0].removesuffix(f", {_START}") + "}")
        return head, [Outcome(**json.loads(line.removesuffix(","))) for line in lines[1:] if line]
    except (TypeError, ValueError):
        raise InputError(
            f"{file} is damaged, was changed by hand, or is of an earlier version: remove it and "
            "the folder that it belongs to, and run again"
        ) from None


def started(name: str) -> str:
    """Line of a journal: the image's copy may be there from now on."""
    return json.dumps({_STARTED: name}, ensure_ascii=False)


class Record:
    """The record beside one output folder."""

    def __init__(self, to: Path, made_by: Mapping[str, Any]) -> None:
        """Find the record; `made_by` is all that outputs depend on but the images."""
        self.json, self.sheet = audit_file(to), beside(to, ".sheet.html")
        self.csv = self.json.with_suffix(".csv")
        self.journal = journal_of(to)
        self._to = to
        self.unfinished = set[str]()
        """Names of the images that a run was at when it was ended: they may have copies."""
        self._line = json.dumps(made_by, ensure_ascii=False, sort_keys=True)
        self._head: dict[str, Any] = json.loads(self._line)

    def read(self) -> dict[str, Outcome]:
        """Outcomes of earlier runs, by name.

        Raises:
            InputError: the folder is not empty and has no record, or one of other settings.
        """
        heads, outcomes = [], list[Outcome]()
        if self.json.is_file():
            head, outcomes = read_audit(self.json)
            heads.append(head)
        if (journal := _journal(self.journal)) is not None:
            heads.append(journal.head)
            outcomes += journal.outcomes
        filled = self._to.is_dir() and any(not is_passing(each) for each in self._to.iterdir())
        if filled and not heads:
            raise InputError(
                f"{self._to} is not empty, and {self.json.name} is not beside it: name a new folder"
            )
        now = self._head
        others = {name for h in heads for name in now | h if now.get(name) != h.get(name)}
        if filled and others:
            different = ", ".join(sorted(name.replace("_", " ") for name in others))
            raise InputError(
                f"{self._to} was made from other images, by other settings or another version "
                f"(different: {different}): name a new folder, or remove it"
            )
        for file in (self.json, self.csv):
            if file.exists() and not (heads and file.is_file()):
                raise InputError(
                    f"{file} is there, and no record of an earlier run: name another folder, or "
                    "move it away"
                )
        if others:  # left of a folder that is gone
            return {}
        self.unfinished = journal.unfinished if journal else set()
        # what was left out is found anew, and may have an image's name
        known = (each for each in outcomes if each.status != "left_out")
        return {each.name: each for each in known if each.name not in self.unfinished}

    @contextmanager
    def appending(self) -> Iterator[Callable[[str], None]]:
        """Open the journal for what is done from now on; one of other settings is replaced.

        Yields a function that appends a line: `started`, and then the outcome's. It is in the file
        before the next step.
        """
        found = _journal(self.journal)
        if found is None or found.head != self._head:
            self.journal.unlink(missing_ok=True)
        new = not self.journal.exists()
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW
        with os.fdopen(os.open(self.journal, flags, 0o600), "a", encoding="utf-8") as file:

            def append(line: str) -> None:
                file.write(f"{line}\n")
                file.flush()

            append(self._line if new else "")  # behind a line that was cut short
            yield append

    def finish(self, outcomes: Iterable[Outcome]) -> None:
        """Write the audit files, and remove the journal."""
        ordered = sorted(outcomes, key=lambda outcome: outcome.name)
        lines = [f"{self._line[:-1]}, {_START}", ",\n".join(each.line() for each in ordered)]
        write_private(self.json, "\n".join([*lines, _end_of(lines)]) + "\n")
        table = io.StringIO()
        writer = csv.writer(table, lineterminator="\n")
        writer.writerow([*_COLUMNS, "regions", "doubts"])
        for each in ordered:
            values = [plain_cell(getattr(each, column)) for column in _COLUMNS]
            writer.writerow([*values, len(each.regions), "; ".join(each.doubts)])
        write_private(self.csv, table.getvalue())
        self.journal.unlink(missing_ok=True)


def write_private(path: Path, text: str) -> None:
    """Write a whole file that only its owner may read, or none; no link is followed."""
    part = path.with_name(f".{path.name}.part")
    part.unlink(missing_ok=True)
    descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8", newline="") as file:
        file.write(text)
    part.replace(path)


class _Journal(NamedTuple):
    head: dict[str, Any]
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


def _end_of(lines: Sequence[str]) -> str:
    """Last line of a record."""
    return _END.format(hashlib.sha256("\n".join(lines).encode()).hexdigest())


def _journal(file: Path) -> _Journal | None:
    """Journal of a run that did not finish, or None; its lines may be cut short."""
    if not file.is_file():
        return None
    first, *lines = file.read_text(encoding="utf-8", errors="replace").split("\n")
    if not lines:  # ended before all else
        return None
    head, outcomes, unfinished = dict[str, Any](), list[Outcome](), set[str]()
    with suppress(ValueError):
        if isinstance(found := json.loads(first), dict):
            head = found
    for line in lines:
        with suppress(TypeError, ValueError):
            row = json.loads(line)
            if _STARTED in row:
                unfinished.add(str(row[_STARTED]))
            else:
                outcomes.append(Outcome(**row))
                unfinished.discard(row["name"])
    return _Journal(head, outcomes, unfinished)
