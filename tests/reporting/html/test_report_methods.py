"""Methods compared with each other, counted by hand."""

from __future__ import annotations

import pandas as pd

from anonbench.evaluation.comparisons.pairwise import METHOD_COLUMNS
from anonbench.reporting.html.methods import methods_grid


def test_verdicts_on_pairs_of_methods_are_counted() -> None:
    cell = dict.fromkeys(METHOD_COLUMNS, 0) | {"degree": 100, "a": "blur", "b": "mask"}
    verdicts = ("better", "better", "worse", "not known")
    rows = [cell | {"metric": "map", "verdict": verdict} for verdict in verdicts]
    rows.append(cell | {"metric": "rbo", "verdict": "better"})  # no measure of the report
    rows.append(cell | {"metric": "knn", "verdict": "equivalent", "b": "pixelate"})
    grid = methods_grid({"ids": pd.DataFrame(rows)})
    assert grid is not None
    assert grid.heads[3:] == (
        *("better", "worse", "equivalent", "not worse", "not better", "undecided", "not known"),
    )
    assert grid.blocks[0].rows == (
        ("ids", "100 %", "Blur, compared with Mask", "2", "1", "0", "0", "0", "0", "1"),
        ("ids", "100 %", "Blur, compared with Pixelate", "0", "0", "1", "0", "0", "0", "0"),
    )


def test_without_tests_there_is_no_table() -> None:
    assert methods_grid({"ids": pd.DataFrame(columns=METHOD_COLUMNS)}) is None
    assert methods_grid({}) is None
