"""The table of other programs on docs/how-to/judge.md, from the file that `make opponents` writes.

python tools/site/opponents.py
"""

from __future__ import annotations

import re
from pathlib import Path

import pandas as pd

from anonbench.reporting.grid import Grid, GridBlock, to_markdown

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs/how-to/judge.md"
FILE = ROOT / "docs/explanation/findings/opponents.csv"
LABELS = {
    "anonbench": "anonbench",
    "anonbench_quick": "anonbench, quick",
    "deface": "deface",
    "deface_640": "deface, 640x360",
    "egoblur": "EgoBlur’s blur",
    "presidio": "presidio",
    "presidio_words": "presidio, every word",
}
_TABLE = re.compile(r"(?s)(<!-- table: opponents -->\n).*?(\n<!-- end -->)")


def grid(found: pd.DataFrame) -> Grid:
    """Programs by kind of image and region, in percent."""
    blocks = []
    for (images, regions), rows in found.groupby(["images", "regions"], sort=False):
        first = rows.iloc[0]
        label = f"{images.capitalize()} ({first['pictures']}), {first['n']} {regions} regions"
        blocks.append(GridBlock(label, tuple(map(_line, rows.to_dict("records")))))
    return Grid(
        stem="opponents",
        title="",
        heads=("Program", "Area", "Regions", "Beyond", "mAP", "Attack", "Seconds"),
        blocks=tuple(blocks),
    )


def _line(row: dict[str, float]) -> tuple[str, ...]:
    shares = (row[name] for name in ("area_hidden", "regions_hidden", "area_beyond"))
    kept = (100 * row[name] for name in ("map", "map_low", "map_high"))
    return (
        LABELS[str(row["program"])],
        *(f"{100 * share:.1f}" for share in shares),
        "{:.0f} ({:.0f}–{:.0f})".format(*kept),
        f"{100 * row['rate']:.1f}",
        f"{row['cpu_seconds']:.2f}",
    )


def updated(text: str) -> str:
    """The page's text with the table that the file has."""
    lines = to_markdown(grid(pd.read_csv(FILE))).splitlines()
    table = "\n".join(line for line in lines if line.startswith("|"))
    return _TABLE.sub(lambda found: found[1] + table + found[2], text)


if __name__ == "__main__":
    PAGE.write_text(updated(PAGE.read_text("utf-8")), encoding="utf-8")
