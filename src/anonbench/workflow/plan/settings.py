"""Changed settings of a job: its parameters before and now, key by key."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

MISSING = "(none)"
"""Stands for the value of a key that is not there."""
_WHOLE = 4
"""Lists of so many values are shown whole, longer ones by what was added or removed."""
_SHOWN = 3
_WIDTH = 80


@dataclass(frozen=True)
class Change:
    """One setting whose value differs."""

    key: tuple[str, ...]
    """Name of the parameter, then the keys inside of it."""
    old: Any
    new: Any

    @property
    def text(self) -> str:
        """Old and new value, shortened."""
        if isinstance(self.old, list) and isinstance(self.new, list):
            longest = max(len(self.old), len(self.new))
            if longest > _WHOLE or any(isinstance(each, list) for each in self.new):
                return _list_changes(self.old, self.new)
        return f"{_short(self.old)} → {_short(self.new)}"


def changes(old: Any, new: Any, key: tuple[str, ...] = ()) -> Iterator[Change]:
    """Yield what differs between two values, inside of mappings key by key."""
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        for name in sorted({*old, *new}):
            yield from changes(old.get(name, MISSING), new.get(name, MISSING), (*key, name))
    elif old != new:
        yield Change(key, old, new)


def config_name(change: Change, config: Mapping[str, Any], words: set[str]) -> str:
    """Return the name of a changed setting in the config, or its key in the job's parameters.

    A parameter holds a part of the config, so that both names end in the same keys.

    Args:
        change: of a parameter.
        config: as it is now.
        words: data set, recipe and section of the job. Of several settings with the same last key
            and value, the one is meant that has most of its keys or of these words in its name.

    """
    names = [name for name, value in _leaves((), config) if value == change.new]
    ranks = {name: _rank(name, change.key, words) for name in names if name[-1] == change.key[-1]}
    best = [name for name, rank in ranks.items() if rank == max(ranks.values())]
    key = change.key[1:] if change.key[0] == "slice" else change.key
    return ".".join(best[0] if len(best) == 1 else key)


def _leaves(name: tuple[str, ...], value: Any) -> Iterator[tuple[tuple[str, ...], Any]]:
    if name:
        yield name, value
    if isinstance(value, Mapping):
        for key, each in value.items():
            yield from _leaves((*name, str(key)), each)


def _rank(name: tuple[str, ...], key: tuple[str, ...], words: set[str]) -> int:
    return len({*name[:-1]} & ({*key[:-1]} | words))


def _list_changes(old: Sequence[Any], new: Sequence[Any]) -> str:
    both = {
        "added": [each for each in new if each not in old],
        "removed": [each for each in old if each not in new],
    }
    parts = [
        f"{len(items)} {what}: {', '.join(map(_short, items[:_SHOWN]))}"
        + (", …" if len(items) > _SHOWN else "")
        for what, items in both.items()
        if items
    ]
    return "; ".join(parts) or "another order"


def _short(value: Any) -> str:
    text = " ".join(map(str, value)) if isinstance(value, list) and _is_row(value) else str(value)
    return text if len(text) <= _WIDTH else text[: _WIDTH - 1] + "…"


def _is_row(value: Sequence[Any]) -> bool:
    return bool(value) and isinstance(value[0], str)
