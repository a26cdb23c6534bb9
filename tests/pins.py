"""Exact versions in the lock files."""

from __future__ import annotations

from pathlib import Path

LOCK, NO_DEPENDENCIES = Path("requirements.lock"), Path("requirements-nodeps.lock")


def read_pins(lock: Path) -> list[str]:
    """Read the `name==version` lines of a lock file."""
    lines = (line.split("#")[0].strip() for line in lock.read_text(encoding="utf-8").splitlines())
    return [line for line in lines if line]
