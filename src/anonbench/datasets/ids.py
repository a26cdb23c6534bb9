"""Rules for ids of images, which become names in archives, tables and pages."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

MOST_BYTES = 1024
CONTROL = "[\x00-\x1f\x7f-\x9f\u2028\u2029]"
_TOO_LONG = f"is longer than {MOST_BYTES} bytes"
_PATTERNS = {
    CONTROL: "has a line break or another control character",
    r"^/|//|/$": "starts or ends with `/`, or has an empty part",
    r"^\.\.?$|^\.\.?/|/\.\.?/|/\.\.?$": "has a part `.` or `..`",
    r"^$": "is empty",
}


def id_problem(text: str) -> str:
    """Return what is wrong with one id; see `id_problems`."""
    found = _TOO_LONG if len(text.encode("utf-8", "replace")) > MOST_BYTES else ""
    for pattern, problem in _PATTERNS.items():
        if re.search(pattern, text):
            found = problem
    return found


def ids_of_files(paths: pd.Series) -> pd.Series:
    """Return the ids of files: paths without suffix, with it where several would share one."""
    from anonbench.datasets.source import without_suffix  # it loads pandas

    ids = without_suffix(paths)
    while (shared := ids.duplicated(keep=False) & (ids != paths)).any():
        ids = ids.mask(shared, paths)
    return ids


def id_problems(ids: pd.Series) -> pd.Series:
    """Return what is wrong with each id, as a text that follows "the id"; empty where nothing is.

    An id is a relative path in its shortest form, without control characters, of at most
    `MOST_BYTES` bytes.
    """
    import pandas as pd

    problems = pd.Series("", index=ids.index, dtype="str")
    if ids.empty:
        return problems
    letters = ids.str.len()
    long = letters > MOST_BYTES
    wide = (letters > MOST_BYTES // 4) & ~long  # a letter has four bytes at most
    long[wide] = ids[wide].map(lambda text: len(text.encode("utf-8", "replace")) > MOST_BYTES)
    problems[long] = _TOO_LONG
    for pattern, problem in _PATTERNS.items():
        problems[ids.str.contains(pattern)] = problem
    return problems
