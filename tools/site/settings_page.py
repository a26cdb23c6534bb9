"""The page of every setting, from the config's model."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import yaml

from anonbench.config import Config

HEAD = """\
# Every setting

<!-- Written from src/anonbench/config by `make docs`. Do not edit. -->

Each heading is a section of the config, each row a setting of it. Unknown names and impossible
values are refused before anything runs. [config/defaults.yaml](../../config/defaults.yaml) has the
same as YAML to copy from, and [config/](../../config/README.md) has examples.
"""
COLUMNS = "| setting | default | values | meaning |\n| --- | --- | --- | --- |"
Schema = dict[str, Any]


def page() -> str:
    """Return the page."""
    schema = Config.model_json_schema()
    return "\n".join([HEAD, *_section(schema, schema["$defs"], "The experiment", "")])


def _section(section: Schema, known: Schema, heading: str, path: str) -> Iterator[str]:
    inner: list[tuple[Schema, str, str]] = []
    rows = []
    for name, field in section["properties"].items():
        place = f"{path}{name}"
        # a strength has its method's section, which stands there
        below = [] if place == "anonymization.strengths" else list(_below(field, known, place))
        inner += below
        default = "required" if name in section.get("required", ()) else _default(field, below)
        # a section's own text stands below its heading
        of_section = _named(field, known).get("description", "")
        meaning = field.get("description") or (_sentence(of_section) if below else of_section)
        first = f"[`{name}`](#{anchor(below[0][1])})" if below else f"`{name}`"
        rows.append(f"| {first} | {default} | {_values(field, known)} | {_cell(meaning)} |")
    yield f"## {heading}\n\n{section.get('description', '')}\n"
    yield "\n".join([COLUMNS, *rows]) + "\n"
    for each, title, prefix in inner:
        yield from _section(each, known, title, prefix)


def _below(field: Schema, known: Schema, path: str) -> Iterator[tuple[Schema, str, str]]:
    """Yield the sections that a setting can be: schema, heading, and what stands before names."""
    section = _named(field, known)
    if "properties" in section:
        yield section, f"`{path}`", f"{path}."
    for each in (*field.get("patternProperties", {}).values(), field.get("additionalProperties")):
        if isinstance(each, dict):
            yield from _below(each, known, f"{path}.<name>")
    for each in (*field.get("anyOf", ()), *field.get("oneOf", ())):
        kind = _kind(each, known)
        for section, heading, prefix in _below(each, known, path):
            yield section, f"{heading}, kind {kind}" if kind else heading, prefix


def _named(field: Schema, known: Schema) -> Schema:
    found: Schema = known.get(field.get("$ref", "").rpartition("/")[2], {})
    return found


def _kind(field: Schema, known: Schema) -> str:
    return str(_named(field, known).get("properties", {}).get("kind", {}).get("const", ""))


def _default(field: Schema, below: list[tuple[Schema, str, str]]) -> str:
    if "default" not in field or (below and field["default"] is not None):
        return "" if below else "–"
    text = yaml.safe_dump(
        field["default"], default_flow_style=True, width=10_000, allow_unicode=True
    )
    return f"`{text.removesuffix('...' + chr(10)).strip()}`"


def _values(field: Schema, known: Schema) -> str:
    """Return in words which values a setting takes."""
    field = _named(field, known) or field
    for several in ("anyOf", "oneOf"):
        if several in field:
            return " or ".join(dict.fromkeys(_values(each, known) for each in field[several]))
    if "enum" in field:
        return ", ".join(f"`{each}`" for each in field["enum"])
    if "const" in field:
        return f"`{field['const']}`"
    if "properties" in field or "patternProperties" in field or "additionalProperties" in field:
        return "section"
    match field.get("type"):
        case "array" if "prefixItems" in field:
            items = [_values(each, known) for each in field["prefixItems"]]
            same = len(set(items)) == 1
            return f"{len(items)} × {items[0]}" if same else f"[{', '.join(items)}]"
        case "array":
            return f"list of: {_values(field.get('items', {}), known)}"
        case "null":
            return "`null`"
        case "string":
            return "path" if field.get("format") == "path" else "text"
        case "boolean":
            return "`true`, `false`"
        case "integer" | "number" as kind:
            return " ".join([kind, *_bounds(field)])
        case _:
            return "any"


def _bounds(field: Schema) -> Iterator[str]:
    signs = {"minimum": "≥", "exclusiveMinimum": ">", "maximum": "≤", "exclusiveMaximum": "<"}
    for name, sign in signs.items():
        bound = field.get(name)
        if bound is not None and bound < 2**31 - 1:  # larger ones are the machine's, not the user's
            yield f"{sign} {bound:g}"


def anchor(heading: str) -> str:
    """Return the anchor of a heading, as GitHub names it."""
    return re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-")


def _sentence(text: str) -> str:
    """First sentence of a text."""
    return re.split(r"(?<=[.:])\s+(?=[A-Z`])", text, maxsplit=1)[0]


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")
