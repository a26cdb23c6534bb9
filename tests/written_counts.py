"""Counts of images, as detection writes them."""

from pathlib import Path

import pandas as pd

from anonbench.detection.gather import COUNTS


def write(folder: Path, rows: list[tuple[object, ...]]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    pd.DataFrame(rows, columns=COUNTS).to_csv(folder / "counts.csv", index=False)
