"""Sizes of hand-written pages: guides and explanations, lines and table cells are short."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
GUIDES = sorted((ROOT / "docs/how-to").glob("*.md"))
EXPLANATIONS = sorted((ROOT / "docs/explanation").glob("*.md"))
GENERATED = re.compile(r"^<!-- Writ(?:ten|e)\b.*Do not edit", flags=re.MULTILINE)
PAGES = [
    *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "docs/README.md")),
    *sorted((ROOT / "docs/tutorials").glob("*.md")),
    *GUIDES,
    *EXPLANATIONS,
    *(
        page
        for page in sorted((ROOT / "docs/reference").glob("*.md"))
        if not GENERATED.search(page.read_text("utf-8"))
    ),
]
MOST_LINES, MOST_IN_ALL, MOST_CHARACTERS, MOST_IN_A_CELL = 125, 1900, 120, 160
MOST_SHOWN, MOST_FOLDS = 46, 5
"""Lines that fill a screen of 1,400 x 1,000 pixels, and closed folds of a guide."""
FOLD = re.compile(r"<details\b(?![^>]*\bopen\b).*?</details>", flags=re.DOTALL)
MOST_WORDS = {"findings.md": 2500}
MOST_WORDS_ELSEWHERE = 1500


def too_long(text: str) -> list[str]:
    """Lines of prose and cells of tables that are too long; what a command prints is not ours."""
    prose = re.sub(r"^ *```.*?^ *```", "", text, flags=re.DOTALL | re.MULTILINE)
    lines = [line for line in prose.splitlines() if not line.lstrip().startswith("|")]
    cells = [
        cell.strip()
        for line in prose.splitlines()
        if line.lstrip().startswith("|")
        for cell in re.split(r"(?<!\\)\|", line)
    ]
    return [line for line in lines if len(line) > MOST_CHARACTERS] + [
        cell for cell in cells if len(cell) > MOST_IN_A_CELL
    ]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_lines_and_cells_are_short(page: Path) -> None:
    assert too_long(page.read_text("utf-8")) == []


def test_a_long_line_and_cell_are_found() -> None:
    code = f"```\n{'d' * 121}\n```"
    text = f"{'a' * 121}\n| {'b' * 161} | c |\n{code}\n| e | {'f' * 100} | {'g' * 100} |"
    assert too_long(text) == ["a" * 121, "b" * 161]


@pytest.mark.parametrize("page", GUIDES, ids=lambda page: page.name)
def test_a_guide_is_short(page: Path) -> None:
    assert len(page.read_text("utf-8").splitlines()) <= MOST_LINES


def shown(text: str) -> list[str]:
    """Lines of a page before its folds are opened: a closed fold is one line, a comment none."""
    return re.sub(r"<!--.*?-->\n?", "", FOLD.sub("fold", text), flags=re.DOTALL).splitlines()


@pytest.mark.parametrize("page", GUIDES, ids=lambda page: page.name)
def test_a_guide_fits_one_screen(page: Path) -> None:
    text = page.read_text("utf-8")
    assert len(shown(text)) <= MOST_SHOWN and len(FOLD.findall(text)) <= MOST_FOLDS


def test_lines_of_closed_folds_are_not_shown() -> None:
    fold = '<details{} markdown="1"><summary>a</summary>\n\nb\n\n</details>\n'
    text = f"# c\n<!-- console: planned; it takes hours -->\nd\n{2 * fold.format('')}e\n"
    assert shown(text) == ["# c", "d", "fold", "fold", "e"]
    assert len(shown(fold.format(" open"))) == 5


def test_all_guides_are_short() -> None:
    assert sum(len(page.read_text("utf-8").splitlines()) for page in GUIDES) <= MOST_IN_ALL


def words(text: str) -> int:
    """Number of words that a reader sees, without code."""
    shown = re.sub(r"^```.*?^```|<!--.*?-->", "", text, flags=re.DOTALL | re.MULTILINE)
    return sum(any(sign.isalnum() for sign in word) for word in shown.split())


@pytest.mark.parametrize("page", EXPLANATIONS, ids=lambda page: page.name)
def test_an_explanation_is_short(page: Path) -> None:
    most = MOST_WORDS.get(page.name, MOST_WORDS_ELSEWHERE)
    assert words(page.read_text("utf-8")) <= most


def test_words_are_those_that_are_read() -> None:
    assert words("Two words <!-- not these -->| – | 3 |\n```\nno code\n```\n") == 3


def test_all_hand_written_pages_are_short() -> None:
    pages = [page for page in PAGES if page.name != "CONTRIBUTING.md"]
    assert sum(len(page.read_text("utf-8").splitlines()) for page in pages) <= 5000
