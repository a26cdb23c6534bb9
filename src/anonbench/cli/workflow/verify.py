"""`anonbench verify`: check of a bundle's files and recomputation of its numbers."""

from __future__ import annotations

import argparse
import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any

from anonbench.cli.shared import aligned
from anonbench.core.errors import InputError

if TYPE_CHECKING:
    from anonbench.bundle.agreement import Agreement
    from anonbench.bundle.verify import Verified

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
        "  anonbench verify bundle.tar\n  anonbench verify bundle.tar --sample 100\n"
        "  anonbench verify bundle.tar --json > verified.json\n\n"
        "More: docs/how-to/bundle.md.",
    )
    parser.add_argument("bundle", type=Path, help="the bundle's folder or tar")
    parser.add_argument(
        "--sample",
        type=int,
        metavar="N",
        help="with embeddings: score so many queries of each scenario only, and no classifier",
    )
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> None:
    """Check the bundle and print a line for each part.

    Raises:
        InputError: something is not as published.

    """
    from anonbench.bundle.crate import require_bundle

    if options.sample is not None and options.sample < 1:
        raise InputError(f"--sample {options.sample}: at least one query has to be scored")
    require_bundle(options.bundle)  # before what takes a second to import

    from anonbench.bundle.verify import verify

    with _quietly():
        found = verify(options.bundle, options.sample)
    if options.json:
        print(json.dumps(_as_json(found), indent=2, ensure_ascii=False))
    else:
        print(_as_text(found))
    if count := len(found.differences):
        raise InputError(f"{options.bundle}: {count:,} things are not as published")


def _as_json(found: Verified) -> dict[str, Any]:
    parts = [asdict(part) | {"differ": part.differ} for part in found.parts]
    return asdict(found) | {"parts": parts, "as_published": not found.differences}


def _as_text(found: Verified) -> str:
    from anonbench.bundle.agreement import TOLERANCE

    head = ("made again", "of", "numbers", "exactly", f"within {TOLERANCE:g}", "differ")
    rows = [_row(list(group)) for _, group in groupby(found.parts, key=lambda each: each.part)]
    shown = [
        f"{found.files - len(found.wrong):,} of {found.files:,} files are as listed",
        aligned([head, *rows], left=2),
        f"{found.inputs:,} files are what it starts from: their checksums alone can be compared",
    ]
    if found.made_here:
        shown.append(f"{found.made_here:,} files are not listed: made by running the workflow here")
    lines = found.differences
    if not lines:
        return "\n".join([*shown, "everything is as published"])
    shown += ["not as published:", *(f"  {line}" for line in lines[:_SHOWN])]
    if len(lines) > _SHOWN:
        shown.append(f"  and {len(lines) - _SHOWN:,} more")
    return "\n".join(shown)


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
