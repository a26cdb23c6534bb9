"""Shares of regions and pictures, and what is said of them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from anonbench.anonymization.given.gather import (
    GIVEN_COLUMNS,
    findings,
    read_given,
    summarize_given,
)
from anonbench.core.io import write_csv
from anonbench.reporting.privacy_tables import given_grid

NAMES = [f"{number:02d}" for number in range(40)]


def compared(visible: int, partly: int, originals: int = 0) -> pd.DataFrame:
    """Return a face in each of 40 pictures, so many of them visible and partly hidden."""
    states = ["visible"] * visible + ["partly"] * partly
    states += ["hidden"] * (len(NAMES) - len(states))
    shares = {"visible": 0.0, "partly": 0.5, "hidden": 1.0}
    faces = pd.DataFrame(
        {"id": NAMES, "entity": "face", "order": 0, "changed": [shares[s] for s in states]}
    ).assign(state=states)
    whole = pd.DataFrame({"id": NAMES, "entity": "", "order": 0, "changed": 0.25})
    whole["changed"] = whole["changed"].where(whole.index > 0, np.nan)
    state = ["original"] * originals + [""] * (len(NAMES) - originals)
    return pd.concat([faces, whole.assign(state=state)], ignore_index=True)


def summary(
    *reasons: str, clusters: pd.Series | None = None, **programs: pd.DataFrame
) -> pd.DataFrame:
    clusters = pd.Series(range(len(NAMES)), index=NAMES) if clusters is None else clusters
    lacking = pd.DataFrame({"reason": list(reasons)}, dtype=str)
    return summarize_given(programs, lacking, clusters, 0.95)


def of(table: pd.DataFrame, what: str, entity: str = "face") -> pd.Series:
    return table[(table["what"] == what) & (table["entity"] == entity)].iloc[0]


def test_shares_are_those_that_were_counted() -> None:
    found = summary(deface=compared(visible=4, partly=6))
    assert tuple(found.columns) == GIVEN_COLUMNS
    for what, number in (("visible", 4), ("partly", 6), ("hidden", 30)):
        row = of(found, what)
        assert (row["count"], row["n"], row["clusters"]) == (number, 40, 40)
        assert row["value"] == pytest.approx(number / 40)
        assert row["low"] < row["value"] < row["high"]
    assert of(found, "changed")["value"] == pytest.approx((30 + 3) / 40)
    outside = of(found, "outside", "")
    assert (outside["value"], outside["n"]) == (0.25, 39)


def test_photographs_of_one_person_are_no_independent_evidence() -> None:
    table = compared(visible=20, partly=0)
    alone = summary(deface=table)
    pairs = pd.Series([number // 2 for number in range(40)], index=NAMES)
    together = summary(clusters=pairs, deface=table)
    one, other = of(alone, "visible"), of(together, "visible")
    assert other["high"] - other["low"] > 1.2 * (one["high"] - one["low"])


def test_what_is_left_out_is_counted_by_program() -> None:
    reasons = (
        "there is no picture of deface",
        "there is no picture of other",
        "the picture of deface has another size",
        "the picture of deface: truncated or damaged (OSError)",
        "the picture of deface: empty file",
        "no region found",
    )
    found = summary(*reasons, deface=compared(0, 0), other=compared(0, 0))
    counts = found[found["value"].isna()].set_index(["program", "what"])["count"].to_dict()
    assert counts == {
        ("deface", "missing"): 1,
        ("deface", "other_size"): 1,
        ("deface", "broken"): 2,
        ("other", "missing"): 1,
        ("other", "other_size"): 0,
        ("other", "broken"): 0,
    }


def test_what_stays_visible_is_said() -> None:
    assert list(findings(summary(deface=compared(0, 0)))) == []
    found = summary("there is no picture of deface", deface=compared(3, 1, originals=2))
    assert list(findings(found)) == [
        "pictures of deface: 3 of 40 regions that detection found are visible and 1 partly hidden; "
        "2 pictures unchanged; 1 image left out of all image sets"
    ]


def test_the_table_reads_what_was_written(tmp_path: Path) -> None:
    found = summary("there is no picture of a", a=compared(4, 6, originals=1), b=compared(0, 0))
    write_csv(found, tmp_path / "given.csv")
    read = read_given(tmp_path / "given.csv")
    pd.testing.assert_frame_equal(read, found, check_dtype=False)
    assert list(findings(read)) == list(findings(found))
    grid = given_grid("archive", read, 0.95)
    rows = grid.blocks[0].rows
    assert [(row[0], row[1], row[2]) for row in rows[::2]] == [(n, "Face", "40") for n in "ab"]
    assert [row[3].partition(" (")[0] for row in rows[::2]] == ["75.0", "100.0"]
    assert "95 %" in grid.caption
    assert "a: 1 picture unchanged; 1: no picture." in grid.caption
