"""Problems of a config as sentences: place, what is wrong, and what to write instead."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping
from functools import cache
from textwrap import shorten
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from anonbench.core.settings import Settings

_SHOWN = 80
"""Most characters of a wrong value."""


def problems(error: ValidationError, values: Any, config: type[Settings]) -> list[str]:
    """List what is wrong in values that pydantic refused, one line for each place.

    Args:
        error: of a config, or of a section in its place.
        values: what was refused.
        config: model of the whole config, whose keys are suggested for unknown ones.
    """
    found: dict[tuple[str, ...], list[str]] = {}
    given = {}
    for entry in error.errors(include_url=False):
        place = _place(entry, values)
        found.setdefault(place, []).append(_text(entry, place, config))
        if entry["type"] != "extra_forbidden":
            given[place] = entry["input"]
    lines = []
    for place, texts in found.items():
        if any(len(other) > len(place) and other[: len(place)] == place for other in found):
            continue  # what is wrong in it explains it, such as an empty list of refused entries
        line = ": ".join([".".join(place), " or ".join(dict.fromkeys(texts))]).removeprefix(": ")
        if isinstance(value := given.get(place), str | int | float):
            line += f" (given: {shorten(repr(value), _SHOWN)})"
        lines.append(line)
    return lines


def _place(entry: ErrorDetails, values: Any) -> tuple[str, ...]:
    """Place of an error in the values, without pydantic's names for members of a union."""
    place = []
    for part in entry["loc"]:
        is_row = isinstance(values, list | tuple) and part in range(len(values))
        if is_row or (isinstance(values, Mapping) and part in values):
            values = values[part]
            place.append(str(part))
    missing = [str(entry["loc"][-1])] if entry["type"] == "missing" else []
    return (*place, *missing)


def _text(entry: ErrorDetails, place: tuple[str, ...], config: type[Settings]) -> str:
    if entry["type"] == "union_tag_not_found":
        return "needs a `kind` (docs/reference/settings-expert.md lists them)"
    if entry["type"] != "extra_forbidden":
        return entry["msg"].removeprefix("Value error, ")
    known = {path: path.rpartition(".")[2] for path in _paths(config)}
    key, names = place[-1], set(known.values())
    near = [key] if key in names else difflib.get_close_matches(key, names, cutoff=0.8)
    alike = [path for path, name in known.items() if name in near]
    if most_alike := difflib.get_close_matches(".".join(place), alike, n=1, cutoff=0):
        # a key of another section may also be one that was removed from this one
        end = " Removed settings are in CHANGELOG.md" if key in names else ""
        return f"unknown key; did you mean {most_alike[0]}?{end}"
    return "unknown key; config/defaults.yaml has all, CHANGELOG.md those that were removed"


@cache
def _paths(config: type[Settings]) -> list[str]:
    """All settings, such as `datasets.<name>.path`."""
    schema = config.model_json_schema()

    def below(node: Any, path: str) -> Iterator[str]:
        node = schema["$defs"][node["$ref"].rpartition("/")[2]] if "$ref" in node else node
        for member in (*node.get("anyOf", ()), *node.get("oneOf", ()), node.get("items", {})):
            yield from below(member, path) if member else ()
        for key, inner in node.get("properties", {}).items():
            yield f"{path}{key}"
            yield from below(inner, f"{path}{key}.")
        for inner in (
            *node.get("patternProperties", {}).values(),
            node.get("additionalProperties"),
        ):
            yield from below(inner, f"{path}<name>.") if isinstance(inner, dict) else ()

    return list(dict.fromkeys(below(schema, "")))
