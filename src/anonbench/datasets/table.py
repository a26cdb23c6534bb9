"""A table of one's own, CSV or Parquet: `path`, optional `id` and `split`, any label columns."""

from __future__ import annotations

import os
from collections.abc import Collection
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from anonbench.config import DataSource
from anonbench.datasets.source import Source, is_wanted, problem, read_csv, without_suffix
from anonbench.vocabulary import Split

# of the manifest itself: made anew, so that a manifest can be given as a table
RESERVED = frozenset({"id", "path", "split", "width", "height", "bytes", "digest"})
_SPLITS = {"train": str(Split.TRAIN), "val": str(Split.VAL), "validation": str(Split.VAL)}
_TEST = "test"
_ENCODING = "utf-8-sig"  # with or without a byte order mark


def read(name: str, dataset: DataSource, wanted: Collection[str] | None) -> Source:
    """List a table. `path` is relative to the table's folder, or absolute.

    Without a column `id` it is the path without suffix. Rows of the split `test` are not used.

    Raises:
        InputError: no such file, no column `path`, an empty cell or an unknown split.

    """
    file = dataset.path
    columns = _column_names(name, file)
    if "path" not in columns:
        # the names are not shown: without a header they are data
        text = f"{file} has no column `path`; a CSV's first line must name the columns"
        raise problem(name, text)
    labels = [column for column in columns if column not in RESERVED]
    own = [column for column in ("id", "path", "split") if column in columns]
    use = own + [column for column in labels if is_wanted(column, wanted)]
    table = _load(name, file, columns, use)
    paths = _filled(name, file, table, "path")
    paths = paths.map(lambda path: _relative(path, file.parent))
    ids = _filled(name, file, table, "id") if "id" in columns else _ids(paths)
    frame = pd.DataFrame({"id": ids, "path": paths, "split": None})
    if "split" in columns and dataset.split == "official":
        given = _filled(name, file, table, "split").str.lower()
        unknown = given[~given.isin([*_SPLITS, _TEST])]
        if len(unknown):
            raise problem(name, f"{file}: split {unknown.iloc[0]!r} is none of train, val, test")
        frame["split"] = given.map(_SPLITS)
        frame = frame[given != _TEST]
    frame = frame.join(table[use[len(own) :]]).reset_index(drop=True)
    return Source(frame, labels=tuple(labels))


def _column_names(name: str, file: Path) -> list[str]:
    if not file.exists():
        raise problem(name, f"the table {file} does not exist")
    if file.is_dir():
        raise problem(name, f"{file} is a folder; this layout needs a CSV or Parquet file")
    try:
        if file.suffix == ".parquet":
            return [str(column) for column in pq.read_schema(file).names]
        return [str(column) for column in read_csv(file, nrows=0, encoding=_ENCODING).columns]
    except pd.errors.EmptyDataError:
        raise problem(name, f"the table {file} is empty") from None
    except (ValueError, OSError, pa.ArrowException) as error:
        raise _unreadable(name, file, error) from None


def _load(name: str, file: Path, columns: list[str], use: list[str]) -> pd.DataFrame:
    try:
        if file.suffix == ".parquet":
            table = pq.read_table(file, columns=use).to_pandas()
        else:
            texts = {column: "str" for column in ("id", "path", "split") if column in columns}
            table = read_csv(file, usecols=use, dtype=texts, encoding=_ENCODING)[use]
    except (ValueError, OSError, pa.ArrowException) as error:
        raise _unreadable(name, file, error) from None
    # whole numbers stay whole where some are missing
    whole: pd.DataFrame = table.convert_dtypes(convert_string=False, convert_floating=False)
    return whole


def _unreadable(name: str, file: Path, error: Exception) -> Exception:
    reason = str(error).strip().splitlines()[0]
    return problem(name, f"{file} cannot be read as CSV or Parquet: {reason}")


def _filled(name: str, file: Path, table: pd.DataFrame, column: str) -> pd.Series:
    """Return a column as text; refuse empty cells."""
    values = table[column]
    empty = values.isna() | (values.astype("str").str.strip() == "")
    if empty.any():
        row = int(empty.to_numpy().argmax()) + 1
        raise problem(name, f"{file}: row {row} (the header not counted) has no {column}")
    return values.astype("str")


def _relative(path: str, folder: Path) -> str:
    """Return a path relative to the table's folder; an absolute one stays so where outside."""
    if not path.startswith("/"):
        return os.path.normpath(path)
    inside = os.path.relpath(path, folder.absolute())
    return os.path.normpath(path) if inside.startswith("../") else inside


def _ids(paths: pd.Series) -> pd.Series:
    return without_suffix(paths).str.replace(r"^(/|(\.\./)+)", "", regex=True)
