"""`anonbench originals`: list or remove copies of originals in results."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from anonbench.core.errors import InputError

_LOCKS = Path(".snakemake/locks")
"""Folder in which Snakemake keeps the locks of a run that was started here."""


def add(commands: Any) -> None:
    """Add the command to the subparsers of `anonbench`."""
    parser = commands.add_parser(
        "originals",
        help="list or remove copies of originals in the results",
        description="Lists the files that contain copies of originals, including hidden links. "
        "Without --remove, it only reads.",
        epilog="Examples:\n  anonbench originals results\n"
        "  anonbench originals results --remove\n\n"
        "More: docs/reference/files.md.",
    )
    parser.add_argument(
        "results",
        type=Path,
        nargs="*",
        default=[Path("results")],
        metavar="DIR",
        help="folders of results (results)",
    )
    parser.add_argument(
        "--remove",
        action="store_true",
        help="remove these files, and temporary folders of killed trainings",
    )
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> None:
    """List the copies below each folder; remove them if asked.

    Raises:
        InputError: a folder does not exist, or a run is using it.
    """
    for results in options.results:
        if not results.is_dir():
            raise InputError(f"{results}: there is no such folder")
    from anonbench.datasets.image_sets.originals import find_copies, remove_copies  # loads NumPy

    if options.remove and any(_LOCKS.glob("*")):
        raise InputError(
            "a run is going on in this folder: wait for its end, or, if it was killed, use "
            "snakemake --unlock"
        )
    found = {results: find_copies(results) for results in options.results}
    for results, copies in found.items():
        for path in copies:
            print(path)
        # a link uses no disk space of its own
        room = sum({(s.st_dev, s.st_ino): s.st_size for s in map(Path.stat, copies)}.values())
        print(f"{results}: {len(copies)} files with copies of originals, {room / 1e6:.1f} MB")
    if options.remove:
        remove_copies(path for copies in found.values() for path in copies)
        print("removed; the originals themselves are where they were")
