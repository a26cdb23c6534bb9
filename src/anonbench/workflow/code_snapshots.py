"""Copies of what each digest of code stands for, so that a change of code can be named.

A job's record has one digest for all code that its script can reach. The definitions behind it are
written beside the results when a run starts: some kilobytes for each script and state of the code.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Mapping
from pathlib import Path

from anonbench.core.io import atomic
from anonbench.core.jobs.fingerprint import PACKAGES

FOLDER = ".code"
_SHOWN = 12
"""Characters of a definition's digest that are kept."""

Code = dict[str, str]
"""Definitions with their digests, and packages with their versions; see `fingerprint`."""


def keep_codes(results: Path, codes: Mapping[str, Code]) -> None:
    """Write the code behind these digests, where it is not known yet."""
    for digest in codes:
        path = _file(results, digest)
        if not path.exists():
            text = json.dumps(shortened(codes[digest]), sort_keys=True)
            with atomic(path) as temporary:
                temporary.write_bytes(gzip.compress(text.encode(), mtime=0))


def read_code(results: Path, digest: str) -> Code | None:
    """Return the code behind a digest, or None where there is no copy."""
    try:
        code: Code = json.loads(gzip.decompress(_file(results, digest).read_bytes()))
    except (OSError, EOFError, ValueError):
        return None
    return code


def shortened(code: Mapping[str, str]) -> Code:
    """Return the code as it is kept: digests of definitions are cut, versions are not."""
    return {place: text if _is_package(place) else text[:_SHOWN] for place, text in code.items()}


def code_changes(old: Code | None, new: Code) -> list[str]:
    """Return what differs, one line a definition or package.

    A changed definition may reach others than before. They are named only where nothing that is in
    both has changed.
    """
    if old is None:
        return ["code that the script can reach has changed; there is no copy of the old code"]
    places = {place for place in old if place in new and old[place] != new[place]}
    return [
        f"{place}: {old.get(place, 'not used')} → {new.get(place, 'not used')}"
        if _is_package(place)
        else f"{_readable(place)} was changed"
        for place in sorted(places or {*old} ^ {*new}, key=lambda each: (_is_package(each), each))
    ]


def _is_package(place: str) -> bool:
    module = place.partition(":")[0]
    return module.partition(".")[0] not in PACKAGES and not module.endswith(".py")


def _readable(place: str) -> str:
    module, _, name = place.partition(":")
    if module.endswith(".py"):
        return f"workflow/scripts/{module}"
    return f"{module}.{name}" if name else f"{module} (what runs on import)"


def _file(results: Path, digest: str) -> Path:
    return results / FOLDER / f"{digest}.json.gz"
