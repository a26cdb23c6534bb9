"""Code fingerprint of a result: modules that its script imports, and versions of packages.

Comments, docstrings, annotations and formatting do not count. Of a package, files that are no
Python count too, such as templates. Modules are read and not imported, so that a cached result is
found without loading heavy libraries.
"""

import ast
import hashlib
import json
import os
import re
import sys
from collections.abc import Callable, Collection, Sequence
from contextlib import suppress
from functools import cache
from importlib import metadata
from importlib.util import cache_from_source
from pathlib import Path
from typing import Any

from anonbench.core.io import read_json, write_json
from anonbench.core.provenance import file_digest
from anonbench.core.registries.registry import added

PACKAGES = {name: Path(__file__).parents[3] / name for name in ("anonbench", "anonbench_demo")}
"""Packages whose sources are read, with their folders."""
_ROOT = "anonbench"  # package whose imports are lazy
_SETTINGS = "anonbench.config"
"""Only methods and constants of settings count: the values of fields are part of a job's identity.
A script depends on the sections that it names, not on the whole config."""
_FACT = re.compile(r"(label|line_colour|seconds_an?_\w+|memory_mb|install): .*ClassVar")
"""Class values that only plans and shown results depend on; `_SHOWN` stands for them."""
_SHOWN = "anonbench.core.registries.registry:facts"
_FRAME = ("anonbench.core.jobs", "anonbench.core.progress", "anonbench.workflow")
"""Code around a job's work: it decides whether, when and where the job runs, not its results."""
_distributions = cache(metadata.packages_distributions)


def code_identity(modules: Collection[str], without: Sequence[str] = ()) -> dict[str, str]:
    """Code of modules (full names) and of all that they import, also in functions.

    It has a digest for each module of anonbench, and the version of each installed distribution.
    Modules and packages in `without` are left out, with what only they import.

    Raises:
        ValueError: anonbench has no such module.
    """
    for name in (*modules, *without):
        if name.partition(".")[0] in PACKAGES and name not in {*_files(), _SHOWN}:
            raise ValueError(f"there is no module {name}")
    found: dict[str, str] = {}
    waiting = [*modules]
    while waiting:
        name = waiting.pop()
        if name in found or name == _ROOT or name.startswith((*_FRAME, *without)):
            continue
        if name in _files():
            found[name], uses = _module(name)
            waiting += uses
            if name in _data():
                found[f"{name} data"] = _data()[name]
        elif name == _SHOWN:
            found[name] = _facts()
        elif (package := name.partition(".")[0]) not in {*PACKAGES, "tqdm"}:  # computes nothing
            names = _distributions().get(package, [])  # none of Python's own
            # a local part (2.13.0+cpu) identifies the build, not the code
            found |= {each: metadata.version(each).partition("+")[0] for each in names}
    return dict(sorted(found.items()))


def script_identity(name: str, source: str) -> dict[str, str]:
    """Code of a script, under the name of its file, and of all that it imports."""
    digest, uses = _code(source)
    return {name: digest} | code_identity(uses)


@cache
def code_digest(script: Path) -> str:
    """One digest of a script's `script_identity`."""
    source = script.read_text(encoding="utf-8")  # Snakemake may pass a temporary copy
    name = f"{script.name} {hashlib.sha256(source.encode()).hexdigest()}"
    return _digest(name, lambda: script_identity(script.name, source))


def module_digest(modules: Sequence[str], without: Sequence[str] = ()) -> str:
    """One digest of modules' `code_identity`."""
    name = f"{' '.join(modules)} without {' '.join(without)}"
    return _digest(name, lambda: code_identity(modules, without))


def _digest(name: str, identity: Callable[[], dict[str, str]]) -> str:
    # cached beside Python's compiled files, if Python may write those: each start and job needs it
    remembered = _remembered()
    if name not in remembered:
        remembered[name] = identity()
        if not sys.dont_write_bytecode:
            with suppress(OSError):  # the folder may be writable only by others
                write_json(_memory(), {_state(): remembered})
    text = json.dumps(remembered[name], sort_keys=True)  # as read from the cache
    return hashlib.sha256(text.encode()).hexdigest()


def _memory() -> Path:
    compiled = cache_from_source(str(next(iter(PACKAGES.values())) / "fingerprint.py"))
    return Path(compiled).with_suffix(".json")


@cache
def _remembered() -> dict[str, dict[str, str]]:
    """Identities that were found with the current sources and installed packages."""
    try:
        return dict(read_json(_memory()).get(_state(), {}))
    except (OSError, ValueError, AttributeError):
        return {}


@cache
def _state() -> str:
    """Digest of all sources and installed packages, whose names include their versions."""
    # facts of other packages; those of anonbench are in its sources
    facts = _facts() if added() else ""
    code = [(name, file_digest(file)) for name, file in sorted(_files().items())]
    # a set: jobs have a folder twice in their path, and have to share Snakemake's cache
    places = filter(os.path.isdir, {*sys.path})
    installed = sorted({entry.name for place in places for entry in Path(place).glob("*-info")})
    state = f"{sys.version} {[*PACKAGES]} {facts} {code} {_data()} {installed}"
    return hashlib.sha256(state.encode()).hexdigest()


@cache
def _module(name: str) -> tuple[str, set[str]]:
    is_settings = f"{name}.".startswith(f"{_SETTINGS}.")
    digest, uses = _code(_files()[name].read_text(encoding="utf-8"), is_settings)
    parent = name.rpartition(".")[0]
    # the settings' package imports all of them: names are resolved to the modules that it names
    return digest, {*uses, parent} - {"", _SETTINGS}


def _code(source: str, is_settings: bool = False) -> tuple[str, set[str]]:
    """Digest of the code, and names of the modules and objects of packages that it imports."""
    tree = _Executed(is_settings).visit(ast.parse(source))
    uses: set[str] = set()
    for node in ast.walk(tree):
        match node:
            case ast.Import(names=names):
                uses |= {each.name for each in names}
            case ast.ImportFrom(module=str(module), names=names):
                uses |= {_defining(module, each.name) for each in names}
            case ast.Constant(value=str(text)) if text in _files():
                uses.add(text)  # run or read by its name
    return hashlib.sha256(ast.dump(tree).encode()).hexdigest()[:16], uses


def _defining(module: str, name: str) -> str:
    """Module that defines an imported name, which may be a module; `module:name` for `_SHOWN`."""
    whole = f"{module}.{name}"
    if whole in _files():
        return whole
    if f"{module}:{name}" == _SHOWN:
        return _SHOWN
    return _exported().get(name, _ROOT) if module == _SETTINGS else module


@cache
def _exported() -> dict[str, str]:
    """Modules of the names that the settings' package exports."""
    tree = ast.parse(_files()[_SETTINGS].read_text(encoding="utf-8"))
    imports = [node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
    return {each.asname or each.name: str(i.module) for i in imports for each in i.names}


class _Executed(ast.NodeTransformer):
    """Leaves out what does not run, and of settings the values of fields."""

    def __init__(self, is_settings: bool) -> None:
        self._is_settings = is_settings

    def visit(self, node: ast.AST) -> Any:
        match node:
            case ast.Expr(value=ast.Constant(value=str())):
                return None
            case ast.AnnAssign() if _FACT.match(ast.unparse(node)):
                return None
            case ast.ClassDef() if self._is_settings:
                node.body = [
                    each
                    for each in node.body
                    if not isinstance(each, ast.AnnAssign)
                    or "ClassVar" in ast.unparse(each.annotation)
                ] or [ast.Pass()]
            case ast.If() if "TYPE_CHECKING" in ast.unparse(node.test):
                return [self.visit(each) for each in node.orelse] or None
        for annotation in {"annotation", "returns"}.intersection(node._fields):
            setattr(node, annotation, None)
        return self.generic_visit(node)


@cache
def _data() -> dict[str, str]:
    """Digests of each package's files that are no Python, also in folders below it."""
    found: dict[str, str] = {}
    for top, folder in PACKAGES.items():
        for file in sorted(folder.rglob("*.*")):
            if file.suffix != ".py" and file.parent.name != "__pycache__" and file.is_file():
                package = ".".join([top, *file.relative_to(folder).parent.parts])
                while package not in {top, *_files()}:
                    package = package.rpartition(".")[0]
                found[package] = f"{found.get(package, '')}{file.name} {file_digest(file)} "
    return found


@cache
def _files() -> dict[str, Path]:
    """Source files by the full name of their module."""
    found = {}
    for package, folder in PACKAGES.items():
        for file in folder.rglob("*.py"):
            name = ".".join([package, *file.relative_to(folder).with_suffix("").parts])
            found[name.removesuffix(".__init__")] = file
    return found


@cache
def _facts() -> str:
    # imported here: few scripts need it, and every job would load pydantic and NumPy first
    from anonbench.core.registries.attacks import ATTACKERS, PRIVACY_ATTACKS
    from anonbench.core.registries.detectors import DETECTORS
    from anonbench.core.registries.methods import METHODS
    from anonbench.core.registries.registry import facts_digest
    from anonbench.core.registries.systems import SYSTEMS

    return facts_digest((METHODS, DETECTORS, ATTACKERS, PRIVACY_ATTACKS, SYSTEMS))
