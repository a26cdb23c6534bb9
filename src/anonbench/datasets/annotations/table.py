"""Boxes as a table, CSV or Parquet: one row a box."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq

from anonbench.core.boxes import QUAD_COLUMNS
from anonbench.core.errors import InputError
from anonbench.datasets.annotations.rows import (
    BOX,
    KEYS,
    MISSING,
    ROW_COLUMNS,
    Rows,
    printable,
    turn_names,
    turns,
)
from anonbench.datasets.source import read_csv


def read_table(file: Path) -> Rows:
    """Read columns id (or path, or both), entity, x0, y0, x1, y1, optionally q0 … q7 and score.

    Ids and paths are taken as they are, white space and all. Other columns are ignored. InputError
    for no such table, a cell that is no number, and corrections with removals, which would become
    boxes.
    """
    frame = load_texts(file)
    if "action" in frame and frame["action"].astype(str).str.strip().eq("remove").any():
        raise InputError(
            f"{file} has corrections (rows with the action remove), as `anonbench review` writes "
            "them, and not boxes only: name it as `corrections` of the data set, or "
            "FOLDER.corrections.csv beside the copies, or take out these rows"
        )
    return make_rows(file, frame, [*BOX, *QUAD_COLUMNS, "score"])


def make_rows(file: Path, frame: pd.DataFrame, numbers: Sequence[str]) -> Rows:
    """Return the rows of a table whose cells may still be text; a missing score is 1."""
    keys = [key for key in KEYS if key in frame]
    missing = [column for column in ("entity", *BOX) if column not in frame]
    if not keys or missing:
        wanted = missing[0] if keys else "id (or path)"
        raise InputError(
            f"{file} has no column {wanted}; a table of boxes needs id (or path), entity, "
            f"{', '.join(BOX)}; a CSV's first line names them, separated by commas"
        )
    table = pd.DataFrame(index=frame.index, columns=ROW_COLUMNS)
    table["where"] = np.arange(1, len(frame) + 1) if file.suffix == ".parquet" else frame.index + 1
    for key in KEYS:
        table[key] = _texts(frame[key]) if key in frame else ""
    table["entity"] = _texts(frame["entity"]).str.strip().str.lower()
    rows = Rows(file, table)
    for key in keys:
        text = "neither text nor a whole number, and may have been another; write it as text"
        rows.refuse(_is_no_name(frame[key]), key, text)
    rows.refuse((table[keys] == "").all(axis=1).to_numpy(), keys[0], "empty; say whose box this is")
    for column in numbers:
        table[column] = _numbers(rows, frame, column)
    table["score"] = table["score"].astype(float).fillna(1.0)
    has_corners = table[QUAD_COLUMNS[0]].notna().to_numpy()
    way_out = "its corners as q0 … q7" if QUAD_COLUMNS[0] in numbers else "the box around it"
    for column in turn_names(frame.columns):
        is_turned = np.array([any(turns({column: cell})) for cell in frame[column]], bool)
        text = f"not read, and the box may be turned; give {way_out}, without this"
        rows.refuse(is_turned & ~has_corners, column, text)
    return rows


def load_texts(file: Path) -> pd.DataFrame:
    """Return a CSV's cells as text without the empty lines, or a Parquet table as it is.

    The index counts the rows from 0, the header and no line else left out. InputError without it.
    """
    if not file.is_file():
        raise InputError(f"{file} does not exist")
    try:
        if file.suffix == ".parquet":
            frame: pd.DataFrame = pq.read_table(file).to_pandas(ignore_metadata=True)
        else:
            frame = _read_cells(file)
    except pd.errors.EmptyDataError:
        raise InputError(f"{file} is empty; its first line must name the columns") from None
    except UnicodeDecodeError:
        raise InputError(f"{file} is no text in UTF-8; save it as CSV in UTF-8") from None
    except Exception as error:  # the libraries may raise anything for a damaged file
        reason = printable((str(error).strip() or type(error).__name__).splitlines()[0])
        raise InputError(f"{file} cannot be read as CSV or Parquet: {reason}") from None
    twice = frame.columns[frame.columns.duplicated()]
    if len(twice):
        raise InputError(
            f"{file} has two columns {printable(str(twice[0]))}; rename one, or take it out"
        )
    return frame


def _read_cells(file: Path) -> pd.DataFrame:
    options = {"encoding": "utf-8-sig"}
    # read separately: pandas renames repeated columns
    names = read_csv(file, header=None, nrows=1, skip_blank_lines=False, **options).iloc[0]
    frame = read_csv(file, skip_blank_lines=False, **options)
    # pandas' own names where a cell of the header is empty
    frame.columns = [
        own if pd.isna(name) else str(name).strip()
        for own, name in zip(frame.columns, names, strict=True)
    ]
    texts = frame.fillna("")
    filled: pd.DataFrame = texts[(texts != "").any(axis=1)]
    return filled


def _is_no_name(values: pd.Series) -> np.ndarray:
    """Mask of cells that are neither text nor whole numbers, bool [N]: 1.0 may have been 1."""
    is_name = [isinstance(v, str | int) and not isinstance(v, bool) for v in values.tolist()]
    return ~np.array(is_name, dtype=bool) & values.notna().to_numpy()


def _texts(values: pd.Series) -> pd.Series:
    return values.astype("object").where(values.notna(), "").astype(str)


def _numbers(rows: Rows, frame: pd.DataFrame, column: str) -> pd.Series:
    """Return a column as float64; NaN where a cell is empty or the column is missing."""
    if column not in frame:
        return pd.Series(np.nan, index=frame.index)
    values = frame[column]
    if pd.api.types.is_numeric_dtype(values):
        return values.astype(float)
    texts = _texts(values).str.strip()
    numbers = pd.to_numeric(texts, errors="coerce").astype(float)
    wrong = numbers.isna() & ~texts.str.lower().isin(MISSING)
    rows.table[column] = texts
    rows.refuse(wrong.to_numpy(), column, f"'{{{column}}}' is not a number")
    return numbers
