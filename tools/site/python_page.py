"""The page of the Python interface, from signatures and docstrings."""

from __future__ import annotations

import ast
import importlib
import inspect
import re
import textwrap
from collections.abc import Iterator
from dataclasses import is_dataclass
from enum import Enum
from typing import Any

from anonbench.core.registries.registry import Registered

HEAD = """\
# Python

<!-- Written from docstrings by `make docs`. Do not edit. -->

What may be relied on from outside: functions of `anonbench`, the words that they take, and what is
added by [classes of your own](../how-to/adding.md).
"""
WIDTH = 100
OTHERS = {
    "What comes back": {"anonbench.evaluation.end_to_end.result": ("Result",)},
    "The words": {
        "anonbench.core.boxes": ("Region",),
        "anonbench.core.vocabulary": ("Entity", "Variant"),
        "anonbench.core.errors": ("InputError",),
    },
    "What can be added": {
        "anonbench.core.registries.systems": ("SystemKind", "System"),
        "anonbench.core.registries.methods": ("Method",),
        "anonbench.core.registries.detectors": ("DetectorKind", "Detector", "Loading"),
    },
}
SECTIONS = {
    "Args": "Arguments",
    "Attributes": "Attributes",
    "Returns": "Returns",
    "Yields": "Yields",
    "Raises": "Raises",
    "Example": "Example",
}


def page() -> str:
    """Return the page."""
    package = importlib.import_module("anonbench")
    parts = [HEAD, "## Functions\n"]
    for name in package.__all__:
        parts += _entry(f"anonbench.{name}", getattr(package, name), "###")
    for title, modules in OTHERS.items():
        parts.append(f"## {title}\n")
        for module, names in modules.items():
            for name in names:
                found = getattr(importlib.import_module(module), name)
                parts += _entry(f"{module}.{name}", found, "###")
    return "\n".join(parts)


def _entry(path: str, found: Any, level: str) -> Iterator[str]:
    module, _, name = path.rpartition(".")
    if inspect.isfunction(found):
        yield f"{level} `{path}`\n"
        yield _signature(name, found)
    else:
        yield f"{level} `{name}`\n"
        yield f"```python\nfrom {module} import {name}\n```\n"
    yield _text(inspect.cleandoc(found.__doc__ or ""))
    if inspect.isclass(found):
        yield from _members(found)


def _members(found: type) -> Iterator[str]:
    """Yield a class's fields and methods, with those that every added class has."""
    owners = [
        each for each in found.__mro__[::-1] if each in (found, Registered) or is_dataclass(each)
    ]
    fields = [row for each in owners for row in _fields(each)]
    if fields:
        yield "\n".join(["| field | meaning |", "| --- | --- |", *fields]) + "\n"
    every = vars(Registered) if issubclass(found, Registered) else {}
    for name, member in {**every, **vars(found)}.items():
        function = getattr(member, "__func__", getattr(member, "fget", member))
        if name.startswith("_") or not inspect.isfunction(function) or not function.__doc__:
            continue
        if isinstance(member, property):
            yield f"```python\n{name}: {_annotations(function)['return']}\n```\n"
        else:
            yield _signature(name, function)
        yield _text(inspect.cleandoc(function.__doc__))


def _fields(found: type) -> Iterator[str]:
    (definition,) = ast.parse(textwrap.dedent(inspect.getsource(found))).body
    assert isinstance(definition, ast.ClassDef)
    following = [*definition.body[1:], None]
    for statement, after in zip(definition.body, following, strict=True):
        if isinstance(statement, ast.AnnAssign) and not ast.unparse(statement.target).startswith(
            "_"
        ):
            text = ""
            if isinstance(after, ast.Expr) and isinstance(after.value, ast.Constant):
                text = " ".join(str(after.value.value).split())
            if isinstance(statement.value, ast.Call):  # dataclasses.field
                statement.value = None
            yield f"| `{_cell(ast.unparse(statement))}` | {_cell(text)} |"
        elif isinstance(statement, ast.Assign):
            yield f"| `{_cell(ast.unparse(statement))}` | |"


def _annotations(function: Any) -> dict[str, str]:
    """Annotations of a function's arguments and of its result, as they are written in source."""
    (node,) = ast.parse(textwrap.dedent(inspect.getsource(function))).body
    assert isinstance(node, ast.FunctionDef)
    written = [
        (each.arg, each.annotation) for each in ast.walk(node.args) if isinstance(each, ast.arg)
    ]
    return {name: ast.unparse(each) for name, each in [*written, ("return", node.returns)] if each}


def _signature(name: str, function: Any) -> str:
    signature, written = inspect.signature(function), _annotations(function)
    given = [
        each.replace(annotation=_Written(written[each.name]), default=_default(each.default))
        for each in signature.parameters.values()
        if each.name not in ("self", "cls")
    ]
    result = _Written(written["return"])
    text = f"{name}{signature.replace(parameters=given, return_annotation=result)}"
    if len(text) > WIDTH:
        star = [] if any(each.kind is each.VAR_POSITIONAL for each in given) else ["*"]
        named = [each.kind is each.KEYWORD_ONLY for each in given]
        lines = [str(each) for each in given]
        if any(named):
            lines[named.index(True) : named.index(True)] = star
        text = "".join([f"{name}(\n", *(f"    {line},\n" for line in lines), f") -> {result}"])
    return f"```python\n{text}\n```\n"


class _Written:
    """An annotation or a default as it is written in source."""

    def __init__(self, text: Any) -> None:
        self._text = str(text)

    def __repr__(self) -> str:
        return self._text


def _default(value: Any) -> Any:
    if isinstance(value, tuple):
        return tuple(_default(each) for each in value)
    if isinstance(value, Enum):
        return value.value
    if value is inspect.Parameter.empty or isinstance(value, str | int | float | None):
        return value
    return _Written(f"{type(value).__name__}()")  # the section's own defaults


def _text(docstring: str) -> str:
    """Return a docstring as Markdown: its sections as paragraphs, its arguments as a list."""
    names = "|".join(SECTIONS)
    parts = re.split(rf"^({names}):\n", docstring, flags=re.MULTILINE)
    done = [parts[0].strip()]
    for name, body in zip(parts[1::2], parts[2::2], strict=True):
        inner = textwrap.dedent(body).strip()
        if ">>>" in inner:
            done.append(f"**{SECTIONS[name]}**\n\n```pycon\n{inner}\n```")
        elif name in ("Args", "Attributes", "Raises"):
            entries = re.split(r"\n(?=\S)", inner)
            items = [re.sub(r"^(\*{0,2}\w+): ", r"`\1`: ", " ".join(e.split())) for e in entries]
            done.append(f"**{SECTIONS[name]}**\n\n" + "\n".join(f"- {item}" for item in items))
        else:
            done.append(f"**{SECTIONS[name]}** {' '.join(inner.split())}")
    return "\n\n".join(done) + "\n"


def _cell(text: str) -> str:
    return text.replace("|", "\\|")
