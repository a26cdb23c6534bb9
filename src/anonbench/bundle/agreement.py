"""Comparison of recomputed numbers with the published ones: exact, within tolerance, different."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

TOLERANCE = 1e-6
"""Relative and absolute. Another processor's matrix products differ in their last bits, which are
seven decimals down in a similarity."""
_NAMED = 5
"""Differences of one file that are told one by one."""


@dataclass(frozen=True)
class Agreement:
    """Of one file or table with what was made again."""

    part: str
    """What was made again: retrieval, scores, …"""
    name: str
    """The file, or the data set."""
    numbers: int
    exact: int
    close: int
    """Not exactly the same, and within `TOLERANCE`."""
    differences: tuple[str, ...] = ()
    """A line for each of the first differences."""

    @property
    def differ(self) -> int:
        """Numbers that are not the same."""
        return self.numbers - self.exact - self.close


def joined(part: str, name: str, parts: Iterable[Agreement]) -> Agreement:
    """Return several agreements as one."""
    each = list(parts)
    return Agreement(
        part,
        name,
        sum(one.numbers for one in each),
        sum(one.exact for one in each),
        sum(one.close for one in each),
        tuple(line for one in each for line in one.differences),
    )


def of_frames(part: str, name: str, published: pd.DataFrame, again: pd.DataFrame) -> Agreement:
    """Compare tables cell by cell; a text cell counts as a number where it differs.

    Rows are compared in their order. Columns to the left that hold no fractions name a row.
    """
    if list(published.columns) != list(again.columns) or len(published) != len(again):
        shapes = (f"{len(t)} rows of {', '.join(map(str, t.columns))}" for t in (published, again))
        return Agreement(
            part, name, 1, 0, 0, (f"{name}: {' published, '.join(shapes)} made again",)
        )
    agreements: list[Agreement] = []
    keys: list[str] = []
    for column in published.columns:
        a, b = published[column], again[column]
        same, near = _cells(a, b)
        wrong = np.flatnonzero(~same & ~near)
        counted = len(same) if pd.api.types.is_numeric_dtype(a) else len(wrong)
        differences = []
        for row in wrong[:_NAMED]:
            place = ", ".join(str(published[k].iloc[row]) for k in keys if _has(published[k], row))
            text = f"published {a.iloc[row]}, made again {b.iloc[row]}"
            differences.append(f"{name}: {column} of {place or f'row {row + 1}'}: {text}")
        close = int(near.sum())
        exact = counted - close - len(wrong)
        agreements.append(Agreement(part, name, counted, exact, close, tuple(differences)))
        if not pd.api.types.is_float_dtype(a):
            keys.append(column)
    whole = joined(part, name, agreements)
    return replace(whole, differences=whole.differences[:_NAMED])


def of_csv(part: str, name: str, published: Path, again: Path) -> Agreement:
    """Compare two CSV files; see `of_frames`."""
    return of_frames(part, name, _read(published), _read(again))


def of_text(part: str, name: str, published: Path, again: Path) -> Agreement:
    """Compare two texts line by line; a text counts as one number."""
    a, b = (path.read_text(encoding="utf-8").splitlines() for path in (published, again))
    if a == b:
        return Agreement(part, name, 1, 1, 0)
    pairs = zip([*a, *[""] * len(b)], [*b, *[""] * len(a)], strict=False)
    line = next(number for number, (x, y) in enumerate(pairs, start=1) if x != y)
    return Agreement(part, name, 1, 0, 0, (f"{name}: line {line} is another one made again",))


def of_values(
    part: str, name: str, published: Mapping[str, Any], again: Mapping[str, Any]
) -> Agreement:
    """Compare nested plain data, such as JSON holds, by the keys of what was made again."""
    rows = sorted(_leaves("", again))
    known = dict(_leaves("", published))
    fields = [field for field, _ in rows]
    numeric = [
        (field, value)
        for field, value in rows
        if isinstance(value, int | float) and isinstance(known.get(field), int | float)
    ]
    other = [(f, v) for f, v in rows if f not in dict(numeric) and v != known.get(f)]
    frames = [
        pd.DataFrame({"field": [f for f, _ in numeric], "value": values}).astype({"value": float})
        for values in ([known[f] for f, _ in numeric], [v for _, v in numeric])
    ]
    wrong = [
        f"{name}: {field}: published {known.get(field, 'nothing')}, made again {value}"
        for field, value in other
    ]
    assert len(set(fields)) == len(fields)
    return joined(
        part,
        name,
        [of_frames(part, name, *frames), Agreement(part, name, len(wrong), 0, 0, tuple(wrong))],
    )


def _cells(a: pd.Series, b: pd.Series) -> tuple[np.ndarray, np.ndarray]:
    """Return which cells of two columns are the same, and which nearly are, bool [N] each."""
    if not (pd.api.types.is_numeric_dtype(a) and pd.api.types.is_numeric_dtype(b)):
        same = (_texts(a) == _texts(b)).to_numpy(bool)
        return same, np.zeros(len(same), dtype=bool)
    x, y = (column.to_numpy(np.float64, na_value=np.nan) for column in (a, b))
    same = (x == y) | (np.isnan(x) & np.isnan(y))
    return same, np.isclose(x, y, rtol=TOLERANCE, atol=TOLERANCE) & ~same


def _has(column: pd.Series, row: int) -> bool:
    return bool(pd.notna(column.iloc[row]))


def _texts(column: pd.Series) -> pd.Series:
    return column.astype("object").where(column.notna(), "").astype("str")


def _leaves(path: str, value: Any) -> Iterable[tuple[str, Any]]:
    if isinstance(value, Mapping):
        for key, entry in value.items():
            yield from _leaves(f"{path}.{key}" if path else str(key), entry)
    elif isinstance(value, list):
        for number, entry in enumerate(value):
            yield from _leaves(f"{path}[{number}]", entry)
    else:
        yield path, value


def _read(path: Path) -> pd.DataFrame:
    frame: pd.DataFrame = pd.read_csv(path, float_precision="round_trip")
    return frame
