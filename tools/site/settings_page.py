"""The pages of settings, common and expert ones, from the config's model."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from typing import Any, NamedTuple

import yaml

from anonbench.config import Config
from anonbench.core.registries.methods import METHODS

HEADS = {
    True: """\
# Settings

<!-- Written from src/anonbench/config by `make docs`. Do not edit. -->

These settings are enough for experiments on your own images, for the demo and for the paper's
experiment; all others are [expert settings](settings-expert.md). Each heading is a section of the
config, and each row is one of its settings. Unknown names and impossible values are refused before
anything runs. [config/defaults.yaml](../../config/defaults.yaml) contains all settings as YAML to
copy from, and [config/](../../config/README.md) has examples.
""",
    False: """\
# Expert settings

<!-- Written from src/anonbench/config by `make docs`. Do not edit. -->

Few experiments change these settings; [the common ones](settings.md) are on a separate page.
[config/defaults.yaml](../../config/defaults.yaml) contains them as YAML to copy from.
""",
}
COMMON = {
    "": "title results seed training_seeds systems",
    "datasets.<name>": "layout path demo split subset label cluster paper_role detectors boxes "
    "templates corrections truth methods degrees given system adaptions recipe "
    "keep_without_regions",
    "datasets.<name>.split": "validation by",
    "detection": "speed device",
    "anonymization": "margin shape format strengths",
    "anonymization.pixelate": "blocks",
    "anonymization.blur": "sigma",
    "anonymization.mask": "colour",
    "recipes.<name>": "device gpus",
    "recipes.<name>.backbone": "name pretrained",
    "recipes.<name>.optimizer": "steps batch_size",
    "retrieval": "fraction queries",
    "privacy": "enabled identity attackers attacks",
    "privacy.recognizer": "weights",
    "policy": "searched methods degree information_left missed",
    "policy.attacks": "reidentification readability mrz_reading barcodes",
    "presentation": "language show_originals",
}
"""Settings that a user needs, by section; all others are expert settings."""
COLUMNS = "| setting | default | values | meaning |\n| --- | --- | --- | --- |"
Schema = dict[str, Any]


class Setting(NamedTuple):
    """One row of a page; a section is also a row of the section around it."""

    name: str
    path: str
    default: str
    values: str
    meaning: str
    heading: str | None
    """Heading of the section that the setting is; None for a plain value."""


class Section(NamedTuple):
    """One heading of a page with its rows."""

    heading: str
    meaning: str
    settings: list[Setting]


def is_common(path: str) -> bool:
    """Whether a setting, such as `datasets.<name>.path`, is one that most experiments need."""
    section, _, name = path.rpartition(".")
    return name in COMMON.get(section, "").split()


def page(common: bool) -> str:
    """The page of common or of expert settings."""
    found = shown(common)
    headings = {section.heading for section in found}
    return "\n".join([HEADS[common], *(_text(section, common, headings) for section in found)])


def shown(common: bool) -> list[Section]:
    """Sections of one page, with the rows that stand on it; empty ones are left out."""
    kept: list[Section] = []
    for section in reversed(sections()):  # inner sections before those around them
        inner = {each.heading for each in kept}
        rows = [row for row in section.settings if _stands_on(row, common, inner)]
        if rows:
            kept.append(section._replace(settings=rows))
    return kept[::-1]


def _stands_on(row: Setting, common: bool, inner: set[str]) -> bool:
    """Whether a row stands on a page; a section does if a setting in it does."""
    if row.heading and not is_common(row.path):
        return row.heading in inner
    return is_common(row.path) is common


@cache
def sections() -> list[Section]:
    """Every section of the config with every setting, outer sections first."""
    schema = Config.model_json_schema()
    found = _sections(schema, schema["$defs"], "The experiment", "")
    return list({section.heading: section for section in found}.values())


def _text(section: Section, common: bool, headings: set[str]) -> str:
    rows = [COLUMNS]
    for row in section.settings:
        name = f"`{row.name}`"
        if row.heading:
            other = "" if row.heading in headings else _file(not common)
            name = f"[{name}]({other}#{anchor(row.heading)})"
        rows.append(
            f"| {name} | {row.default} | {row.values} | {row.meaning.replace('|', chr(92) + '|')} |"
        )
    return f"## {section.heading}\n\n{section.meaning}\n\n" + "\n".join(rows) + "\n"


def _file(common: bool) -> str:
    return "settings.md" if common else "settings-expert.md"


def _sections(section: Schema, known: Schema, heading: str, path: str) -> Iterator[Section]:
    inner: list[tuple[Schema, str, str]] = []
    rows = []
    for name, field in section["properties"].items():
        place = f"{path}{name}"
        by_entity = _by_entity(field, known)
        # a strength has its method's section, which stands there
        plain = by_entity or place == "anonymization.strengths"
        below = [] if plain else list(_below(field, known, place))
        inner += below
        default = "required" if name in section.get("required", ()) else _default(field, below)
        values = (
            f"by entity: {_values(by_entity['face'], known)}"
            if by_entity
            else _values(field, known)
        )
        meaning = _joined(field.get("description", "")) or _summary(_named(field, known))
        rows.append(Setting(name, place, default, values, meaning, below[0][1] if below else None))
    yield Section(heading, _summary(section), rows)
    for each, title, prefix in inner:
        yield from _sections(each, known, title, prefix)


def _by_entity(field: Schema, known: Schema) -> Schema:
    """Values by entity of a section that has nothing else to say; else an empty mapping."""
    values: Schema = _named(field, known).get("properties", {})
    alike = "face" in values and not any("description" in value for value in values.values())
    return values if alike else {}


def _below(field: Schema, known: Schema, path: str) -> Iterator[tuple[Schema, str, str]]:
    """Yield the sections that a setting can be: schema, heading, and what stands before names."""
    section = _named(field, known)
    if "properties" in section:
        yield section, f"`{path}`", f"{path}."
    yield from _below(field["items"], known, path) if "items" in field else ()
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
    if "default" not in field or (below and isinstance(field["default"], dict | list)):
        return "" if below else "–"
    text = yaml.safe_dump(
        field["default"], default_flow_style=True, width=10_000, allow_unicode=True, sort_keys=False
    )
    return f"`{text.removesuffix('...' + chr(10)).strip()}`"


def _values(field: Schema, known: Schema) -> str:
    """The values that a setting takes, in words."""
    field = _named(field, known) or field
    if field.get("anyOf", [{}])[0].get("enum") == list(METHODS):
        return "names of [methods](methods.md)"
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
    """The anchor of a heading, as GitHub names it."""
    return re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-")


def _summary(section: Schema) -> str:
    """First paragraph of a section's own documentation."""
    return _joined(section.get("description", "").split("\n\n")[0])


def _joined(text: str) -> str:
    return " ".join(text.split())
