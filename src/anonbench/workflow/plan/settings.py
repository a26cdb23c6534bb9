"""Differences between a job's parameters before and now, in the words of the config."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Any, NamedTuple

_MISSING = "(none)"
_WIDTH = 100


class Change(NamedTuple):
    """Value that differs; its key is the name of the parameter and the keys inside of it."""

    key: tuple[str, ...]
    old: Any
    new: Any


def changes(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[Change]:
    """Return what differs between two mappings, key by key."""
    before, now = dict(_leaves(old)), dict(_leaves(new))
    keys = sorted({*before, *now})
    found = (Change(key, before.get(key, _MISSING), now.get(key, _MISSING)) for key in keys)
    return [change for change in found if change.old != change.new]


def config_name(change: Change, config: Mapping[str, Any], words: Collection[str]) -> str:
    """Return the name of a changed setting in the config, or its key in the job's parameters.

    Both end in the same key. Of several settings with the new value, that one is meant whose name
    has most of the other keys and of `words`: data set, recipe and section of the job.
    """
    names = [name for name, value in _leaves(config) if value == change.new]
    ends = [name for name in names if name[-1] == change.key[-1]]
    ranks = [len({*change.key[:-1], *words} & {*name}) for name in ends]
    is_clear = ranks.count(max(ranks, default=0)) == 1
    name = ends[ranks.index(max(ranks))] if is_clear else change.key
    return ".".join(name).removeprefix("slice.")


def described(change: Change) -> str:
    """Return the old and the new value; of long lists only what was added and removed."""
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
