"""`anonbench verify`: check of a bundle's files and recomputation of its numbers."""

from __future__ import annotations

import argparse
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any

from anonbench.cli.shared import aligned
from anonbench.core.errors import InputError

if TYPE_CHECKING:
    from anonbench.bundle.agreement import Agreement

_SHOWN = 40
"""Differences that are printed."""


def add(commands: Any) -> None:
    """Add the command to the subparsers of `anonbench`."""
    parser = commands.add_parser(
        "verify",
        help="check a bundle's files, and make its numbers again",
        description="Compares every file of a bundle with its checksum, makes again what can be "
        "made from what is in it, and says which numbers are the published ones.",
        epilog="The exit status is 0 where everything is as published, else 1.\n\nExamples:\n"
        "  anonbench verify bundle.tar\n  anonbench verify bundle.tar --sample 100\n\n"
        "More: docs/how-to/bundle.md.",
    )
    parser.add_argument("bundle", type=Path, help="the bundle's folder or tar")
    parser.add_argument(
        "--sample",
        type=int,
        metavar="N",
        help="with embeddings: score so many queries of each scenario only, and no classifier",
    )
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> None:
    """Check the bundle and print a line for each part.

    Raises:
        InputError: something is not as published.

    """
    from anonbench.bundle.agreement import TOLERANCE
    from anonbench.bundle.verify import verify

    if options.sample is not None and options.sample < 1:
        raise InputError(f"--sample {options.sample}: at least one query has to be scored")
    with _quietly():
        found = verify(options.bundle, options.sample)
    head = ("made again", "of", "numbers", "exactly", f"within {TOLERANCE:g}", "differ")
    rows = [_row(list(group)) for _, group in groupby(found.parts, key=lambda each: each.part)]
    print(f"{found.files - len(found.wrong):,} of {found.files:,} files are as listed")
    print(aligned([head, *rows], left=2))
    print(f"{found.inputs:,} files are what it starts from: their checksums alone can be compared")
    lines = found.differences
    if not lines:
        print("everything is as published")
        return
    print("\n".join(["not as published:", *(f"  {line}" for line in lines[:_SHOWN])]))
    if len(lines) > _SHOWN:
        print(f"  and {len(lines) - _SHOWN:,} more")
    raise InputError(f"{options.bundle}: {len(lines):,} things are not as published")


@contextmanager
def _quietly() -> Iterator[None]:
    """Leave out what jobs note: they were done long ago, and their notes stand in their files."""
    logger = logging.getLogger("anonbench")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(level)


def _row(parts: list[Agreement]) -> tuple[str, ...]:
    names = parts[0].name if len(parts) == 1 else f"{len(parts)} files"
    counts = (
        sum(part.numbers for part in parts),
        sum(part.exact for part in parts),
        sum(part.close for part in parts),
        sum(part.differ for part in parts),
    )
    return (parts[0].part, names, *(f"{number:,}" for number in counts))
