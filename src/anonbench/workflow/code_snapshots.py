"""What the code of a result was, definition by definition, so that a change can be named.

A job's record has one digest for all code that its script can reach. What the digest stands for is
kept once beside the results, a file of a few kilobytes for each script and state of the code.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Collection, Mapping
from pathlib import Path

from anonbench.core.io import atomic
from anonbench.core.jobs.fingerprint import PACKAGES

FOLDER = ".code"
_SUFFIX = ".json.gz"
_SHOWN = 12
"""Characters of a definition's digest that are kept."""

Code = dict[str, str]
"""Definitions and their digests, packages and their versions; see `fingerprint`."""


def keep_codes(results: Path, codes: Mapping[str, Code]) -> None:
    """Write what these digests stand for, where it is not known yet."""
    for digest in codes:
        path = _file(results, digest)
        if not path.exists():
            text = json.dumps(shortened(codes[digest]), sort_keys=True)
            with atomic(path) as temporary:
                temporary.write_bytes(gzip.compress(text.encode(), mtime=0))


def forget_codes(results: Path, used: Collection[str]) -> None:
    """Remove the code of results that are not there any more."""
    for path in (results / FOLDER).glob(f"*{_SUFFIX}"):
        if path.name.removesuffix(_SUFFIX) not in used:
            path.unlink(missing_ok=True)


def read_code(results: Path, digest: str) -> Code | None:
    """Return what a digest stands for, or None where nobody has kept it."""
    try:
        code: Code = json.loads(gzip.decompress(_file(results, digest).read_bytes()))
    except (OSError, EOFError, ValueError):
        return None
    return code


def shortened(code: Mapping[str, str]) -> Code:
    """Return the code as it is kept: the digests of definitions are cut, versions are not."""
    return {place: text if _is_package(place) else text[:_SHOWN] for place, text in code.items()}


def code_changes(old: Code, new: Code) -> list[tuple[str, str | None, str | None]]:
    """Return what differs: its name, and old and new version of a package (else None).

    A changed definition may reach others than before. They are named only where nothing that is in
    both has changed: a definition was added or removed.
    """
    both = [place for place in old if place in new and old[place] != new[place]]
    if not both:
        both = sorted({*old} ^ {*new})
    return [
        (place, old.get(place), new.get(place))
        if _is_package(place)
        else (_readable(place), None, None)
        for place in sorted(both, key=lambda place: (_is_package(place), place))
    ]


def _is_package(place: str) -> bool:
    module = place.partition(":")[0]
    return module.partition(".")[0] not in PACKAGES and not module.endswith(".py")


def _readable(place: str) -> str:
    module, _, name = place.partition(":")
    if module.endswith(".py"):
        return f"workflow/scripts/{module}"
    return f"{module}.{name}" if name else f"{module}, what runs on import"


def _file(results: Path, digest: str) -> Path:
    return results / FOLDER / f"{digest}{_SUFFIX}"
