"""Report of what was read, converted and left out: a list of conversions, and a page of counts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

import pandas as pd

from anonbench.core.io import atomic, write_csv
from anonbench.core.vocabulary import Split
from anonbench.core.wording import count
from anonbench.datasets.documents import PAGE
from anonbench.datasets.formats.conversions import conversion_counts

CONVERTED = ["id", "path", PAGE, "converted"]
"""Columns of the list: `converted` has what was done, separated by semicolons."""


def write_converted(used: pd.DataFrame, output: Path) -> None:
    """Write the images of which decoding keeps not every stored value as it is (CSV, `CONVERTED`).

    Args:
        used: the images that are used, columns id, path, converted and, where there are documents,
            `PAGE`.
        output: the CSV.

    """
    rows = used[used["converted"] != ""].reindex(columns=CONVERTED)
    write_csv(rows, output)


def write_summary(
    name: str, used: pd.DataFrame, skips: pd.DataFrame, copies: pd.DataFrame, output: Path
) -> None:
    """Write a page of counts, without names (Markdown).

    Args:
        name: of the data set.
        used: the images that are used: columns path, split, format, converted and, where there are
            documents, `PAGE`.
        skips: the files and pages left out: columns path, reason.
        copies: see `anonbench.datasets.copies.find_copies`.
        output: the file.

    """
    by_split = [f"{count(int(n), 'image')} of {s}" for s, n in _splits(used)]
    files = count(used["path"].nunique(), "file")
    lines = [
        f"# What was read of {name}",
        "",
        f"{count(len(used), 'image')} from {files} are used ({', '.join(by_split)}).",
        f"{count(skips['path'].nunique(), 'file')} are left out, wholly or in part.",
        "Detection may leave out more: `skipped.csv` and `counts.csv` have that, once it is done.",
        *_documents(used),
        *_table("Read", ("format", "images", "files"), _formats(used)),
        *_table(
            "Converted", ("conversion", "images"), conversion_counts(used["converted"]).items()
        ),
        *_table("Left out", ("reason", "files or pages"), Counter(skips["reason"]).most_common()),
        *_copies(copies),
        "",
        "Names are in `manifest.parquet` (used), `converted.csv`, `skipped/manifest.csv` and "
        "`duplicates.csv`.",
    ]
    with atomic(output) as part:
        part.write_text("\n".join(lines) + "\n", encoding="utf-8")


def _splits(used: pd.DataFrame) -> list[tuple[Split, int]]:
    return [(split, int((used["split"] == str(split)).sum())) for split in Split]


def _formats(used: pd.DataFrame) -> list[tuple[str, int, int]]:
    groups = used.groupby("format")["path"]
    table = pd.DataFrame({"images": groups.size(), "files": groups.nunique()})
    table = table.sort_values("images", ascending=False, kind="stable")
    return [(str(kind), int(row["images"]), int(row["files"])) for kind, row in table.iterrows()]


def _documents(used: pd.DataFrame) -> list[str]:
    if PAGE not in used or not (is_page := used[PAGE].notna()).any():
        return []
    documents = used["path"][is_page].nunique()
    return [
        "",
        f"{count(documents, 'document')} of several pages, {count(int(is_page.sum()), 'page')} in "
        "all: each page is an image. Pages of one document stay in one split.",
    ]


def _copies(copies: pd.DataFrame) -> list[str]:
    if copies.empty:
        return []
    contents = copies["digest"].nunique()
    return ["", f"{count(len(copies), 'image')} hold {contents:,} contents (equal bytes)."]


def _table(title: str, head: Sequence[str], rows: Iterable[Sequence[object]]) -> list[str]:
    shown = [[f"{cell:,}" if isinstance(cell, int) else str(cell) for cell in row] for row in rows]
    if not shown:
        return []
    align = ["---", *["---:"] * (len(head) - 1)]
    return ["", f"## {title}", "", *(f"| {' | '.join(row)} |" for row in (head, align, *shown))]
