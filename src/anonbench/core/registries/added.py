"""Entry points by which installed packages add to anonbench."""

from __future__ import annotations

import logging
from functools import cache
from importlib.metadata import EntryPoint, entry_points

_LOG = logging.getLogger(__name__)
_PREFIX = "anonbench."
GROUPS = ("anonbench.methods", "anonbench.detectors", "anonbench.systems")
"""Groups that are read; see docs/how-to/adding.md."""


@cache
def added() -> dict[str, list[EntryPoint]]:
    """Return the entry points of anonbench's groups, by group and in the order of names.

    They are searched once, because this reads a file of each installed package.
    """
    found = entry_points()
    for group in sorted(found.groups):
        if group.startswith(_PREFIX) and group not in GROUPS:
            _LOG.warning(
                "anonbench: entry points of %s are gone and not read: only methods, detectors and "
                "systems can be added",
                group,
            )
    return {
        group: sorted(found.select(group=group), key=lambda point: point.name)
        for group in GROUPS
        if group in found.groups
    }
