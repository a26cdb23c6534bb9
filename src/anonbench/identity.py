"""What a result depends on besides its inputs and settings: the code that made it, with packages.

The code is what can be executed: comments, docstrings, annotations and formatting change nothing,
and neither does a function that nobody calls. Modules are read and not imported, so that nothing
heavy is loaded to find that a result is there already.
"""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Sequence
from functools import cache
from importlib import metadata
from pathlib import Path

from anonbench.reach import EFFECTS, Reach, Reached

PACKAGE = "anonbench"
_ROOT = Path(__file__).parent
_SETTINGS = f"{PACKAGE}.config"
"""Of settings only the methods count: their values are part of an identity by themselves."""
_SILENT = frozenset({"tqdm"})
"""Packages that compute nothing."""
_FRAME = ("identity", "made", "progress", "reach", "runtime")
"""Modules around a job's work: they decide when and where it runs, and nothing of what it makes."""
_KNOWN: dict[str, dict[str, str]] = {}


def code_identity(modules: Sequence[str], without: Sequence[str] = ()) -> dict[str, str]:
    """Return what stands for the code of modules and of all that they can reach.

    A digest for each definition of anonbench, and the version of each installed distribution.

    Args:
        modules: full names, such as `anonbench.detectors.zxing`.
        without: modules of anonbench that are left out, with what only they reach.

    """
    return _identity(_reach(PACKAGE, _ROOT).of_modules(list(modules), tuple(without)))


def script_identity(script: Path) -> dict[str, str]:
    """Return what stands for a script and all that it can reach; see `code_identity`."""
    frame = tuple(f"{PACKAGE}.{module}" for module in _FRAME)
    return _identity(_reach(PACKAGE, _ROOT).of_script(script, frame))


@cache
def code_digest(script: Path) -> str:
    """Return one digest for all that `script_identity` names."""
    identity = script_identity(script)
    digest = hashlib.sha256(json.dumps(identity).encode()).hexdigest()
    _KNOWN[digest] = identity
    return digest


def known_codes() -> dict[str, dict[str, str]]:
    """Return what each `code_digest` that this process has computed stands for."""
    return dict(_KNOWN)


def _identity(reached: Reached) -> dict[str, str]:
    found = {
        f"{module}:{name}" if name != EFFECTS else module: digest
        for (module, name), digest in reached.places.items()
    }
    for top in reached.foreign - _SILENT:
        found |= _versions(top)
    return dict(sorted(found.items()))


@cache
def _reach(package: str, root: Path) -> Reach:
    return Reach(package, root, _SETTINGS)


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
