"""Rules for ids of images, which become names in archives, tables and pages."""

from __future__ import annotations

import pandas as pd

MOST_BYTES = 1024
CONTROL = "[\x00-\x1f\x7f-\x9f\u2028\u2029]"
_PATTERNS = {
    CONTROL: "has a line break or another control character",
    r"^/|//|/$": "starts or ends with `/`, or has an empty part",
    r"^\.\.?$|^\.\.?/|/\.\.?/|/\.\.?$": "has a part `.` or `..`",
    r"^$": "is empty",
}


def id_problems(ids: pd.Series) -> pd.Series:
    """Return what is wrong with each id, as a text that follows "the id"; empty where nothing is.

    An id is a relative path in its shortest form, without control characters, of at most
    `MOST_BYTES` bytes.
    """
    problems = pd.Series("", index=ids.index, dtype="str")
    if ids.empty:
        return problems
    letters = ids.str.len()
    long = letters > MOST_BYTES
    wide = (letters > MOST_BYTES // 4) & ~long  # a letter has four bytes at most
    long[wide] = ids[wide].map(lambda text: len(text.encode("utf-8", "replace")) > MOST_BYTES)
    problems[long] = f"is longer than {MOST_BYTES} bytes"
    for pattern, problem in _PATTERNS.items():
        problems[ids.str.contains(pattern)] = problem
    return problems
