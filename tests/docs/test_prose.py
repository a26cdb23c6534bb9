"""Texts for readers: no class takes the place of a word, no private word is left."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from site_tools import ROOT

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
