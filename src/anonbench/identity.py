"""What a result depends on besides its inputs and settings: the code that made it, with packages.

The code is what is executed: comments, docstrings and formatting change nothing. Modules are read
and not imported, so that nothing heavy is loaded to find that a result is there already.
"""

from __future__ import annotations

import ast
import hashlib
import sys
from collections.abc import Iterator, Sequence
from functools import cache
from importlib import metadata
from pathlib import Path

PACKAGE = "anonbench"
_ROOT = Path(__file__).parent
_SETTINGS = f"{PACKAGE}.config"  # their values are part of an identity by themselves


def code_identity(modules: Sequence[str], without: Sequence[str] = ()) -> dict[str, str]:
    """Return what stands for the code of modules and of all that they import.

    A digest for each module of anonbench (the models of settings left out), and the version of each
    installed distribution.

    Args:
        modules: full names, such as `anonbench.detectors.zxing`.
        without: modules of anonbench that are left out, with what only they import.

    """
    found: dict[str, str] = {}
    left_out = (_SETTINGS, *without)
    waiting = list(modules)
    while waiting:
        name = waiting.pop()
        if name.partition(".")[0] != PACKAGE:
            found |= _versions(name.partition(".")[0])
        elif name not in found and not name.startswith(left_out) and (file := _file(name)):
            tree = _without_text(ast.parse(file.read_text(encoding="utf-8")))
            found[name] = hashlib.sha256(ast.dump(tree).encode()).hexdigest()
            waiting += _imports(tree)
    return dict(sorted(found.items()))


def _file(module: str) -> Path | None:
    """Return a module's file; None for a name that is something inside of a module."""
    place = _ROOT.joinpath(*module.split(".")[1:])
    return next((p for p in (place.with_suffix(".py"), place / "__init__.py") if p.exists()), None)


def _imports(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            if node.module == PACKAGE:
                yield from (f"{PACKAGE}.{alias.name}" for alias in node.names)


def _without_text(tree: ast.AST) -> ast.AST:
    """Return code without the strings that stand alone, which is what docstrings are."""
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        if isinstance(body, list):
            node.body = [line for line in body if not _is_text(line)]  # type: ignore[attr-defined]
    return tree


def _is_text(node: ast.AST) -> bool:
    return (
        isinstance(node, ast.Expr)
        and isinstance(node.value, ast.Constant)
        and isinstance(node.value.value, str)
    )


def _versions(top: str) -> dict[str, str]:
    if top in sys.stdlib_module_names:
        return {}
    # a local part (2.13.0+cpu) tells the build, not the code
    names = _distributions().get(top, [])
    return {name: metadata.version(name).split("+")[0] for name in names}


@cache
def _distributions() -> dict[str, list[str]]:
    return {top: sorted(set(names)) for top, names in metadata.packages_distributions().items()}
