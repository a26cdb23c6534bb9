"""Suggestions for keys that the config does not know."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from typing import Any

from anonbench.core.settings import Settings

_MOST = 3
_NAME = "<name>"
"""Stands for a name that the user gives."""


def suggestion(model: type[Settings], place: Sequence[str | int]) -> str:
    """Suggest known keys for an unknown key, or the files that list all keys.

    Args:
        model: model of the whole config.
        place: location of the key in pydantic's form: names, indices and tags of unions.
    """
    paths = _paths(model)
    keys = {path[-1] for path in paths}
    section = [part for part in place[:-1] if part in keys]
    beside = [path[-1] for path in paths if [p for p in path[:-1] if p != _NAME] == section]
    near = difflib.get_close_matches(str(place[-1]), beside, _MOST)
    if not near:  # a key of another section
        far = difflib.get_close_matches(str(place[-1]), sorted(keys), 1)
        near = [".".join(path) for path in paths if path[-1] in far][:_MOST]
    if near:
        return f"did you mean {' or '.join(near)}?"
    return "see config/defaults.yaml and config/defaults-expert.yaml for all keys"


@cache
def _paths(model: type[Settings]) -> list[tuple[str, ...]]:
    """All keys with their sections."""
    schema = model.model_json_schema()

    def below(node: Mapping[str, Any], path: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
        if reference := node.get("$ref"):
            yield from below(schema["$defs"][reference.removeprefix("#/$defs/")], path)
        for member in (*node.get("anyOf", ()), *node.get("oneOf", ()), node.get("items")):
            yield from below(member, path) if member else ()
        for key, inner in node.get("properties", {}).items():
            yield (*path, key)
            yield from below(inner, (*path, key))
        named = [*node.get("patternProperties", {}).values(), node.get("additionalProperties")]
        for inner in named:
            if isinstance(inner, dict):
                yield from below(inner, (*path, _NAME))

    return list(dict.fromkeys(below(schema, ())))
