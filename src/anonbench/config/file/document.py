"""Schema and commented default config, generated from the model."""

from __future__ import annotations

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
_HEAD = """\
# Every setting with its default, written from src/anonbench/config by `anonbench config`.
# Do not edit: copy what you need into a config of your own (see config.yaml, the demo's, and
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


def schema_text() -> str:
    """The config's JSON schema as YAML."""
    schema = Config.model_json_schema()
    head = "# Written from src/anonbench/config by `anonbench config`. Do not edit.\n"
    return head + yaml.safe_dump(schema, sort_keys=False, allow_unicode=True, width=_WIDTH)


def defaults_text() -> str:
    """The default file: valid YAML, each setting under its documentation."""
    example = load({"datasets": {"my_images": _EXAMPLE}})
    return _HEAD + "\n".join(_section(example, 0)) + "\n"


def policy_text() -> str:
    """The default policy: valid YAML, each setting under its documentation."""
    return _POLICY_HEAD + "\n".join(_section(Policy(), 1)) + "\n"


def write_documents(root: Path) -> list[Path]:
    """Write the files below `root` and return their paths."""
    texts = {SCHEMA: schema_text(), DEFAULTS: defaults_text(), POLICY: policy_text()}
    for path, text in texts.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text, encoding="utf-8")
    return list(texts)


def _section(settings: Settings, depth: int) -> Iterator[str]:
    indent = "  " * depth
    said = documentation(type(settings))
    for name in type(settings).model_fields:
        yield from _comment(said.get(name, ""), indent)
        value = getattr(settings, name)
        if isinstance(value, Settings) and value.model_dump():
            yield f"{indent}{name}:"
            yield from _section(value, depth + 1)
        elif isinstance(value, Mapping) and value:
            yield f"{indent}{name}:"
            for key, entry in value.items():
                yield f"{indent}  {key}:"
                yield from _section(entry, depth + 2)
        elif isinstance(value, tuple) and value and isinstance(value[0], Settings):
            yield f"{indent}{name}:"
            yield from (
                f"{indent}  - {_flow(each.model_dump(mode='json', exclude_none=True))}"
                for each in value
            )
        else:
            yield f"{indent}{name}: {_inline(settings, name)}"


def _comment(text: str, indent: str) -> Iterator[str]:
    for line in textwrap.wrap(" ".join(text.split()), _WIDTH - len(indent) - 2):
        yield f"{indent}# {line}"


def _inline(settings: Settings, name: str) -> str:
    return _flow(settings.model_dump(mode="json", include={name})[name])


def _flow(plain: Any) -> str:
    text = yaml.safe_dump(
        plain, default_flow_style=True, sort_keys=False, width=10_000, allow_unicode=True
    )
    return text.removesuffix("...\n").strip()
