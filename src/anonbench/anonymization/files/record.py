"""Record of a run beside its output folder: what became of each image, and what is left to do.

While a run goes on, outcomes are appended to a journal; at its end they are written as the audit
files, JSON and CSV, in the order of names. A later run starts from both, so that nothing is done
twice. The record names originals: it lies beside the folder that is passed on, not in it, and only
its owner may read it.
"""

from __future__ import annotations

import csv
import json
import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from anonbench.anonymization.files.outcome import Outcome
from anonbench.core.errors import InputError

_COLUMNS = (
    *("name", "status", "reason", "output", "digest", "output_digest"),
    *("width", "height", "hidden_pixels"),
)
_START, _END = '"images": [', "]}"


class Record:
    """The record beside one output folder."""

    def __init__(self, to: Path, made_by: Mapping[str, Any]) -> None:
        """Find the record of a folder.

        Args:
            to: the output folder.
            made_by: all that outputs depend on but the images, as plain data.

        """
        place = to.resolve()
        self.json = place.with_name(f"{place.name}.audit.json")
        self.csv = place.with_name(f"{place.name}.audit.csv")
        self.journal = place.with_name(f".{place.name}.journal")
        self._to = to
        self._head = json.dumps(made_by, ensure_ascii=False, sort_keys=True)

    def read(self) -> dict[str, Outcome]:
        """Return what earlier runs did, by name.

        Raises:
            InputError: the folder is not empty and has no record, or one of other settings.

        """
        found: dict[str, Outcome] = {}
        heads = []
        for file, lines in ((self.json, _lines_of_audit), (self.journal, _lines_of_journal)):
            if file.is_file():
                head, rows = lines(file)
                heads.append(head)
                found |= {outcome.name: outcome for outcome in rows}
        filled = self._to.is_dir() and any(
            not each.name.endswith(".part") for each in self._to.iterdir()
        )
        if filled and not heads:
            raise InputError(
                f"{self._to} is not empty, and {self.json.name} is not beside it: name a new folder"
            )
        if filled and any(head != self._head for head in heads):
            raise InputError(
                f"{self._to} was made from other images, by other settings or another version "
                f"({self.json.name} has them): name a new folder, or remove it"
            )
        # records of other settings are left of a folder that is gone
        return found if all(head == self._head for head in heads) else {}

    @contextmanager
    def appending(self) -> Iterator[IO[str]]:
        """Open the journal for what is done from now on; one of other settings is replaced."""
        if self.journal.is_file() and _lines_of_journal(self.journal)[0] != self._head:
            self.journal.unlink()
        new = not self.journal.exists()
        with _open_private(self.journal, "a") as file:
            # behind a line that was cut short, the next one begins anew
            file.write(f"{self._head}\n" if new else "\n")
            yield file

    def finish(self, outcomes: Iterable[Outcome]) -> None:
        """Write the audit files, and remove the journal."""
        ordered = sorted(outcomes, key=lambda outcome: outcome.name)
        part = self.json.with_name(f".{self.json.name}.part")
        with _open_private(part, "w") as file:
            file.write(f"{self._head[:-1]}, {_START}\n")
            file.write(",\n".join(outcome.line() for outcome in ordered))
            file.write(f"\n{_END}\n")
        part.replace(self.json)
        part = self.csv.with_name(f".{self.csv.name}.part")
        with _open_private(part, "w") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow([*_COLUMNS, "regions"])
            for each in ordered:
                values = [getattr(each, column) for column in _COLUMNS]
                writer.writerow([*values, len(each.regions)])
        part.replace(self.csv)
        self.journal.unlink(missing_ok=True)


def _lines_of_audit(file: Path) -> tuple[str, list[Outcome]]:
    head, *lines = file.read_text(encoding="utf-8").strip("\n").split("\n")
    try:
        found = [Outcome.parse(line.removesuffix(",")) for line in lines[:-1] if line]
    except ValueError:
        raise InputError(
            f"{file} is damaged: remove it and the folder that it belongs to"
        ) from None
    return head.removesuffix(f", {_START}") + "}", found


def _lines_of_journal(file: Path) -> tuple[str, list[Outcome]]:
    """Return what a run wrote before it ended; its last line may be cut short."""
    head, *lines = file.read_text(encoding="utf-8", errors="replace").split("\n")
    found = []
    for line in lines:
        try:
            found.append(Outcome.parse(line))
        except ValueError:
            continue
    return head, found


def _open_private(path: Path, mode: str) -> IO[str]:
    flags = os.O_WRONLY | os.O_CREAT | (os.O_APPEND if mode == "a" else os.O_TRUNC)
    return os.fdopen(os.open(path, flags, 0o600), mode, encoding="utf-8", newline="")
