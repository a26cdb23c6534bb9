"""Schema and commented default config, generated from the model."""

import textwrap
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

from anonbench.config import Config, Policy, load
from anonbench.core.settings import Settings, documentation

SCHEMA = Path("workflow/schemas/config.schema.yaml")
DEFAULTS = Path("config/defaults.yaml")
POLICY = Path("config/policy.yaml")

_WIDTH = 96
_EXAMPLE = {"layout": "folder", "path": "data/my_images", "detectors": ["mtcnn"]}
_SCHEMA_HEAD = "# Written from src/anonbench/config by `anonbench config`. Do not edit.\n"
_HEAD = """\
# All settings with their defaults, written from src/anonbench/config by `anonbench config`. Do not
# edit: copy what you need into a config of your own (see config.yaml, the demo's, and
# config/own_data.yaml). The data set `my_images` stands for yours.
"""
_POLICY_HEAD = """\
# The default policy, written from src/anonbench/config by `anonbench config`. Do not edit: copy it,
# or single settings of it, into a file of your own. Such a file is used in two ways:
#   anonbench policy check --policy my_policy.yaml results     # judge results again
#   snakemake --configfile config.yaml my_policy.yaml          # the same policy in the report
# A config may also hold the section itself.
policy:
"""


def documents() -> dict[Path, str]:
    """The JSON schema as YAML, and all defaults and the default policy, documented.

    Keys are paths below the repository's root.
    """
    schema = yaml.safe_dump(
        Config.model_json_schema(), sort_keys=False, allow_unicode=True, width=_WIDTH
    )
    example = load({"datasets": {"my_images": _EXAMPLE}})
    return {
        SCHEMA: f"{_SCHEMA_HEAD}{schema}",
        DEFAULTS: _HEAD + "\n".join(_lines(example, "")) + "\n",
        POLICY: _POLICY_HEAD + "\n".join(_lines(Policy(), "  ")) + "\n",
    }


def _lines(settings: Settings, indent: str) -> Iterator[str]:
    """Yield the lines of a section."""
    said = documentation(type(settings))
    for name in type(settings).model_fields:
        text = " ".join(said.get(name, "").split())
        width = _WIDTH - len(indent) - 2
        comment = textwrap.wrap(text, width, break_on_hyphens=False)
        yield from (f"{indent}# {line}" for line in comment)
        value = getattr(settings, name)
        if isinstance(value, Settings) and value.model_dump():
            yield from (f"{indent}{name}:", *_lines(value, f"{indent}  "))
        elif isinstance(value, Mapping) and value:
            yield f"{indent}{name}:"
            for key, entry in value.items():
                yield from (f"{indent}  {key}:", *_lines(entry, f"{indent}    "))
        elif isinstance(value, tuple) and value and isinstance(value[0], Settings):
            entries = (each.model_dump(mode="json", exclude_none=True) for each in value)
            yield from (f"{indent}{name}:", *(f"{indent}  - {flow(each)}" for each in entries))
        else:
            plain = settings.model_dump(mode="json", include={name})[name]
            yield f"{indent}{name}: {flow(plain)}"


def flow(plain: Any, sort_keys: bool = False) -> str:
    """Plain data as YAML in one line."""
    text = yaml.safe_dump(
        plain, default_flow_style=True, sort_keys=sort_keys, width=10_000, allow_unicode=True
    )
    return text.removesuffix("...\n").strip()
