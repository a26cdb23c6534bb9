"""Options and texts shared by several commands."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from anonbench.core.errors import InputError

if TYPE_CHECKING:
    from anonbench.config import Config

DONE, FAILED, USAGE, DOUBTFUL, INTERRUPTED = 0, 1, 2, 3, 130
"""Exit statuses. `DOUBTFUL`: done, but some images were left out or may show what should be hidden.
A command's `run` returns one of them, or None when it is done; an `InputError` is `FAILED`."""


def add_root(parser: argparse.ArgumentParser) -> None:
    """Add `--root`."""
    parser.add_argument("--root", type=Path, default=Path(), help="the repository")


def add_run_options(parser: argparse.ArgumentParser) -> None:
    """Add `--configfile`, `--output` and `--root`, for commands that export results of a run."""
    parser.add_argument(
        "--configfile",
        type=Path,
        default=Path("config.yaml"),
        metavar="FILE",
        help="the config that the workflow ran with (config.yaml)",
    )
    parser.add_argument(
        *("-o", "--output", "--to"),
        dest="to",
        type=Path,
        required=True,
        metavar="PLACE",
        help="a new folder, or a new file .tar",
    )
    add_root(parser)


def read_config(path: Path) -> Config:
    """Read the config of a run.

    Raises:
        InputError: the file is missing, not YAML, or not a valid config.
    """
    try:
        path.open("rb").close()  # checked before an import that takes half a second
    except OSError as error:
        raise InputError(f"--configfile: {path} cannot be read ({error.strerror})") from None

    from anonbench.config import load
    from anonbench.config.file.text import read

    try:
        return load(read(path))
    except InputError as error:
        raise InputError(f"--configfile: {error}") from None


def aligned(rows: Sequence[Sequence[str]], left: int) -> str:
    """Format rows of cells as a table, the first `left` columns flush left, the others right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join(
        "  ".join(
            cell.ljust(width) if column < left else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    )
