"""Rates of the attacks on a data set, as a table."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from anonbench.core.io import read_csv

COLUMNS = [
    *("dataset", "attack", "measure", "risk", "entity", "method", "degree"),
    *("rate", "low", "high", "control", "chance", "n", "clusters", "reason"),
]
"""A row an attack, measure, entity and variant: `rate` with its interval, more is worse, beside
that of a `control` and of `chance`; a row without a number says why in `reason`. `entity` is empty
where whole images are attacked; `risk` is singling_out, linkability or inference."""


def read_attacks(path: Path) -> pd.DataFrame:
    """Read a table of attacks (`COLUMNS`)."""
    texts = ("dataset", "attack", "measure", "risk", "entity", "method", "reason")
    return read_csv(path, COLUMNS, texts)
