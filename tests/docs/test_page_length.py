"""Pages that can be read: short lines, short cells, explanations of at most 1,500 words."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from site_tools import ROOT

LINE, CELL, WORDS = 120, 160, 1500
MORE_WORDS = {"findings.md": 2500}
GENERATED = re.compile(r"^<!-- Writ(?:ten|e)\b.*Do not edit", flags=re.MULTILINE)
PAGES = [
    page
    for folder in ("explanation", "reference")
    for page in sorted((ROOT / "docs" / folder).glob("*.md"))
    if not GENERATED.search(page.read_text("utf-8"))
]
CODE = re.compile(r"^```.*?^```", flags=re.DOTALL | re.MULTILINE)


def too_long(text: str) -> list[str]:
    """Lines outside of tables and cells of tables that are too long."""
    found = []
    for line in CODE.sub("", text).splitlines():
        cells = re.split(r"(?<!\\)\|", line) if line.startswith("|") else [line]
        most = CELL if line.startswith("|") else LINE
        found += [cell for cell in cells if len(cell.strip()) > most]
    return found


def words(text: str) -> int:
    """Number of words of a page that a reader sees, without code."""
    shown = re.sub(r"<!--.*?-->", "", CODE.sub("", text), flags=re.DOTALL)
    return sum(any(sign.isalnum() for sign in word) for word in shown.split())


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_a_page_has_short_lines(page: Path) -> None:
    assert too_long(page.read_text("utf-8")) == []


@pytest.mark.parametrize(
    "page",
    [page for page in PAGES if page.parent.name == "explanation"],
    ids=lambda page: page.name,
)
def test_an_explanation_is_short(page: Path) -> None:
    assert words(page.read_text("utf-8")) <= MORE_WORDS.get(page.name, WORDS)


def test_what_is_too_long_is_found() -> None:
    text = f"{'a' * 120}\n{'b' * 121}\n| {'c' * 160} | {'d' * 161} |\n```\n{'e' * 300}\n```\n"
    assert [len(found.strip()) for found in too_long(text)] == [121, 161]
    assert words("Two words <!-- not these -->| – | 3 |\n```\nno code\n```\n") == 3
