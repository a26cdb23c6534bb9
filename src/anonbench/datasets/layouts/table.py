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
    paths = _filled(name, file, table, "path")
    base = f"{str(file.parent.absolute()).rstrip('/')}/"
    paths = paths.map(lambda path: plain_path(path).removeprefix(base))
    _refuse_detours(name, file, paths)
    own_ids = "id" in columns
    ids = _filled(name, file, table, "id") if own_ids else _ids(paths)
    _require_harmless(name, file, ids, paths, own_ids)
    frame = pd.DataFrame({"id": ids, "path": paths, "split": None})
    if PAGE in columns:
        frame[PAGE] = _page_numbers(name, file, table[PAGE])
    others = pd.DataFrame(columns=OTHERS, dtype="str")
    if "split" in columns and dataset.split == "official":
        given = _filled(name, file, table, "split").str.lower()
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
    """Return why a file beside the images is not used."""
    return LIST_FILE if path == table else NOT_NAMED


def _column_names(name: str, file: Path) -> list[str]:
    if not file.exists():
        raise problem(name, f"the table {file} does not exist")
    if file.is_dir():
        raise problem(name, f"{file} is a folder; this layout needs a CSV or Parquet file")
    if not file.is_file():
        raise problem(name, f"{file} is a pipe or device; this layout needs a CSV or Parquet file")
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


def _filled(name: str, file: Path, table: pd.DataFrame, column: str) -> pd.Series:
    """Return a column as text; refuse empty cells."""
    values = table[column]
    empty = values.isna() | (values.astype("str").str.strip() == "")
    if empty.any():
        raise problem(name, f"{_row(file, int(empty.to_numpy().argmax()))} has no {column}")
    return values.astype("str")


def _page_numbers(name: str, file: Path, values: pd.Series) -> pd.Series:
    """Return the pages that rows name; missing where a row names a whole file."""
    numbers = pd.to_numeric(values, errors="coerce")
    wrong = (values.notna() & ~numbers.isin(range(1, MOST_PAGES + 1))).to_numpy()
    if wrong.any():
        row = _row(file, int(wrong.argmax()))
        raise problem(name, f"{row}: {PAGE} is no page's number, 1 to {MOST_PAGES}")
    return numbers.astype("Int16")


def _refuse_detours(name: str, file: Path, paths: pd.Series) -> None:
    """Raise InputError for `..` after a folder: with links, its file is not the one that it seems.

    It could not be compared with the same path in a file of boxes either.
    """
    detours = paths.str.contains(r"(?:^|/)(?!\.\./)[^/]+/\.\.(?:/|$)", regex=True)
    if detours.any():
        row = int(detours.to_numpy().argmax())
        text = f"{_row(file, row)}, path: {paths.iloc[row]!r} goes back by '..' after a folder"
        raise problem(name, f"{text}; write it without")


def _require_harmless(
    name: str, file: Path, ids: pd.Series, paths: pd.Series, own_ids: bool
) -> None:
    """Raise InputError for an id that cannot be one, or a path with control characters."""
    problems = id_problems(ids)
    wrong = (problems != "").to_numpy()
    if wrong.any():
        row = int(wrong.argmax())
        way = "give it another id" if own_ids else "add a column `id`, or rename the file"
        text = f"{_row(file, row)}: the id {ids.iloc[row]!r} {problems.iloc[row]}; {way}"
        raise problem(name, text)
    if (control := paths.str.contains(CONTROL).to_numpy()).any():
        text = "the path has a line break or another control character; rename the file"
        raise problem(name, f"{_row(file, int(control.argmax()))}: {text}")


def _row(file: Path, row: int) -> str:
    return f"{file}: row {row + 1} (the header not counted)"


def _ids(paths: pd.Series) -> pd.Series:
    return without_suffix(paths).str.replace(r"^(/|(\.\./)+)", "", regex=True)
