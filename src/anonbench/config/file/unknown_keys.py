"""Suggestions for keys that the config does not know."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from typing import Any

from anonbench.core.settings import Settings

_MOST = 3


def suggestion(model: type[Settings], place: Sequence[str | int]) -> str:
    """Suggest known keys for an unknown key, or the file that lists all keys.

    Args:
        model: model of the whole config.
        place: location of the key in pydantic's form: names, indices and tags of unions.
    """
    schema = _schema(model)
    nodes: list[Mapping[str, Any]] = [schema]
    for part in place[:-1]:
        # a union's tag is not a level in the schema
        nodes = [inner for node in nodes for inner in _inside(schema, node, part)] or nodes
    known = {key for node in nodes for each in _members(schema, node) for key in _properties(each)}
    near = difflib.get_close_matches(str(place[-1]), sorted(known), _MOST)
    if not near:  # a key whose section was left out
        near = sorted({*_below(schema, nodes, str(place[-1]))})[:_MOST]
    if near:
        return f"did you mean {' or '.join(near)}?"
    return "see config/defaults.yaml and config/defaults-expert.yaml for all keys"


def _below(
    schema: Mapping[str, Any], nodes: Sequence[Mapping[str, Any]], key: str
) -> Iterator[str]:
    """Yield the key with the sections that have it: `optimizer.steps` for `steps`."""
    for node in nodes:
        for each in _members(schema, node):
            for section, inner in _properties(each).items():
                if any(key in _properties(one) for one in _members(schema, inner)):
                    yield f"{section}.{key}"


@cache
def _schema(model: type[Settings]) -> dict[str, Any]:
    return model.model_json_schema()


def _properties(node: Mapping[str, Any]) -> Mapping[str, Any]:
    found: Mapping[str, Any] = node.get("properties", {})
    return found


def _inside(
    schema: Mapping[str, Any], node: Mapping[str, Any], part: str | int
) -> Iterator[Mapping[str, Any]]:
    for each in _members(schema, node):
        if isinstance(part, int):
            yield each.get("items", {})
        elif part in _properties(each):
            yield _properties(each)[part]
        else:
            yield from each.get("patternProperties", {}).values()
            if isinstance(each.get("additionalProperties"), dict):
                yield each["additionalProperties"]


def _members(schema: Mapping[str, Any], node: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """Yield a node and the members of its unions, following references."""
    if reference := node.get("$ref"):
        yield from _members(schema, schema["$defs"][reference.removeprefix("#/$defs/")])
    for member in (*node.get("anyOf", ()), *node.get("oneOf", ())):
        yield from _members(schema, member)
    yield node
