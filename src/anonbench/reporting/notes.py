"""Titles and notes of tables: templates of `texts/notes.yaml`, filled with numbers."""

from __future__ import annotations

import re
from functools import cache
from importlib import resources
from typing import Any

import yaml
from jinja2 import Environment, StrictUndefined

from anonbench.core.wording import count


def notes(*table: str, **values: Any) -> tuple[str, ...]:
    """Notes of a kind of table in `notes.yaml`, without empty ones; after `titles`, its title.

    `values` are the variables of its templates.
    """
    texts = (re.sub(r"[ \n]+", " ", each.render(**values)) for each in _templates(*table))
    return tuple(filter(None, (text.strip(" ") for text in texts)))


@cache
def _templates(*table: str) -> list[Any]:
    environment = Environment(undefined=StrictUndefined)
    environment.filters |= {"counted": count, "g": lambda share: f"{100 * share:g}"}
    texts = _texts()
    for key in table:
        texts = texts[key]
    return [environment.from_string(text) for text in ([texts] if len(table) > 1 else texts)]


@cache
def _texts() -> Any:
    file = resources.files("anonbench.reporting").joinpath("texts", "notes.yaml")
    return yaml.safe_load(file.read_text("utf-8"))
