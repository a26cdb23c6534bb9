"""The page of findings: its tables and numbers are those of the files beside it."""

from __future__ import annotations

import re

import pytest

from site_tools import load

FINDINGS = load("findings")
TEXT = FINDINGS.PAGE.read_text("utf-8")


def test_its_tables_are_those_of_its_files() -> None:
    assert FINDINGS.with_tables(TEXT) == TEXT, "stale: python tools/site/findings.py"


def wrong(text: str) -> list[str]:
    """Return the numbers that are not what their cell says, as they would have to be."""
    found = []
    for number, file, cell in FINDINGS.numbers(text):
        decimals = len(number.partition(".")[2])
        value = FINDINGS.value(file, cell) * (1 if file in FINDINGS.AS_THEY_ARE else 100)
        expected = f"{value:.{decimals}f}".replace("-", "−")
        if number != expected:
            found.append(f"{number} is {expected}: {', '.join(cell)}")
    return found


def test_its_numbers_are_those_of_its_files() -> None:
    assert len(FINDINGS.numbers(TEXT)) >= 8
    assert wrong(TEXT) == []


def test_a_wrong_number_is_found() -> None:
    _, file, cell = FINDINGS.numbers(TEXT)[0]
    (found,) = wrong(f"It keeps 123.4 %<!-- {file}: {', '.join(cell)} -->.")
    assert found.startswith("123.4 is ")


def test_each_share_says_where_it_stands() -> None:
    running = re.sub(r"(?s)<!-- (table: \w+|elsewhere) -->.*?<!-- end -->", "", TEXT)
    assert re.findall(r"\d+\.\d %(?!<!-- \w+: )", running) == []


def test_a_cell_is_one_row() -> None:
    with pytest.raises(ValueError, match=r"rows of systems\.csv have original"):
        FINDINGS.value("systems", ["value", "original"])
