"""Which settings of a job changed: its parameters before and now, key by key."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

NOTHING = object()
"""Stands for a key that is not there."""
_WHOLE = 4
"""Lists of so many plain values are shown as they are, longer ones by what was added or removed."""
_SHOWN = 3
_WIDTH = 80


@dataclass(frozen=True)
class Change:
    """One setting that is another than before."""

    key: tuple[str, ...]
    """A parameter's name, then the keys inside of it."""
    old: Any
    new: Any

    def text(self) -> str:
        """Return `old → new`, shortened."""
        if isinstance(self.old, list | tuple) and isinstance(self.new, list | tuple):
            return _lists(self.old, self.new)
        if self.old is NOTHING:
            return f"{_short(self.new)} (new)"
        if self.new is NOTHING:
            return f"no more (was {_short(self.old)})"
        return f"{_short(self.old)} → {_short(self.new)}"


def changes(before: Sequence[str], now: Mapping[str, str]) -> list[Change]:
    """Return what changed, by key.

    Args:
        before: Python's text of the values that are there no more. Snakemake keeps no names.
        now: names and texts of the values that were not there before.

    """
    left = [_value(text) for text in before]
    found: list[Change] = []
    for name, text in now.items():
        new = _value(text)
        old = _counterpart(new, left)
        if old is not NOTHING:
            left.remove(old)
        found += _inside((name,), old, new)
    return found


def config_name(change: Change, config: Mapping[str, Any], words: set[str]) -> str:
    """Return the name of a changed setting in the config, or its key in the job's parameters.

    A slice of the config names the last keys of a setting. The setting is the one of the config
    whose last keys are the same and whose value is the new one, if there is just one.

    Args:
        change: of a parameter.
        config: as it is now.
        words: of several settings, the one that has one of these among its keys is meant: the
            job's data set, its recipe, its stage.

    """
    key = change.key[1:] if change.key[0] in ("slice", "config") else change.key
    if change.new is not NOTHING and change.key[0] != "config":
        for length in range(len(key), 0, -1):
            names = [
                path
                for path, value in _leaves((), config)
                if path[-length:] == key[-length:] and value == change.new
            ]
            near = [path for path in names if words & set(path[:-1])]
            for found in (names, near):
                if len(found) == 1:
                    return ".".join(found[0])
    return ".".join(key)


def _leaves(key: tuple[str, ...], value: Any) -> Iterator[tuple[tuple[str, ...], Any]]:
    yield key, value
    if isinstance(value, Mapping):
        for name, each in value.items():
            yield from _leaves((*key, str(name)), each)


def _counterpart(new: Any, left: Sequence[Any]) -> Any:
    """Return the old value that a new one has replaced, or NOTHING."""
    same = [old for old in left if type(old) is type(new)]
    if isinstance(new, dict):
        best: Any = max(same, key=lambda old: len(set(old) & set(new)), default={})
        return best if set(best) & set(new) else NOTHING
    if len(same) == 1:
        return same[0]
    alone = [old for old in left if isinstance(old, dict) is isinstance(new, dict)]
    return alone[0] if len(alone) == 1 and not same else NOTHING


def _inside(key: tuple[str, ...], old: Any, new: Any) -> Iterator[Change]:
    if isinstance(old, dict) and isinstance(new, dict):
        for name in sorted({*old, *new}, key=str):
            inner = old.get(name, NOTHING), new.get(name, NOTHING)
            if inner[0] is NOTHING or inner[1] is NOTHING or inner[0] != inner[1]:
                yield from _inside((*key, str(name)), *inner)
    else:
        yield Change(key, old, new)


def _value(text: str) -> Any:
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError):  # an object: its text has to do
        return text


def _lists(old: Sequence[Any], new: Sequence[Any]) -> str:
    plain = all(isinstance(each, int | float | str) for each in (*old, *new))
    if plain and len(old) <= _WHOLE and len(new) <= _WHOLE:
        return f"{_short(old)} → {_short(new)}"
    added = [each for each in new if each not in old]
    removed = [each for each in old if each not in new]
    parts = [
        f"{len(items)} {word}: {', '.join(_short(item) for item in items[:_SHOWN])}"
        + (", …" if len(items) > _SHOWN else "")
        for word, items in (("added", added), ("removed", removed))
        if items
    ]
    return "; ".join(parts) or "another order"


def _short(value: Any) -> str:
    text = " ".join(map(str, value)) if isinstance(value, tuple) else str(value)
    return text if len(text) <= _WIDTH else text[: _WIDTH - 1] + "…"
