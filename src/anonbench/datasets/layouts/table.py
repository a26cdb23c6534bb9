"""Data set from a user's table: CSV or Parquet with `path`, optional `id`, `split` and labels."""

from __future__ import annotations

from collections.abc import Collection
from functools import partial
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from anonbench.config import DataSource
from anonbench.core.vocabulary import Split
from anonbench.datasets.documents import PAGE
from anonbench.datasets.files.reasons import LIST_FILE, NOT_NAMED, TEST
from anonbench.datasets.formats.pages import MOST_PAGES
from anonbench.datasets.ids import CONTROL, id_problems
from anonbench.datasets.source import (
    OTHERS,
    Source,
    is_wanted,
    plain_path,
    problem,
    read_csv,
    without_suffix,
)

# of the manifest itself: made anew, so that a manifest can be given as a table
RESERVED = frozenset({"id", "path", "split", "width", "height", "bytes", "digest", PAGE})
_SPLITS = {"train": str(Split.TRAIN), "val": str(Split.VAL), "validation": str(Split.VAL)}
_TEST = "test"
_ENCODING = "utf-8-sig"  # with or without a byte order mark


def read(name: str, dataset: DataSource, wanted: Collection[str] | None) -> Source:
    """List a table. `path` is relative to the table's folder, or absolute.

    Cells of a CSV are text. Without a column `id` it is the path without suffix. Rows of the split
    `test` are not used. One with a number in the column `document_page` is that page of a PDF or
    TIFF file.

    Raises:
        InputError: no such file, no column `path`, an empty cell, an unknown split, a path with a
            detour, or an id that cannot name an image.

    """
    file = dataset.path
    columns = _column_names(name, file)
    if "path" not in columns:
        # the names are not shown: without a header they are data
        text = f"{file} has no column `path`; a CSV's first line must name the columns"
        raise problem(name, text)
    labels = [column for column in columns if column not in RESERVED]
    used = [column for column in ("id", "path", "split", PAGE) if column in columns]
    use = used + [column for column in labels if is_wanted(column, wanted)]
    table = _load(name, file, use)

    def refuse(bad: pd.Series, text: str, values: pd.Series | None = None) -> None:
        if bad.any():
            row = int(bad.to_numpy(bool).argmax())
            shown = "" if values is None else repr(values.iloc[row])
            where = f"{file}: row {row + 1} (the header not counted)"
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
    frame = frame.join(table[use[len(used) :]]).reset_index(drop=True)
    explain = partial(_explain, file.name)
    return Source(frame, labels=tuple(labels), others=others, explain=explain)


def _explain(table: str, path: str) -> str:
    """Reason why a file beside the images is not used."""
    return LIST_FILE if path == table else NOT_NAMED


def _column_names(name: str, file: Path) -> list[str]:
    if not file.is_file():
        fault = "is a folder" if file.is_dir() else "is a pipe or device"
        need = f"{file} {fault}; this layout needs a CSV or Parquet file"
        raise problem(name, need if file.exists() else f"the table {file} does not exist")
    try:
        if file.suffix == ".parquet":
            return [str(column) for column in pq.read_schema(file).names]
        return [str(column) for column in read_csv(file, nrows=0, encoding=_ENCODING).columns]
    except pd.errors.EmptyDataError:
        raise problem(name, f"the table {file} is empty") from None
    except (ValueError, OSError, pa.ArrowException) as error:
        raise _unreadable(name, file, error) from None


def _load(name: str, file: Path, use: list[str]) -> pd.DataFrame:
    try:
        if file.suffix == ".parquet":
            table: pd.DataFrame = pq.read_table(file, columns=use).to_pandas()
            # whole numbers stay whole where some are missing
            return table.convert_dtypes(convert_string=False, convert_floating=False)
        return read_csv(file, usecols=use, encoding=_ENCODING)[use]
    except (ValueError, OSError, pa.ArrowException) as error:
        raise _unreadable(name, file, error) from None


def _unreadable(name: str, file: Path, error: Exception) -> Exception:
    reason = str(error).strip().splitlines()[0]
    return problem(name, f"{file} cannot be read as CSV or Parquet: {reason}")
