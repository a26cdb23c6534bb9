"""Commands that make the numbers of a table, as the report shows them."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class TableCommands:
    """Commands of one table."""

    table: str
    """Makes the whole table."""
    cells: tuple[tuple[str, str], ...] = ()
    """A row and column with the command that makes the file its numbers are read from; several
    files where they are a mean over seeds."""
    reading: str = ""
    """Where the numbers stand in these files."""
