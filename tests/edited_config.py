"""Edits of a config, as a user makes them."""

from copy import deepcopy
from typing import Any


def edited(config: dict[str, Any], path: str, value: Any) -> dict[str, Any]:
    """Return a copy of a config with another value at a dotted path."""
    config = deepcopy(config)
    *parents, last = path.split(".")
    section = config
    for parent in parents:
        section = section.setdefault(parent, {})
    section[last] = value
    return config
