"""Texts for readers: a class that is renamed everywhere takes no word of a sentence with it."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

import pytest

from site_tools import ROOT

_ALSO_WORDS = {"LayerScale", "VisionTransformer"}
_TWO_HUMPS = re.compile(r"[A-Z]+[a-z]+[A-Z]\w*")
_CODE = re.compile(r"```.*?```|`[^`]*`|<!--.*?-->", re.DOTALL)


def classes() -> set[str]:
    """Return the names of our classes that are no words."""
    files = (ROOT / "src").rglob("*.py")
    names = {n for f in files for n in re.findall(r"^class (\w+)", f.read_text("utf-8"), re.M)}
    return {name for name in names if _TWO_HUMPS.fullmatch(name)} - _ALSO_WORDS


def texts() -> Iterator[tuple[str, str]]:
    """Yield strings of our sources that are sentences and no docstrings, and pages."""
    for file in (ROOT / "src").rglob("*.py"):
        tree = ast.parse(file.read_text("utf-8"))
        docstrings = {id(n.value) for n in ast.walk(tree) if isinstance(n, ast.Expr)}
        for node in ast.walk(tree):
            is_text = isinstance(node, ast.Constant) and isinstance(node.value, str)
            if is_text and id(node) not in docstrings and node.value.count(" ") > 2:
                yield f"{file.relative_to(ROOT)}:{node.lineno}", node.value
    for page in [*ROOT.glob("*.md"), *(ROOT / "docs/how-to").glob("*.md")]:
        yield page.name, page.read_text("utf-8")


def test_no_sentence_has_the_name_of_a_class() -> None:
    names = classes()
    assert {"JobCache", "ReviewServer"} <= names
    found = [
        (place, word)
        for place, text in texts()
        for word in _TWO_HUMPS.findall(_CODE.sub("", text))
        if word in names
    ]
    assert not found


_GONE = re.compile(
    r"\b(anew|mend(s|ed)?|way out|for want of|in (plain )?sight|as (it|they) (was|were))\b"
)
"""Words that a reader stumbles over: again, fix, hint, lack, visible, unchanged."""


_GONE_FROM_NAMES = {"anew", "loud", "mend", "promise", "promises", "sought", "unlike"}
"""Parts of names, which are standard terms now: again, terminal, fix, condition, wanted, custom."""


def parts_of_names(text: str) -> set[str]:
    """Words that functions and classes of a module are named by."""
    named = ast.FunctionDef | ast.ClassDef
    names = [node.name for node in ast.walk(ast.parse(text)) if isinstance(node, named)]
    return {part.lower() for name in names for part in re.findall("[A-Z]?[a-z]+", name)}


def test_names_have_no_private_words() -> None:
    files = {file: parts_of_names(file.read_text("utf-8")) for file in (ROOT / "src").rglob("*.py")}
    found = {
        str(f): (words | set(f.stem.split("_"))) & _GONE_FROM_NAMES for f, words in files.items()
    }
    assert len(found) > 300 and not [file for file, words in found.items() if words]
    assert parts_of_names("class Promise:\n    def drawn_anew(self): ...") >= {"promise", "anew"}


def first_lines(text: str) -> list[str]:
    """First lines of all docstrings of a module."""
    kinds = ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef
    nodes = [node for node in ast.walk(ast.parse(text)) if isinstance(node, kinds)]
    return [doc.splitlines()[0] for node in nodes if (doc := ast.get_docstring(node))]


def test_first_lines_of_docstrings_are_short() -> None:
    lines = [
        line
        for file in (ROOT / "src").rglob("*.py")
        for line in first_lines(file.read_text("utf-8"))
    ]
    assert len(lines) > 1000 and not [line for line in lines if len(line) > 90]


def words_that_are_gone(text: str) -> list[str]:
    return [found[0] for found in _GONE.finditer(_CODE.sub("", text))]


@pytest.mark.parametrize("folder", ["explanation", "how-to", "reference", "tutorials"])
def test_pages_have_no_private_words(folder: str) -> None:
    pages = sorted((ROOT / "docs" / folder).glob("*.md"))
    found = {page.name: words_that_are_gone(page.read_text("utf-8")) for page in pages}
    assert pages and not any(found.values()), found


def test_messages_have_no_private_words() -> None:
    found = [
        (place, words_that_are_gone(text))
        for place, text in texts()
        if not place.endswith(".md") and words_that_are_gone(text)
    ]
    assert not found


def test_a_private_word_is_found() -> None:
    text = "Draw it anew, as it was; nothing stays in plain sight. I recommend `anew`."
    assert words_that_are_gone(text) == ["anew", "as it was", "in plain sight"]
