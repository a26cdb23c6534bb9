"""Rules for ids of images, which become names in archives, tables and pages."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

MOST_BYTES = 1024
CONTROL = "[\x00-\x1f\x7f-\x9f\u2028\u2029]"
_PATTERNS = {
    "is empty": re.compile(r"^$"),
    "has a part `.` or `..`": re.compile(r"^\.\.?$|^\.\.?/|/\.\.?/|/\.\.?$"),
    "starts or ends with `/`, or has an empty part": re.compile(r"^/|//|/$"),
    "has a line break or another control character": re.compile(CONTROL),
}


def id_problem(text: str) -> str:
    """Problem of an id, as text that follows "the id"; empty if it is valid.

    An id is a relative path in its shortest form, without control characters, of at most
    `MOST_BYTES` bytes.
    """
    for problem, pattern in _PATTERNS.items():
        if pattern.search(text):
            return problem
    is_long = len(text.encode("utf-8", "replace")) > MOST_BYTES
    return f"is longer than {MOST_BYTES} bytes" if is_long else ""


def id_problems(ids: pd.Series) -> pd.Series:
    """Problem of each id; see `id_problem`."""
    return ids.map(id_problem).astype("str")


def ids_of_files(paths: pd.Series) -> pd.Series:
    """Return the ids of files: paths without suffix, with it where several would share one."""
    from anonbench.datasets.source import without_suffix  # it loads pandas

    ids = without_suffix(paths)
    while (shared := ids.duplicated(keep=False) & (ids != paths)).any():
        ids = ids.mask(shared, paths)
    return ids
