"""Code and data that fingerprints cannot see are only where something else stands for them.

They follow imports in the source. What is imported by a computed name, looked up in a module,
loaded from a plug-in, executed from text or read from the package would make results silently
stale.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from anonbench.core.jobs.fingerprint import PACKAGES

ALLOWED = {
    # the public names: fingerprints skip the root, and no job uses these names
    "anonbench: import_module(_MODULES[name])",
    # the names are constants, of packages whose versions count
    "anonbench.core.libraries.compat: import_module('torchvision.ops.boxes')",
    # formats of codes, by the name that the demo's own table gives them
    "anonbench_demo.ids: getattr(zxingcpp, ...)",
    "anonbench.detection.kinds.zxing: getattr(zxingcpp, ...)",
    # another's module, which a digest of its file stands for
    "anonbench.embedding.systems.function: import_module(module)",
    # classes of installed packages, whose code `Registry.origin` stands for in the parameters of
    # the jobs that use them, and built-in ones, which the jobs' own code imports
    "anonbench.core.registries.registry: entry_points()",
    "anonbench.core.registries.registry: import_module(module)",
    "anonbench.core.registries.registry: getattr(importlib, ...)",
    # where the sources are that are read
    "anonbench.core.jobs.fingerprint: __file__",
}
"""Each with what stands for it."""

_BY_NAME = ("import_module", "entry_points", "run_module", "run_path")
_BUILT_IN = ("__import__", "exec", "eval")
_OF_PACKAGE = ("resources.files", "pkgutil.get_data", "resources.open_text", "resources.path")
_LAST = {*_BY_NAME, *_BUILT_IN, "getattr", *(each.rpartition(".")[2] for each in _OF_PACKAGE)}
_SUSPECT = re.compile(rf"\b({'|'.join(_LAST)}|__file__)\b|import \*|from \.")
_BY_ITS_NAME = re.compile(r"__package__|'[\w.]+'")
"""A package whose data count with it."""
_APART = ("anonbench.workflow", "anonbench.cli")
"""Around the jobs: nothing in there makes a result."""


def unseen(name: str, source: str) -> Iterator[str]:
    """Yield what a module does that cannot be seen from the names in it."""
    if not _SUSPECT.search(source):
        return  # to parse it takes long
    tree = ast.parse(source)
    imported = {
        alias.asname or alias.name.partition(".")[0]
        for node in ast.walk(tree)
        if isinstance(node, ast.Import)
        for alias in node.names
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and node.id == "__file__":
            yield f"{name}: __file__"
        elif isinstance(node, ast.ImportFrom) and (node.level or node.names[0].name == "*"):
            yield f"{name}: {ast.unparse(node)}"
        elif isinstance(node, ast.Call):
            called = ast.unparse(node.func)
            last = called.rpartition(".")[2]
            arguments = ", ".join(map(ast.unparse, node.args))
            if last in _BY_NAME or called in _BUILT_IN:
                yield f"{name}: {last}({arguments})"
            elif called == "getattr" and ast.unparse(node.args[0]).partition(".")[0] in imported:
                yield f"{name}: getattr({ast.unparse(node.args[0]).partition('.')[0]}, ...)"
            elif called in _OF_PACKAGE and not _BY_ITS_NAME.fullmatch(arguments):
                yield f"{name}: {called}"


@pytest.mark.slow
def test_what_cannot_be_seen_is_listed() -> None:
    found = set()
    for package, folder in PACKAGES.items():
        for file in sorted(folder.rglob("*.py")):
            parts = file.relative_to(folder).with_suffix("").parts
            name = ".".join([package, *parts]).removesuffix(".__init__")
            if not name.startswith(_APART):
                found |= {*unseen(name, file.read_text(encoding="utf-8"))}
    assert found == ALLOWED


def test_folders_of_sources_hold_no_other_package() -> None:
    assert {folder.name for folder in PACKAGES.values()} == {*PACKAGES}
    assert all(Path(folder, "__init__.py").is_file() for folder in PACKAGES.values())
