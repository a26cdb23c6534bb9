"""Differences between a job's parameters before and now, in the words of the config."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

_MISSING = "(none)"
_WHOLE = 4
"""Lists of about so many plain values are shown whole, others by what was added or removed."""
_SHOWN = 3
_WIDTH = 80


class Change(NamedTuple):
    """One value that differs."""

    key: tuple[str, ...]
    """Name of the parameter, then the keys inside of it."""
    old: Any
    new: Any


def changes(old: Any, new: Any, key: tuple[str, ...] = ()) -> Iterator[Change]:
    """Yield what differs between two values, inside of mappings key by key."""
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        for name in sorted({*old, *new}):
            yield from changes(old.get(name, _MISSING), new.get(name, _MISSING), (*key, name))
    elif old != new:
        yield Change(key, old, new)


def config_name(change: Change, config: Mapping[str, Any], words: set[str]) -> str:
    """Return the name of a changed setting in the config, or its key in the job's parameters.

    A parameter holds a part of the config, so that both names end in the same key. Of several such
    settings with the new value, that one is meant whose name has most of the other keys and of
    `words`: data set, recipe and section of the job.
    """
    wanted = {*change.key[:-1]} | words
    ranks = {
        name: len(wanted & {*name})
        for name, value in _leaves((), config)
        if name[-1:] == change.key[-1:] and value == change.new
    }
    best = [name for name, rank in ranks.items() if rank == max(ranks.values())]
    return ".".join(best[0] if len(best) == 1 else change.key).removeprefix("slice.")


def described(change: Change) -> str:
    """Return the old and the new value, shortened."""
    old, new = change.old, change.new
    are_lists = isinstance(old, list) and isinstance(new, list)
    if are_lists and (len(old) + len(new) > 2 * _WHOLE or any(isinstance(x, list) for x in new)):
        added = _items("added", [each for each in new if each not in old])
        removed = _items("removed", [each for each in old if each not in new])
        return "; ".join(filter(None, [added, removed])) or "another order"
    return f"{_short(old)} → {_short(new)}"


def _leaves(name: tuple[str, ...], value: Any) -> Iterator[tuple[tuple[str, ...], Any]]:
    yield name, value
    if isinstance(value, Mapping):
        for key, each in value.items():
            yield from _leaves((*name, str(key)), each)


def _items(what: str, items: Sequence[Any]) -> str:
    shown = [*map(_short, items[:_SHOWN]), *(["…"] if len(items) > _SHOWN else [])]
    return f"{len(items)} {what}: {', '.join(shown)}" if items else ""


def _short(value: Any) -> str:
    text = str(value)
    return text if len(text) <= _WIDTH else text[: _WIDTH - 1] + "…"
