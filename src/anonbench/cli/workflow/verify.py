"""`anonbench verify`: check the files of a bundle."""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from anonbench.core.errors import InputError

if TYPE_CHECKING:
    from anonbench.bundle.verify import Verified

_SHOWN = 40
"""Differences that are printed."""


def add(commands: Any) -> None:
    """Add the command to the subparsers of `anonbench`."""
    parser = commands.add_parser(
        "verify",
        help="check the files of a bundle",
        description="Compares every file of a bundle with its digest in the metadata, and files "
        "that the workflow made in the bundle's folder with the published ones.",
        epilog="The exit status is 0 if everything is as published, else 1.\n\nExamples:\n"
        "  anonbench verify bundle.tar\n  anonbench verify bundle.tar --json > verified.json\n\n"
        "More: docs/how-to/bundle.md.",
    )
    parser.add_argument("bundle", type=Path, help="the bundle's folder or tar")
    parser.add_argument("--json", action="store_true", help="print JSON instead of lines")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> None:
    """Check the bundle and print the result.

    Raises:
        InputError: a file differs from the published one.
    """
    from anonbench.bundle.crate import require_bundle

    require_bundle(options.bundle)  # before what takes a second to import

    from anonbench.bundle.verify import verify

    found = verify(options.bundle)
    if options.json:
        values = asdict(found) | {"as_published": not found.differences}
        print(json.dumps(values, indent=2, ensure_ascii=False))
    else:
        print(_as_text(found))
    if count := len(found.differences):
        raise InputError(f"{options.bundle}: {count:,} things are not as published")


def _as_text(found: Verified) -> str:
    shown = [f"{found.files - len(found.wrong):,} of {found.files:,} files are as listed"]
    if found.made_here:
        same = found.compared - len(found.changed)
        shown.append(
            f"{found.made_here:,} files are not listed: made by running the workflow here; "
            f"{same:,} of {found.compared:,} that the run had made have its bytes"
        )
    lines = found.differences
    if not lines:
        return "\n".join([*shown, "everything is as published"])
    shown += ["not as published:", *(f"  {line}" for line in lines[:_SHOWN])]
    if len(lines) > _SHOWN:
        shown.append(f"  and {len(lines) - _SHOWN:,} more")
    return "\n".join(shown)
