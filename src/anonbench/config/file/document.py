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
EXPERT_DEFAULTS = Path("config/defaults-expert.yaml")
POLICY = Path("config/policy.yaml")

_COMMON = {
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

_WIDTH = 96
_EXAMPLE = {"layout": "folder", "path": "data/my_images", "detectors": ["mtcnn"]}
_HEAD = """\
# The settings that most experiments need, with their defaults, written from src/anonbench/config by
# `anonbench config`. Do not edit: copy what you need into a config of your own (see config.yaml,
# the demo's, and config/own_data.yaml). The data set `my_images` stands for yours. All other
# settings are in config/defaults-expert.yaml.
"""
_EXPERT_HEAD = """\
# The expert settings with their defaults, written from src/anonbench/config by `anonbench config`.
# Do not edit: copy what you need into a config of your own. The other settings are in
# config/defaults.yaml.
"""
_POLICY_HEAD = """\
# The default policy, written from src/anonbench/config by `anonbench config`. Do not edit: copy it,
# or single settings of it, into a file of your own. Such a file is used in two ways:
#   anonbench policy check --policy my_policy.yaml results     # judge results again
#   snakemake --configfile config.yaml my_policy.yaml          # the same policy in the report
# A config may also hold the section itself.
policy:
"""


def is_common(path: str) -> bool:
    """Whether a setting, such as `datasets.<name>.path`, is one that most experiments need."""
    section, _, name = path.rpartition(".")
    return name in _COMMON.get(section, "").split()


def schema_text() -> str:
    """The config's JSON schema as YAML."""
    schema = Config.model_json_schema()
    head = "# Written from src/anonbench/config by `anonbench config`. Do not edit.\n"
    return head + yaml.safe_dump(schema, sort_keys=False, allow_unicode=True, width=_WIDTH)


def defaults_text(common: bool) -> str:
    """A default file: valid YAML of the common or of the expert settings with their meaning."""
    example = load({"datasets": {"my_images": _EXAMPLE}})
    lines = _section(example, 0, "", common)
    return (_HEAD if common else _EXPERT_HEAD) + "\n".join(lines) + "\n"


def policy_text() -> str:
    """The default policy: valid YAML, each setting under its documentation."""
    return _POLICY_HEAD + "\n".join(_section(Policy(), 1, "policy", None)) + "\n"


def write_documents(root: Path) -> list[Path]:
    """Write the files below `root` and return their paths."""
    texts = {
        SCHEMA: schema_text(),
        DEFAULTS: defaults_text(common=True),
        EXPERT_DEFAULTS: defaults_text(common=False),
        POLICY: policy_text(),
    }
    for path, text in texts.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text, encoding="utf-8")
    return list(texts)


def _section(settings: Settings, depth: int, path: str, common: bool | None) -> Iterator[str]:
    """Yield the lines of a section: all, or only its common or its expert settings."""
    indent = "  " * depth
    said = documentation(type(settings))
    for name in type(settings).model_fields:
        place = f"{path}.{name}".removeprefix(".")
        value = getattr(settings, name)
        lines: list[str] = []
        if isinstance(value, Settings) and value.model_dump():
            lines = [f"{indent}{name}:", *_section(value, depth + 1, place, common)]
        elif isinstance(value, Mapping) and value:
            lines = [f"{indent}{name}:"]
            for key, entry in value.items():
                if inner := list(_section(entry, depth + 2, f"{place}.<name>", common)):
                    lines += [f"{indent}  {key}:", *inner]
        elif common is not None and _is_within_common(place) is not common:
            continue
        elif isinstance(value, tuple) and value and isinstance(value[0], Settings):
            entries = (each.model_dump(mode="json", exclude_none=True) for each in value)
            lines = [f"{indent}{name}:", *(f"{indent}  - {_flow(each)}" for each in entries)]
        else:
            plain = settings.model_dump(mode="json", include={name})[name]
            lines = [f"{indent}{name}: {_flow(plain)}"]
        if not lines[-1].endswith(":"):  # a section without any
            yield from _comment(said.get(name, ""), indent)
            yield from lines


def _is_within_common(path: str) -> bool:
    """Whether a setting is common, or in a section that is."""
    parts = path.split(".")
    return any(is_common(".".join(parts[: n + 1])) for n in range(len(parts)))


def _comment(text: str, indent: str) -> Iterator[str]:
    width = _WIDTH - len(indent) - 2
    for line in textwrap.wrap(" ".join(text.split()), width, break_on_hyphens=False):
        yield f"{indent}# {line}"


def _flow(plain: Any) -> str:
    text = yaml.safe_dump(
        plain, default_flow_style=True, sort_keys=False, width=10_000, allow_unicode=True
    )
    return text.removesuffix("...\n").strip()
