"""Code fingerprint of a result: the definitions that made it, and the packages' versions.

The code is what can be executed: comments, docstrings, annotations and formatting change nothing,
and neither does a function that nobody calls. Modules are read and not imported, so that nothing
heavy is loaded to find that a result is there already.
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from functools import cache
from importlib import metadata
from importlib.util import cache_from_source
from pathlib import Path

from anonbench.core.io import read_json, write_json
from anonbench.core.jobs.call_graph import EFFECTS, Reach, Reached
from anonbench.core.provenance import file_digest
from anonbench.core.registries.added import added

_SOURCES = Path(__file__).parents[3]
PACKAGES = {name: _SOURCES / name for name in ("anonbench", "anonbench_demo")}
"""The packages whose sources are read, with their folders."""
_SETTINGS = "anonbench.config"
"""Of settings only the methods count: their values are part of an identity by themselves."""
_SILENT = frozenset({"tqdm"})
"""Packages that compute nothing."""
_FRAME = ("anonbench.core.jobs", "anonbench.core.progress", "anonbench.workflow")
"""What is around a job's work: it decides whether, when and where that runs, not what it makes."""
_SHOWN = ("anonbench.core.registries.registry", "facts")
"""The code that shows what registered classes are called and drawn as."""
_SCRIPTS: dict[str, Path] = {}
"""By their `code_digest`, the scripts that this process was asked about."""


def code_identity(modules: Sequence[str], without: Sequence[str] = ()) -> dict[str, str]:
    """Return what stands for the code of modules and of all that they can reach.

    A digest for each definition of anonbench, and the version of each installed distribution.

    Args:
        modules: full names, such as `anonbench.detection.zxing`.
        without: modules of anonbench that are left out, with what only they reach.

    Raises:
        ValueError: anonbench has no such module.

    """
    for name in (*modules, *without):
        if name.partition(".")[0] in PACKAGES and not _reach().has_module(name):
            raise ValueError(f"there is no module {name}")
    return _identity(_reach().of_modules(list(modules), tuple(without)))


def script_identity(script: Path) -> dict[str, str]:
    """Return what stands for a script and all that it can reach; see `code_identity`."""
    return _identity(_reach().of_script(script, _FRAME))


@cache
def code_digest(script: Path) -> str:
    """Return one digest for all that `script_identity` names.

    It is remembered beside Python's compiled files, where Python may write those: it follows from
    the sources and the installed packages, and each start and each job asks for it.
    """
    remembered = _remembered()
    question = f"{script.name} {file_digest(script)} {_state()}"
    if question not in remembered:
        text = json.dumps(script_identity(script))
        remembered[question] = hashlib.sha256(text.encode()).hexdigest()
        _remember(remembered)
    _SCRIPTS[remembered[question]] = script
    return remembered[question]


def known_codes() -> Mapping[str, dict[str, str]]:
    """Return what each `code_digest` of this process stands for; it is found out when looked up."""
    return _Codes(_SCRIPTS)


class _Codes(Mapping[str, dict[str, str]]):
    def __init__(self, scripts: Mapping[str, Path]) -> None:
        self._scripts = dict(scripts)

    def __getitem__(self, digest: str) -> dict[str, str]:
        return script_identity(self._scripts[digest])

    def __iter__(self) -> Iterator[str]:
        return iter(self._scripts)

    def __len__(self) -> int:
        return len(self._scripts)


def _identity(reached: Reached) -> dict[str, str]:
    found = {
        f"{module}:{name}" if name != EFFECTS else module: digest
        for (module, name), digest in reached.places.items()
    }
    if _SHOWN in reached.places:
        found[":".join(_SHOWN)] = _facts()
    for top in reached.foreign - _SILENT:
        found |= _versions(top)
    return dict(sorted(found.items()))


def _answers() -> Path:
    first = next(iter(PACKAGES.values()))
    return Path(cache_from_source(str(first / "fingerprint.py"))).with_suffix(".json")


@cache
def _remembered() -> dict[str, str]:
    """Return the digests that were remembered of the sources and packages as they are."""
    state = _state()
    try:
        answers = read_json(_answers())
        return {asked: str(text) for asked, text in answers.items() if asked.endswith(state)}
    except (OSError, ValueError, AttributeError):
        return {}


def _remember(answers: dict[str, str]) -> None:
    if sys.dont_write_bytecode:
        return
    with suppress(OSError):  # a folder that only others may write to
        write_json(_answers(), answers)


@cache
def _state() -> str:
    """Return a digest of all sources, and of what is installed: names hold the versions."""
    digest = hashlib.sha256(f"{sys.version} {[*PACKAGES]} {_added()}".encode())
    for folder in PACKAGES.values():
        for file in sorted(folder.rglob("*.py")):
            digest.update(f"{file.relative_to(folder)} {file_digest(file)}\n".encode())
    for place in filter(os.path.isdir, map(Path, sys.path)):
        installed = (entry.name for entry in place.iterdir() if entry.suffix.endswith("-info"))
        digest.update("\n".join(sorted(installed)).encode())
    return digest.hexdigest()


def _added() -> str:
    """Return what stands for facts of other packages; those of anonbench are in its sources."""
    return _facts() if added() else ""


@cache
def _facts() -> str:
    # imported here: few questions come to it, and every job would load pydantic and NumPy first
    from anonbench.core.registries.attackers import ATTACKERS
    from anonbench.core.registries.backbones import BACKBONES
    from anonbench.core.registries.detectors import DETECTORS
    from anonbench.core.registries.methods import METHODS
    from anonbench.core.registries.registry import facts_digest
    from anonbench.core.registries.tables import TABLES

    return facts_digest((METHODS, DETECTORS, ATTACKERS, BACKBONES, TABLES))


@cache
def _reach() -> Reach:
    return Reach(PACKAGES, _SETTINGS)


def _versions(top: str) -> dict[str, str]:
    if top in sys.stdlib_module_names:
        return {}
    return {name: _version(name) for name in _distributions().get(top, [])}


@cache
def _version(distribution: str) -> str:
    # a local part (2.13.0+cpu) tells the build, not the code
    return metadata.version(distribution).split("+")[0]


@cache
def _distributions() -> dict[str, list[str]]:
    return {top: sorted(set(names)) for top, names in metadata.packages_distributions().items()}
