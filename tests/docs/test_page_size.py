"""Lines of prose and cells of tables of hand-written pages are short, as lines of code are."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
GENERATED = re.compile(r"^<!-- Writ(?:ten|e)\b.*Do not edit", flags=re.MULTILINE)
MOST_CHARACTERS, MOST_IN_A_CELL = 120, 160


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


def test_lines_and_cells_are_short() -> None:
    pages = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").rglob("*.md")]
    texts = {page: page.read_text("utf-8") for page in pages}
    written = {page: text for page, text in texts.items() if not GENERATED.search(text)}
    assert len(written) > 10
    assert {page: wrong for page, text in written.items() if (wrong := too_long(text))} == {}


def test_a_long_line_and_cell_are_found() -> None:
    code = f"```\n{'d' * 121}\n```"
    text = f"{'a' * 121}\n| {'b' * 161} | c |\n{code}\n| e | {'f' * 100} | {'g' * 100} |"
    assert too_long(text) == ["a" * 121, "b" * 161]
