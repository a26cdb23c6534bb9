"""Entry points by which installed packages add to anonbench."""

from __future__ import annotations

from functools import cache
from importlib.metadata import EntryPoint, entry_points

GROUPS = "anonbench."
"""What the names of their groups begin with; see docs/how-to/adding.md."""


@cache
def added() -> dict[str, list[EntryPoint]]:
    """Return the entry points of all groups of anonbench, by group and in the order of names.

    They are looked for once: that reads a file of each installed package.
    """
    found = entry_points()
    return {
        group: sorted(found.select(group=group), key=lambda point: point.name)
        for group in found.groups
        if group.startswith(GROUPS)
    }
