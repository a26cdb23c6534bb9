"""RVL-CDIP: scanned pages in an `images` tree, and `labels` with one list file a split.

Source: Harley et al., "Evaluation of Deep Convolutional Nets for Document Image Classification and
Retrieval", ICDAR 2015.
"""

from __future__ import annotations

from collections.abc import Collection
from functools import partial
from pathlib import Path

import pandas as pd

from anonbench.config import DataSource
from anonbench.core.vocabulary import DOCUMENT_CLASSES, Split
from anonbench.datasets.source import (
    Source,
    is_wanted,
    problem,
    read_list,
    reason_unlisted,
    require_folder,
    without_suffix,
)
from anonbench.datasets.walk import TEST

_LISTS = tuple(f"labels/{split}.txt" for split in (*Split, "test"))


def read(name: str, dataset: DataSource, wanted: Collection[str] | None) -> Source:
    """List RVL-CDIP's train and validation pages; column `class` is the class's name.

    The list of the test split need not be there: its pages are not used. InputError where the
    image tree or another list is missing or damaged.
    """
    require_folder(name, dataset.path)
    if not (dataset.path / "images").is_dir():
        raise problem(name, f"no image tree in {dataset.path}: looked for the folder images")
    lists = {str(split): dataset.path / "labels" / f"{split}.txt" for split in Split}
    for split, file in lists.items():
        if not file.is_file():
            raise problem(name, f"no list of the split {split}: looked for {file}")
    parts = [_read_split(name, file).assign(split=split) for split, file in lists.items()]
    listed = pd.concat(parts, ignore_index=True)
    frame = _files(listed["page"]).assign(split=listed["split"])
    if is_wanted("class", wanted):
        frame["class"] = listed["number"].map(dict(enumerate(DOCUMENT_CLASSES))).astype("str")
    explain = partial(reason_unlisted, "images/", _LISTS)
    test = dataset.path / "labels" / "test.txt"
    if not test.is_file() or not test.stat().st_size:
        return Source(frame, labels=("class",), explain=explain)
    others = _files(_read_split(name, test)["page"]).assign(reason=TEST)
    return Source(frame, labels=("class",), others=others, explain=explain)


def _files(pages: pd.Series) -> pd.DataFrame:
    return pd.DataFrame({"id": without_suffix(pages), "path": "images/" + pages})


def _read_split(name: str, file: Path) -> pd.DataFrame:
    """Return columns page and number (missing where the line has none)."""
    types = {"page": "str", "number": "Int16"}
    table = read_list(name, file, ["page", "number"], types)
    numbers = table["number"].dropna()
    strange = numbers[~numbers.between(0, len(DOCUMENT_CLASSES) - 1)]
    if len(strange):
        raise problem(
            name, f"{file}: class {strange.iloc[0]} is not in 0 … {len(DOCUMENT_CLASSES) - 1}"
        )
    return table
