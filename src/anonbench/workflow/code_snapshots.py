"""Copies of what each digest of code stands for, so that a change of code can be named.

A job's record has one digest for all code that its script can reach. The definitions behind it are
written beside the results when a run starts: some kilobytes for each script and state of the code.
"""

from __future__ import annotations

from pathlib import Path

from anonbench.core.io import read_json, write_json
from anonbench.core.jobs.fingerprint import PACKAGES, SCRIPTS, script_identity

FOLDER = ".code"


def keep_codes(results: Path) -> None:
    """Write what every code digest of this process stands for, where there is no copy yet."""
    for digest, script in SCRIPTS.items():
        if not _copy(results, digest).exists():
            write_json(_copy(results, digest), script_identity(*script))


def code_changes(results: Path, old: str, new: str) -> list[str]:
    """Return what differs between a record's digest and a new one, which this process computed.

    One line for each definition or package. A changed definition may reach others than before:
    they are named only where nothing that is in both has changed.
    """
    try:
        before: dict[str, str] = read_json(_copy(results, old))
    except (OSError, ValueError):
        return ["code that the script can reach has changed; there is no copy of the old code"]
    now = script_identity(*SCRIPTS[new])
    changed = {name for name in before.keys() & now.keys() if before[name] != now[name]}
    return [
        f"{name.replace(':', '.')} was changed"
        if name.endswith(".py") or name.partition(".")[0] in PACKAGES
        else f"{name}: {before.get(name, 'not used')} → {now.get(name, 'not used')}"
        for name in sorted(changed or before.keys() ^ now.keys())
    ]


def _copy(results: Path, digest: str) -> Path:
    return results / FOLDER / f"{digest}.json"
