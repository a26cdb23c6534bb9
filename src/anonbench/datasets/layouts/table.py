"""Data set from a table: CSV or Parquet with `path`, optional `id`, `split` and labels."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

import pandas as pd

from anonbench.config import DataSource
from anonbench.core.errors import InputError
from anonbench.core.vocabulary import Split
from anonbench.datasets.annotations.table import load_texts
from anonbench.datasets.documents import PAGE
from anonbench.datasets.formats.pages import MOST_PAGES
from anonbench.datasets.ids import CONTROL, id_problems
from anonbench.datasets.source import OTHERS, Source, is_wanted, plain_path, problem, without_suffix
from anonbench.datasets.walk import LIST_FILE, NOT_NAMED, TEST

# of the manifest itself: made anew, so that a manifest can be given as a table
RESERVED = frozenset({"id", "path", "split", "width", "height", "bytes", "digest", PAGE})
_SPLITS = {"train": str(Split.TRAIN), "val": str(Split.VAL), "validation": str(Split.VAL)}
_TEST = "test"


def read(name: str, dataset: DataSource, wanted: Collection[str] | None) -> Source:
    """List a table. `path` is relative to the table's folder, or absolute.

    Without a column `id` it is the path without suffix. Rows of the split `test` are not used. One
    with a number in the column `document_page` is that page of a PDF or TIFF file. InputError for
    anything that is no such table.
    """
    file = dataset.path
    table = _load(name, file)
    columns = [str(column) for column in table.columns]
    if "path" not in columns:
        # the names are not shown: without a header they are data
        text = "has no column `path`; a CSV's first line must name the columns"
        raise problem(name, f"{file} {text}")
    labels = [column for column in columns if column not in RESERVED]

    def refuse(bad: pd.Series, text: str, values: pd.Series | None = None) -> None:
        if bad.any():
            row = int(bad.to_numpy(bool).argmax())
            shown = "" if values is None else repr(values.iloc[row])
            where = f"{file}: row {bad.index[row] + 1} (the header not counted)"
            raise problem(name, where + text.replace("{value}", shown))

    def filled(column: str) -> pd.Series:
        values = table[column]
        empty = values.isna() | (values.astype("str").str.strip() == "")
        refuse(empty, f" has no {column}")
        return values.astype("str")

    base = f"{str(file.parent.absolute()).rstrip('/')}/"
    paths = filled("path").map(lambda path: plain_path(path).removeprefix(base))
    # with links, the file of a detour is not the one that it seems, nor to be compared with others
    detours = paths.str.contains(r"(?:^|/)(?!\.\./)[^/]+/\.\.(?:/|$)", regex=True)
    refuse(detours, ", path: {value} goes back by '..' after a folder; write it without", paths)
    way = "give it another id" if "id" in columns else "add a column `id`, or rename the file"
    ids = without_suffix(paths).str.replace(r"^(/|(\.\./)+)", "", regex=True)
    ids = filled("id") if "id" in columns else ids
    problems = id_problems(ids)
    for text in problems[problems != ""].iloc[:1]:
        refuse(problems != "", f": the id {{value}} {text}; {way}", ids)
    control = "the path has a line break or another control character; rename the file"
    refuse(paths.str.contains(CONTROL), f": {control}")
    frame = pd.DataFrame({"id": ids, "path": paths, "split": None})
    if PAGE in columns:
        numbers = pd.to_numeric(table[PAGE], errors="coerce")
        wrong = table[PAGE].notna() & ~numbers.isin(range(1, MOST_PAGES + 1))
        refuse(wrong, f": {PAGE} is no page's number, 1 to {MOST_PAGES}")
        frame[PAGE] = numbers.astype("Int16")
    others = pd.DataFrame(columns=OTHERS, dtype="str")
    if "split" in columns and dataset.split == "official":
        given = filled("split").str.lower()
        unknown = given[~given.isin([*_SPLITS, _TEST])]
        if len(unknown):
            raise problem(name, f"{file}: split {unknown.iloc[0]!r} is none of train, val, test")
        frame["split"] = given.map(_SPLITS)
        others = frame.loc[given == _TEST, ["id", "path"]].assign(reason=TEST)
        frame = frame[given != _TEST]
    shown = [column for column in labels if is_wanted(column, wanted)]
    frame = frame.join(table[shown]).reset_index(drop=True)
    return Source(
        frame,
        labels=tuple(labels),
        others=others,
        explain=lambda path: LIST_FILE if path == file.name else NOT_NAMED,
    )


def _load(name: str, file: Path) -> pd.DataFrame:
    """Return the table with its empty cells missing; whole numbers stay whole beside them."""
    if file.exists() and not file.is_file():
        fault = "is a folder" if file.is_dir() else "is a pipe or device"
        raise problem(name, f"{file} {fault}; this layout needs a CSV or Parquet file")
    try:
        table = load_texts(file)
    except InputError as error:
        raise problem(name, f"the table {error}") from None
    if file.suffix == ".parquet":
        return table.convert_dtypes(convert_string=False, convert_floating=False)
    return table.mask(table == "")
