"""Counts of images and of unmatched rows, as detection writes them."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from anonbench.detection.gather import COUNTS


def write(folder: Path, rows: list[tuple[object, ...]], unmatched: tuple[str, ...] = ()) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    pd.DataFrame(rows, columns=COUNTS).to_csv(folder / "counts.csv", index=False)
    table = pd.DataFrame({"setting": unmatched, "file": "f", "row": 1, "reason": "r"})
    table.to_csv(folder / "unmatched.csv", index=False)
