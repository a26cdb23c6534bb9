"""Table of the effect of other programs on the regions that detection found."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import pandas as pd

from anonbench.anonymization.given.compare import HIDDEN_FROM, ORIGINAL, VISIBLE_TO, State
from anonbench.anonymization.given.gather import CHANGED, LEFT_OUT, OUTSIDE
from anonbench.core.registries.tables import Grid, GridBlock
from anonbench.core.wording import count
from anonbench.reporting.labels import ENTITIES, NONE, interval
from anonbench.reporting.notes import notes

_SHARES = (*(state.value for state in State), CHANGED)
_LEFT_OUT = dict(zip(LEFT_OUT, ("no picture", "another size", "not readable"), strict=True))


def given_grid(dataset: str, given: pd.DataFrame, confidence: float) -> Grid:
    """One row per program and entity, and one for whole pictures."""
    rows = [
        row
        for program, table in given.groupby("program", sort=False)
        for row in _rows(str(program), table)
    ]
    return Grid(
        stem=f"given_{dataset}",
        title=f"Regions in the pictures of other programs in percent, {dataset}",
        heads=("Program", "Found by us", "Number", "Hidden", "Partly", "Visible", "Area changed"),
        blocks=(GridBlock("", tuple(rows)),),
        notes=notes(
            "given",
            hidden=HIDDEN_FROM,
            visible=VISIBLE_TO,
            confidence=confidence,
            left_out=_left_out(given),
        ),
        left=2,
    )


def _rows(program: str, table: pd.DataFrame) -> Iterator[tuple[str, ...]]:
    for entity in dict.fromkeys(table.loc[table["entity"] != "", "entity"]):
        of = _rows_by_what(table[table["entity"] == entity])
        number = f"{of[State.HIDDEN.value]['n']:,}"
        yield program, ENTITIES.get(entity, entity), number, *(_cell(of[what]) for what in _SHARES)
    of = _rows_by_what(table[table["entity"] == ""])
    rest = (NONE, NONE, NONE, _cell(of[OUTSIDE]))
    yield program, "Nothing (rest of the picture)", f"{of[ORIGINAL]['n']:,}", *rest


def _rows_by_what(table: pd.DataFrame) -> dict[str, dict[str, Any]]:
    return {
        str(row["what"]): {str(k): v for k, v in row.items()} for row in table.to_dict("records")
    }


def _cell(row: Mapping[str, Any]) -> str:
    return interval(row["value"], row["low"], row["high"])


def _left_out(given: pd.DataFrame) -> dict[str, list[str]]:
    """Numbers of pictures that are in no image set, by program."""
    found = {}
    for program, table in given.groupby("program", sort=False):
        of = table[table["entity"] == ""].set_index("what")["count"].astype(float)
        parts = [f"{count(int(of[ORIGINAL]), 'picture')} unchanged"] if of[ORIGINAL] else []
        parts += [f"{int(of[what]):,}: {text}" for what, text in _LEFT_OUT.items() if of[what]]
        if parts:
            found[str(program)] = parts
    return found
