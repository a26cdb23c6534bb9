"""Sizes of hand-written pages: guides and explanations, lines and table cells are short."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
GUIDES = sorted((ROOT / "docs/how-to").glob("*.md"))
EXPLANATIONS = sorted((ROOT / "docs/explanation").glob("*.md"))
GENERATED = re.compile(r"^<!-- Writ(?:ten|e)\b.*Do not edit", flags=re.MULTILINE)
REFERENCE = sorted((ROOT / "docs/reference").glob("*.md"))
PAGES = [
    *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "docs/README.md")),
    *sorted((ROOT / "docs/tutorials").glob("*.md")),
    *GUIDES,
    *EXPLANATIONS,
    *(page for page in REFERENCE if not GENERATED.search(page.read_text("utf-8"))),
]
MOST_LINES, MOST_IN_ALL, MOST_CHARACTERS, MOST_IN_A_CELL = 125, 1900, 120, 160
MOST_SHOWN, MOST_FOLDS = 46, 5
"""Lines that fill a screen of 1,400 x 1,000 pixels, and closed folds of a guide."""
FOLD = re.compile(r"<details\b(?![^>]*\bopen\b).*?</details>", flags=re.DOTALL)
MOST_WORDS = {"findings.md": 2500}
MOST_WORDS_ELSEWHERE = 1500
BY_NAME = {"ids": lambda page: str(page.relative_to(ROOT))}


def too_long(text: str) -> list[str]:
    """Lines of prose and cells of tables that are too long; what a command prints is not ours."""
    found = []
    for line in re.sub(r"^ *```.*?^ *```", "", text, flags=re.DOTALL | re.MULTILINE).splitlines():
        is_row = line.lstrip().startswith("|")
        parts = [cell.strip() for cell in re.split(r"(?<!\\)\|", line)] if is_row else [line]
        most = MOST_IN_A_CELL if is_row else MOST_CHARACTERS
        found += [part for part in parts if len(part) > most]
    return found


def shown(text: str) -> list[str]:
    """Lines of a page before its folds are opened: a closed fold is one line, a comment none."""
    return re.sub(r"<!--.*?-->\n?", "", FOLD.sub("fold", text), flags=re.DOTALL).splitlines()


def words(text: str) -> int:
    """Number of words that a reader sees, without code."""
    shown = re.sub(r"^```.*?^```|<!--.*?-->", "", text, flags=re.DOTALL | re.MULTILINE)
    return sum(any(sign.isalnum() for sign in word) for word in shown.split())


@pytest.mark.parametrize("page", PAGES, **BY_NAME)
def test_lines_and_cells_are_short(page: Path) -> None:
    assert too_long(page.read_text("utf-8")) == []


@pytest.mark.parametrize("page", GUIDES, **BY_NAME)
def test_a_guide_is_short_and_fits_one_screen(page: Path) -> None:
    text = page.read_text("utf-8")
    assert len(text.splitlines()) <= MOST_LINES
    assert len(shown(text)) <= MOST_SHOWN and len(FOLD.findall(text)) <= MOST_FOLDS


@pytest.mark.parametrize("page", EXPLANATIONS, **BY_NAME)
def test_an_explanation_is_short(page: Path) -> None:
    most = MOST_WORDS.get(page.name, MOST_WORDS_ELSEWHERE)
    assert words(page.read_text("utf-8")) <= most


def test_all_guides_and_all_hand_written_pages_are_short() -> None:
    lines = {page: len(page.read_text("utf-8").splitlines()) for page in PAGES}
    assert sum(lines[page] for page in GUIDES) <= MOST_IN_ALL
    assert sum(lines.values()) - lines[ROOT / "CONTRIBUTING.md"] <= 5000


def test_what_is_long_is_found() -> None:
    code = f"```\n{'d' * 121}\n```"
    text = f"{'a' * 121}\n| {'b' * 161} | c |\n{code}\n| e | {'f' * 100} | {'g' * 100} |"
    assert too_long(text) == ["a" * 121, "b" * 161]
    fold = '<details{} markdown="1"><summary>a</summary>\n\nb\n\n</details>\n'
    text = f"# c\n<!-- console: planned; it takes hours -->\nd\n{2 * fold.format('')}e\n"
    assert shown(text) == ["# c", "d", "fold", "fold", "e"]
    assert len(shown(fold.format(" open"))) == 5
    assert words("Two words <!-- not these -->| – | 3 |\n```\nno code\n```\n") == 3


_ALSO_WORDS = {"LayerScale", "VisionTransformer"}
_TWO_HUMPS = re.compile(r"[A-Z]+[a-z]+[A-Z]\w*")
_CODE = re.compile(r"```.*?```|`[^`]*`|<!--.*?-->", re.DOTALL)
_GONE = re.compile(
    r"\b(anew|mend(s|ed)?|way out|for want of|in (plain )?sight|as (it|they) (was|were))\b"
)
"""Words that a reader stumbles over: again, fix, hint, lack, visible, unchanged."""
_GONE_FROM_NAMES = {"anew", "loud", "mend", "promise", "promises", "sought", "unlike"}
"""Parts of names, which are standard terms now: again, terminal, fix, condition, wanted, custom."""
Definition = ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef


@cache
def modules() -> dict[Path, ast.Module]:
    """Return our sources."""
    files = sorted((ROOT / "src").rglob("*.py"))
    return {file.relative_to(ROOT): ast.parse(file.read_text("utf-8")) for file in files}


def texts() -> Iterator[tuple[str, str]]:
    """Yield strings of our sources that are sentences and no docstrings."""
    for file, tree in modules().items():
        docstrings = {id(n.value) for n in ast.walk(tree) if isinstance(n, ast.Expr)}
        for node in ast.walk(tree):
            is_text = isinstance(node, ast.Constant) and isinstance(node.value, str)
            if is_text and id(node) not in docstrings and node.value.count(" ") > 2:
                yield f"{file}:{node.lineno}", node.value


def pages(*patterns: str) -> Iterator[tuple[str, str]]:
    for pattern in patterns:
        yield from ((page.name, page.read_text("utf-8")) for page in ROOT.glob(pattern))


def definitions() -> list[Definition]:
    return [n for tree in modules().values() for n in ast.walk(tree) if isinstance(n, Definition)]


def test_no_sentence_has_the_name_of_a_class() -> None:
    names = {node.name for node in definitions() if isinstance(node, ast.ClassDef)} - _ALSO_WORDS
    assert {"JobCache", "ReviewServer"} <= names
    found = [
        (place, word)
        for place, text in [*texts(), *pages("*.md", "docs/how-to/*.md")]
        for word in _TWO_HUMPS.findall(_CODE.sub("", text))
        if word in names
    ]
    assert not found


def test_names_have_no_private_words() -> None:
    parts = {node.name: set(re.findall("[a-z]+", node.name.lower())) for node in definitions()}
    parts |= {str(file): set(file.stem.split("_")) for file in modules()}
    for name in {node.name for node in definitions() if isinstance(node, ast.ClassDef)}:
        parts[name] = {part.lower() for part in re.findall("[A-Z]?[a-z]+", name)}
    assert len(parts) > 1000 and {"review", "server"} <= parts["ReviewServer"]
    assert not [name for name, words in parts.items() if words & _GONE_FROM_NAMES]


def test_first_lines_of_docstrings_are_short() -> None:
    nodes = [*modules().values(), *definitions()]
    lines = [doc.splitlines()[0] for node in nodes if (doc := ast.get_docstring(node))]
    assert len(lines) > 1000 and not [line for line in lines if len(line) > 90]


def words_that_are_gone(text: str) -> list[str]:
    return [found[0] for found in _GONE.finditer(_CODE.sub("", text))]


@pytest.mark.parametrize("folder", ["explanation", "how-to", "reference", "tutorials", None])
def test_pages_and_messages_have_no_private_words(folder: str | None) -> None:
    given = list(pages(f"docs/{folder}/*.md") if folder else texts())
    found = [(place, gone) for place, text in given if (gone := words_that_are_gone(text))]
    assert given and not found


def test_a_private_word_is_found() -> None:
    text = "Draw it anew, as it was; nothing stays in plain sight. I recommend `anew`."
    assert words_that_are_gone(text) == ["anew", "as it was", "in plain sight"]
