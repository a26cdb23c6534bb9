"""Code fingerprint of a result: the definitions that made it, and the packages' versions.

Only executable code counts: comments, docstrings, annotations and formatting change nothing, and
neither does a function that is never called. Modules are read and not imported, so that a cached
result is found without loading heavy libraries.
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
from collections.abc import Callable, Collection, Sequence
from contextlib import suppress
from functools import cache
from importlib import metadata
from importlib.util import cache_from_source
from pathlib import Path

from anonbench.core.io import read_json, write_json
from anonbench.core.jobs.call_graph import ALL, CallGraph
from anonbench.core.provenance import file_digest
from anonbench.core.registries.added import added

PACKAGES = {name: Path(__file__).parents[3] / name for name in ("anonbench", "anonbench_demo")}
"""Packages whose sources are read, with their folders."""
_SETTINGS = "anonbench.config"
"""Only the methods of settings count: their values are part of a job's identity."""
_SILENT = frozenset({"tqdm"})
"""Packages that compute nothing."""
_FRAME = ("anonbench.core.jobs", "anonbench.core.progress", "anonbench.workflow")
"""Code around a job's work: it decides whether, when and where the job runs, not its results."""
_SHOWN = "anonbench.core.registries.registry:facts"
"""Code that shows the names and colours of registered classes."""
TEXTS = {"anonbench.reporting.notes:notes": "reporting/texts/notes.yaml"}
"""Code that writes texts of a data file, with the file's path in the package."""
_distributions = cache(metadata.packages_distributions)


def code_identity(modules: Sequence[str], without: Sequence[str] = ()) -> dict[str, str]:
    """Return the code of modules (full names) and of all that they can reach.

    It has a digest for each definition of anonbench, and the version of each installed
    distribution. Modules in `without` are left out, with code that only they reach; other packages
    can be left out by name.

    Raises:
        ValueError: anonbench has no such module.

    """
    for name in (*modules, *without):
        if name.partition(".")[0] in PACKAGES and name not in _graph().files:
            raise ValueError(f"there is no module {name}")
    return _identity([f"{name}:{ALL}" for name in modules], tuple(without))


def script_identity(name: str, source: str) -> dict[str, str]:
    """Return the code of a script, under the name of its file, and of all that it can reach."""
    code = _graph().script(source)
    return {name: code.digest} | _identity(code.uses, _FRAME)


@cache
def code_digest(script: Path) -> str:
    """Return one digest of a script's `script_identity`."""
    source = script.read_text(encoding="utf-8")  # Snakemake may pass a temporary copy
    name = f"{script.name} {hashlib.sha256(source.encode()).hexdigest()}"
    return _digest(name, lambda: script_identity(script.name, source))


def module_digest(modules: Sequence[str], without: Sequence[str] = ()) -> str:
    """Return one digest of modules' `code_identity`."""
    name = f"{' '.join(modules)} without {' '.join(without)}"
    return _digest(name, lambda: code_identity(modules, without))


def _digest(name: str, identity: Callable[[], dict[str, str]]) -> str:
    """Return a digest of an identity.

    The identity is cached beside Python's compiled files, if Python may write those: it depends
    only on the sources and the installed packages, and each start and each job needs it.
    """
    remembered = _remembered()
    if name not in remembered:
        remembered[name] = identity()
        if not sys.dont_write_bytecode:
            with suppress(OSError):  # the folder may be writable only by others
                write_json(_memory(), {_state(): remembered})
    text = json.dumps(remembered[name], sort_keys=True)  # as read from the cache
    return hashlib.sha256(text.encode()).hexdigest()


def _memory() -> Path:
    source = next(iter(PACKAGES.values())) / "fingerprint.py"
    return Path(cache_from_source(str(source))).with_suffix(".json")


@cache
def _remembered() -> dict[str, dict[str, str]]:
    """Remembered identities for the current sources and installed packages."""
    try:
        return dict(read_json(_memory()).get(_state(), {}))
    except (OSError, ValueError, AttributeError):
        return {}


@cache
def _state() -> str:
    """Return a digest of all sources and installed packages; names include their versions."""
    # facts of other packages; those of anonbench are in its sources
    facts = _facts() if added() else ""
    digest = hashlib.sha256(f"{sys.version} {[*PACKAGES]} {facts}".encode())
    files = sorted(_graph().files.items())
    files += [(n, _text_file(n)) for n in TEXTS if n.partition(".")[0] in PACKAGES]
    digest.update(str([(name, file_digest(file)) for name, file in files]).encode())
    # a set: jobs have a folder twice in their path, and have to share Snakemake's cache
    places = filter(os.path.isdir, {*sys.path})
    installed = {entry.name for place in places for entry in Path(place).glob("*-info")}
    digest.update(str(sorted(installed)).encode())
    return digest.hexdigest()


def _identity(nodes: Collection[str], without: tuple[str, ...]) -> dict[str, str]:
    found, others = _graph().reachable(nodes, without)
    if _SHOWN in found:
        found[_SHOWN] = _facts()
    found |= {f"{name} texts": file_digest(_text_file(name)) for name in TEXTS if name in found}
    for package in others - _SILENT - {*without}:
        found |= _versions(package)
    return dict(sorted(found.items()))


def _text_file(name: str) -> Path:
    return PACKAGES[name.partition(".")[0]] / TEXTS[name]


@cache
def _graph() -> CallGraph:
    return CallGraph(PACKAGES, _SETTINGS)


@cache
def _facts() -> str:
    # imported here: few scripts need it, and every job would load pydantic and NumPy first
    from anonbench.core.registries.attacks import ATTACKERS, PRIVACY_ATTACKS
    from anonbench.core.registries.detectors import DETECTORS
    from anonbench.core.registries.methods import METHODS
    from anonbench.core.registries.registry import facts_digest
    from anonbench.core.registries.systems import SYSTEMS

    return facts_digest((METHODS, DETECTORS, ATTACKERS, PRIVACY_ATTACKS, SYSTEMS))


@cache
def _versions(package: str) -> dict[str, str]:
    """Return versions of the distributions of a top-level package; empty for Python's own."""
    # a local part (2.13.0+cpu) identifies the build, not the code
    names = _distributions().get(package, [])
    return {name: metadata.version(name).partition("+")[0] for name in names}
