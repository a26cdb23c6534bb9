"""The page of findings: its tables and numbers are those of the files beside it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from PIL import Image

from site_tools import ROOT, load

FINDINGS = load("findings")
PICTURES = ROOT / "docs/images/findings"
TEXT = FINDINGS.PAGE.read_text("utf-8")


def test_its_tables_and_numbers_are_those_of_its_files() -> None:
    assert FINDINGS.with_tables(TEXT) == TEXT, "stale: python tools/site/findings.py"
    running = re.sub(r"(?s)<!-- (table: [\w/]+|elsewhere) -->.*?<!-- end -->", "", TEXT)
    assert re.findall(r"\d+\.\d %(?!( \([^)]*\))?<!-- [\w/]+: )", running) == []
    assert len(FINDINGS.numbers(TEXT)) >= 20
    assert (
        len(FINDINGS.INTERVAL.findall(TEXT)) == len(re.findall(r"<!--[^>]* interval, ", TEXT)) >= 8
    )
    assert FINDINGS.with_numbers(TEXT) == TEXT, "stale: python tools/site/findings.py"


def test_a_cell_is_one_row() -> None:
    with pytest.raises(ValueError, match=r"rows of models\.csv have original"):
        FINDINGS.value("models", ["value", "original"])


@pytest.mark.parametrize(
    ("number", "cell", "expected"),
    [
        ("1.0", "models: value, original, map, mask, B, adapting", "−0.4"),
        ("+1", "models: value, original, map, mask, C, adapting", "+5"),
        ("0", "models: n, original, map, mask, C, adapting", "1997"),
        ("0", "claims: holds, unadapted_wins, ours, all", "12"),
        (
            "0 % (0 to +0)",
            "models: value interval, original, map, mask, C, adapting",
            "5 % (4 to +5)",
        ),
    ],
)
def test_digits_sign_and_scale_are_of_the_place(number: str, cell: str, expected: str) -> None:
    assert FINDINGS.with_numbers(f"{number}<!-- {cell} -->") == f"{expected}<!-- {cell} -->"


def test_each_finding_has_a_figure(tmp_path: Path) -> None:
    drawn = load("findings_figures").figures()
    shown = re.findall(r"\]\(\.\./images/findings/(\w+)\.png\)", TEXT)
    assert sorted(shown) == sorted(drawn) == sorted(each.stem for each in PICTURES.iterdir())
    for name, draw in drawn.items():
        draw(tmp_path / f"{name}.png")
        sizes = [Image.open(folder / f"{name}.png").size for folder in (tmp_path, PICTURES)]
        assert sizes[0] == sizes[1], "stale: python tools/site/findings_figures.py"
