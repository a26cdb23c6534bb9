"""Reading of config files: strict YAML with plain values of bounded size."""

from __future__ import annotations

import re
from collections.abc import Hashable, Mapping
from pathlib import Path
from typing import Any

import yaml

from anonbench.core.errors import InputError

DEEPEST = 24
"""Most levels of a config; ours has six."""
MOST_VALUES = 100_000
"""Most values of a config, counting repetitions by aliases."""
LONGEST_TEXT = 8192
MOST_BYTES = 4 * 2**20
"""Most bytes of a config file."""
LARGEST = 2**63
_UNPRINTABLE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")
"""Control characters other than tab and line feed, and surrogates, which no file can hold."""


class _Loader(yaml.SafeLoader):
    """YAML loader that rejects tags and duplicate keys."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        written: dict[str, int] = {}
        for key, _ in node.value:
            if not isinstance(key, yaml.ScalarNode) or key.tag.endswith(":merge"):
                continue
            line = key.start_mark.line + 1
            if key.value in written:
                raise yaml.constructor.ConstructorError(
                    None,
                    None,
                    f"{key.value} is there twice, in lines {written[key.value]} and {line}",
                )
            written[key.value] = line
        return super().construct_mapping(node, deep)


def read(path: Path) -> dict[str, Any]:
    """Read a config file.

    Raises:
        InputError: it cannot be read, is not a YAML mapping, has tags or duplicate keys, or is not
            plain (see `require_plain`).
    """
    try:
        with path.open("rb") as file:
            content = file.read(MOST_BYTES + 1)
        if len(content) > MOST_BYTES:
            raise InputError(f"{path} is not a config: it is larger than {MOST_BYTES:,} bytes")
        values = yaml.load(content.decode("utf-8-sig"), _Loader)  # a safe loader
    except OSError as error:
        raise InputError(f"{path} cannot be read ({error.strerror})") from None
    except RecursionError:
        raise InputError(f"{path} is nested too deeply") from None
    except (yaml.YAMLError, ValueError, TypeError, AttributeError, OverflowError) as error:
        reason = " ".join(str(error).split())
        raise InputError(f"{path} is not valid YAML: {reason}") from None
    if not isinstance(values, dict):
        raise InputError(f"{path} is not a config: it needs keys such as `datasets:` at its top")
    try:
        require_plain(values)
    except InputError as error:
        raise InputError(f"{path}: {error}") from None
    return values


def require_plain(values: Any) -> None:
    """Check that a config is made of mappings with text as keys, lists, texts and numbers.

    Raises:
        InputError: a key is not text, a text is too long or has control characters, or values are
            nested too deeply (or circularly) or too many. Names the place.
    """
    count = 0
    stack: list[tuple[str, int, Any]] = [("", 0, values)]
    while stack:
        place, depth, value = stack.pop()
        count += 1
        if count > MOST_VALUES:
            raise InputError(f"the config has more than {MOST_VALUES:,} values")
        if isinstance(value, Mapping | list | tuple) and depth == DEEPEST:
            start = ".".join(place.split(".")[:3])
            raise InputError(f"{start}: is nested more than {DEEPEST} levels deep")
        if isinstance(value, Mapping):
            for key, inner in value.items():
                where = place or "the config"
                if not isinstance(key, str):
                    shown = repr(str(key)[:40])
                    raise InputError(f"{where}: has the key {shown}, which is not text; quote it")
                if len(key) > LONGEST_TEXT or _UNPRINTABLE.search(key):
                    raise InputError(f"{where}: has a key that is not a name: {key[:40]!r}")
                stack.append((f"{place}.{key}" if place else key, depth + 1, inner))
        elif isinstance(value, list | tuple):
            stack += [(f"{place}.{row}", depth + 1, inner) for row, inner in enumerate(value)]
        elif isinstance(value, str):
            if len(value) > LONGEST_TEXT:
                size = f"{len(value):,} characters; {LONGEST_TEXT:,} are most"
                raise InputError(f"{place}: is a text of {size}")
            if _UNPRINTABLE.search(value):
                raise InputError(f"{place}: has a character that cannot be printed: {value[:40]!r}")
        elif isinstance(value, int) and abs(value) > LARGEST:
            raise InputError(f"{place}: is a number that is too large")
