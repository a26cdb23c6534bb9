"""Boxes as a table, CSV or Parquet: one row a box."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from anonbench.annotations.rows import BOX, ROW_COLUMNS, Rows
from anonbench.boxes import QUAD_COLUMNS
from anonbench.datasets.source import read_csv
from anonbench.errors import InputError


def read_table(file: Path) -> Rows:
    """Read columns id (or path), entity, x0, y0, x1, y1, where present q0 … q7 and score.

    Other columns are not looked at. A CSV has a first line with the columns' names, commas between
    cells and points in numbers; empty lines are skipped.

    Raises:
        InputError: no such table, a column that is missing, a cell that is no number.

    """
    return make_rows(file, load_texts(file), [*BOX, *QUAD_COLUMNS, "score"])


def make_rows(file: Path, frame: pd.DataFrame, numbers: Sequence[str]) -> Rows:
    """Return the rows of a table whose cells may still be text; a missing score is 1.

    Raises:
        InputError: see `read_table`.

    """
    name = next((name for name in ("id", "path") if name in frame), None)
    lacking = [column for column in ("entity", *BOX) if column not in frame]
    if name is None or lacking:
        wanted = "id (or path)" if name is None else lacking[0]
        raise InputError(
            f"{file} has no column {wanted}; a table of boxes needs id (or path), entity, "
            f"{', '.join(BOX)}; a CSV's first line names them, separated by commas"
        )
    table = pd.DataFrame(index=frame.index, columns=ROW_COLUMNS)
    table["where"] = np.arange(1, len(frame) + 1) if file.suffix == ".parquet" else frame.index + 1
    table["image"] = _texts(frame[name])
    table["entity"] = _texts(frame["entity"]).str.lower()
    table["exact"] = name == "id"
    rows = Rows(file, table)
    rows.refuse((table["image"] == "").to_numpy(), name, "empty; say whose box this is")
    for column in numbers:
        table[column] = _numbers(rows, frame, column)
    table["score"] = table["score"].astype(float).fillna(1.0)
    return rows


def load_texts(file: Path) -> pd.DataFrame:
    """Return a CSV's cells as text without the empty lines, or a Parquet table as it is.

    The index counts the rows from 0, the header and no line else left out.

    Raises:
        InputError: no such file, or no such table.

    """
    if not file.is_file():
        raise InputError(f"{file} does not exist")
    try:
        if file.suffix == ".parquet":
            whole: pd.DataFrame = pq.read_table(file).to_pandas().reset_index(drop=True)
            return whole
        frame = read_csv(
            file, dtype=str, keep_default_na=False, encoding="utf-8-sig", skip_blank_lines=False
        )
    except pd.errors.EmptyDataError:
        raise InputError(f"{file} is empty; its first line must name the columns") from None
    except (ValueError, OSError, pa.ArrowException) as error:
        reason = str(error).strip().splitlines()[0]
        raise InputError(f"{file} cannot be read as CSV or Parquet: {reason}") from None
    frame.columns = [str(column).strip() for column in frame.columns]
    texts = frame.fillna("")
    filled: pd.DataFrame = texts[(texts != "").any(axis=1)]
    return filled


def _texts(values: pd.Series) -> pd.Series:
    return values.astype("object").where(values.notna(), "").astype(str).str.strip()


def _numbers(rows: Rows, frame: pd.DataFrame, column: str) -> pd.Series:
    """Return a column as float64; NaN where a cell is empty or the column is missing."""
    if column not in frame:
        return pd.Series(np.nan, index=frame.index)
    values = frame[column]
    if pd.api.types.is_numeric_dtype(values):
        return values.astype(float)
    texts = _texts(values)
    numbers = pd.to_numeric(texts, errors="coerce").astype(float)
    wrong = numbers.isna() & ~texts.str.lower().isin(["", "nan"])
    rows.table[column] = texts
    rows.refuse(wrong.to_numpy(), column, f"'{{{column}}}' is not a number")
    return numbers
