"""Copies of originals below a folder of results: found, removed, and reported."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from anonbench.core.io import remove_left_scratch

_ABOUT = (".digest", ".json")
"""Suffixes of files about a copy that contain none."""
_PLACE = "*/images/original"
"""Place of the originals' image sets below results."""
_SHARD = re.compile(r"(train|val)/(\.made/)?\.?\d+\.tar(\..+)?")
"""A shard of originals below that, or a part of one. Other files are not from anonbench."""


def find_copies(results: Path) -> list[Path]:
    """Return all files below a results folder that hold copies of originals, links included.

    These are shards of originals, of this version or an older one, complete, partly written or set
    aside, and their hidden links. Thumbnails for `presentation.show_originals` are not included.
    Symbolic links are not followed: their targets are no results.
    """
    return sorted(
        path
        for place in results.glob(_PLACE)
        for path in place.rglob("*")
        if _SHARD.fullmatch(path.relative_to(place).as_posix())
        and path.is_file()
        and path.parent.resolve() == results.resolve() / path.parent.relative_to(results)
    )


def remove_copies(copies: Iterable[Path]) -> None:
    """Remove copies of originals, and files of killed trainings in the temporary folder."""
    for path in copies:
        path.unlink(missing_ok=True)
        with suppress(OSError):  # the folder has other content
            path.parent.rmdir()
    remove_left_scratch()


def copies_message(results: Path, wanted: Iterable[str] = ()) -> str | None:
    """Message about copies of originals that nobody requested; None if there are none.

    Args:
        results: the folder.
        wanted: data sets whose config asks for copies.

    """
    requested = set(wanted)
    copies = [  # complete, partly written, set aside or linked
        path
        for path in find_copies(results)
        if path.suffix not in _ABOUT and path.relative_to(results).parts[0] not in requested
    ]
    if not copies:
        return None
    return (
        f"{results} holds copies of originals ({len(copies)} files, {copies[0]} for one), and "
        f"nothing needs them; `anonbench originals {shlex.quote(str(results))} --remove` removes "
        "them with all their links"
    )
