"""Table of mAP with intervals for other persons: the numbers of its file, and what it says."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest
from synthetic_tables import make_new_persons

from anonbench.config import Presentation
from anonbench.core.errors import InputError
from anonbench.core.io import write_csv
from anonbench.evaluation.retrieval.new_persons import read_new_persons
from anonbench.reporting.dataset_tables import write_dataset_table
from anonbench.reporting.html.page import sentences
from anonbench.reporting.retrieval.new_persons import new_persons_grid


def test_a_block_a_degree_and_query_kind_and_a_column_a_method() -> None:
    grid = new_persons_grid("a", make_new_persons(), 0.9)
    assert [block.label for block in grid.blocks] == [
        f"With {query} query images, degree {degree} %"
        for degree in (50, 100)
        for query in ("original", "anonymized")
    ]
    assert grid.heads == ("Model", "Pixelate", "Blur", "Mask")
    at_50, *_, at_100 = (block.rows for block in grid.blocks)
    assert at_50 == (
        ("Unadapted", *(3 * ("65.0 (60.0–75.0)",))),
        ("A", *(2 * ("45.0 (40.0–55.0)",)), "–"),
    )
    assert at_100[1] == ("A", *(3 * ("50.0 (45.0–60.0)",)))


def test_the_caption_says_what_intervals_are_for() -> None:
    notes = " ".join(new_persons_grid("a", make_new_persons(), 0.9).notes)
    assert "Intervals of 90 % in brackets hold for other persons" in notes
    assert "in queries and database" in notes and "sample" not in notes
    sampled = " ".join(new_persons_grid("a", make_new_persons(n=200), 0.9).notes)
    assert "(scores are of a sample of 200 queries)" in sampled
    assert len(sentences(notes)) == len(sentences(sampled)) == 2


def test_values_without_an_interval_have_a_reason() -> None:
    grid = new_persons_grid("a", make_new_persons("4 clusters, and at least 8 are needed"), 0.95)
    assert grid.blocks[0].rows[0] == ("Unadapted", "65.0", "65.0", "65.0")
    assert grid.notes[0].startswith("No interval: 4 clusters, and at least 8 are needed; ")
    assert "brackets" not in grid.caption and len(sentences(" ".join(grid.notes))) == 2
    nothing = new_persons_grid("a", make_new_persons().iloc[:0], 0.95)
    assert not nothing.blocks and nothing.notes == ("No scenario was run.",)


def test_the_files_hold_the_same(tmp_path: Path) -> None:
    files = {"new_persons": tmp_path / "new_persons.csv"}
    write_csv(make_new_persons(), files["new_persons"])
    paths = {name: tmp_path / f"table.{name}" for name in ("csv", "md", "tex")}
    write_dataset_table("new_persons", "a", files, Presentation(), *paths.values())
    pd.testing.assert_frame_equal(
        read_new_persons(paths["csv"]), read_new_persons(files["new_persons"])
    )
    cells = "65.0 (60.0–75.0)"
    assert f"| Unadapted | {cells} | {cells} | {cells} |" in paths["md"].read_text("utf-8")
    assert "Unadapted & 65.0" in paths["tex"].read_text("utf-8")
    write_csv(make_new_persons().drop(columns="reason"), files["new_persons"])
    with pytest.raises(InputError, match="column 'reason' is missing"):
        read_new_persons(files["new_persons"])
