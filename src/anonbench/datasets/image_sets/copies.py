"""Copies of originals below a folder of results: found, removed, and told of."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from anonbench.core.io import remove_left_scratch

_ABOUT = (".digest", ".json")
"""Suffixes of files that tell of a copy and hold none."""
_PLACE = "*/images/original"
"""Where the originals' image sets are below results."""
_SHARD = re.compile(r"(train|val)/(\.made/)?\.?\d+\.tar(\..+)?")
"""A shard of originals below that, or what is left of one. Any other file is somebody else's."""


def find_copies(results: Path) -> list[Path]:
    """Return all files below a results folder that hold copies of originals, links included.

    Those are shards of originals, of this version or an older one, whole, half written or put
    aside, and their hidden links. Thumbnails that `presentation.show_originals` asks for are none.
    Nothing is looked for behind a symbolic link: what it leads to are no results.
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
    """Remove copies of originals, and what killed trainings left in the temporary folder."""
    for path in copies:
        path.unlink(missing_ok=True)
        with suppress(OSError):  # it holds something else
            path.parent.rmdir()
    remove_left_scratch()


def copies_message(results: Path, wanted: Iterable[str] = ()) -> str | None:
    """Message about copies of originals that nobody requested; None if there are none.

    Args:
        results: the folder.
        wanted: data sets whose config asks for copies.

    """
    requested = set(wanted)
    copies = [  # whole, half written, put aside or linked
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
