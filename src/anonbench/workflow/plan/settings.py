"""Differences between a job's old and new parameters, named as in the config."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

_MISSING = "(none)"
_WIDTH = 100


class Change(NamedTuple):
    """Changed value; its key is the parameter's name followed by the keys inside it."""

    key: tuple[str, ...]
    old: Any
    new: Any


def changes(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[Change]:
    """Differences between two mappings, key by key."""
    before, now = dict(_leaves(old)), dict(_leaves(new))
    keys = sorted({*before, *now})
    found = (Change(key, before.get(key, _MISSING), now.get(key, _MISSING)) for key in keys)
    return [change for change in found if change.old != change.new]


def config_name(change: Change, config: Mapping[str, Any]) -> str:
    """Name of a changed setting in the config, if exactly one has this key and new value.

    Otherwise its name in the job's parameters.
    """
    settings = dict(_leaves(config))
    names = [n for n in settings if n[-1] == change.key[-1] and settings[n] == change.new]
    return ".".join(names[0] if len(names) == 1 else change.key).removeprefix("slice.")


def described(change: Change) -> str:
    """Old and new value; for long lists only the added and removed items."""
    old, new = change.old, change.new
    text = f"{old} → {new}"
    if len(text) > _WIDTH and isinstance(old, list) and isinstance(new, list):
        added, removed = [x for x in new if x not in old], [x for x in old if x not in new]
        text = f"added {added}, removed {removed}"
    return text if len(text) <= _WIDTH else text[: _WIDTH - 1] + "…"


def _leaves(
    values: Mapping[str, Any], key: tuple[str, ...] = ()
) -> Iterator[tuple[tuple[str, ...], Any]]:
    for name, value in values.items():
        if isinstance(value, Mapping) and value:
            yield from _leaves(value, (*key, name))
        else:
            yield (*key, name), value
