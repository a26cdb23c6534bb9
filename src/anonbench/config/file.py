"""Reading of config files: strict YAML with plain values of bounded size, and its problems.

A problem is a sentence: the place, what is wrong, and what to write instead.
"""

import difflib
import re
from collections.abc import Hashable, Iterator, Mapping
from functools import cache
from pathlib import Path
from textwrap import shorten
from typing import Any

import yaml
from pydantic import ValidationError
from pydantic_core import ErrorDetails

from anonbench.core.errors import InputError
from anonbench.core.settings import Settings, fault

DEEPEST = 24  # most levels of a config; ours has six
MOST_VALUES = 100_000  # most values of a config, counting repetitions by aliases
LONGEST_TEXT = 8192
MOST_BYTES = 4 * 2**20  # most bytes of a config file
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
                said = f"{key.value} is there twice, in lines {written[key.value]} and {line}"
                raise yaml.constructor.ConstructorError(None, None, said)
            written[key.value] = line
        return super().construct_mapping(node, deep)


def _number(loader: _Loader, node: yaml.ScalarNode) -> int | float:
    """Construct a number; YAML 1.1 would read 1:30 as ninety."""
    if ":" in node.value:
        line = node.start_mark.line + 1
        said = f"{node.value} in line {line} is no number; quote it if it is text"
        raise yaml.constructor.ConstructorError(None, None, said)
    is_whole = node.tag.endswith(":int")
    return loader.construct_yaml_int(node) if is_whole else loader.construct_yaml_float(node)


for _tag in ("int", "float"):
    _Loader.add_constructor(f"tag:yaml.org,2002:{_tag}", _number)


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
    except UnicodeDecodeError:
        raise InputError(f"{path} is not in UTF-8: save it as UTF-8 in your editor") from None
    except (yaml.YAMLError, ValueError, TypeError, AttributeError, OverflowError) as error:
        reason = " ".join(str(error).split()).replace('in "<unicode string>", line', "at line")
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


_SHOWN = 80  # most characters of a wrong value


def problems(error: ValidationError, values: Any, config: type[Settings]) -> list[str]:
    """List what is wrong in values that pydantic refused, one line for each place.

    Args:
        error: of a config, or of a section in its place.
        values: the refused values.
        config: model of the whole config, whose keys are suggested for unknown ones.
    """
    found: dict[tuple[str, ...], list[str]] = {}
    given = {}
    for entry in error.errors(include_url=False):
        place = _place(entry, values)
        found.setdefault(place, []).append(_text(entry, place, config))
        if entry["type"] != "extra_forbidden":
            given[place] = entry["input"]
    lines = []
    for place, texts in found.items():
        if any(len(other) > len(place) and other[: len(place)] == place for other in found):
            continue  # what is wrong in it explains it, such as an empty list of refused entries
        line = ": ".join([".".join(place), " or ".join(dict.fromkeys(texts))]).removeprefix(": ")
        if isinstance(value := given.get(place), str | int | float):
            line += f" (given: {shorten(repr(value), _SHOWN)})"
        lines.append(line)
    return lines


def _place(entry: ErrorDetails, values: Any) -> tuple[str, ...]:
    """Place of an error in the values, without pydantic's names for members of a union."""
    place = []
    for part in entry["loc"]:
        is_row = isinstance(values, list | tuple) and part in range(len(values))
        if is_row or (isinstance(values, Mapping) and part in values):
            values = values[part]
            place.append(str(part))
    missing = [str(entry["loc"][-1])] if entry["type"] == "missing" else []
    return (*place, *missing)


def _text(entry: ErrorDetails, place: tuple[str, ...], config: type[Settings]) -> str:
    if entry["type"] == "union_tag_not_found":
        return "needs a `kind` (docs/reference/settings-expert.md lists them)"
    if entry["type"] == "missing":
        named, any_name = ".".join(place), "[^.]+"
        texts = {s for p, s in _paths(config) if re.fullmatch(p.replace("<name>", any_name), named)}
        # a field may be of several kinds of systems, which describe it differently
        said = texts.pop() if len(texts) == 1 else "docs/reference/settings-expert.md describes it"
        return f"{fault(entry)}: {said}"
    if entry["type"] != "extra_forbidden":
        return fault(entry)
    known = {path: path.rpartition(".")[2] for path, _ in _paths(config)}
    key, names = place[-1], set(known.values())
    near = [key] if key in names else difflib.get_close_matches(key, names, cutoff=0.8)
    alike = [path for path, name in known.items() if name in near]
    if most_alike := difflib.get_close_matches(".".join(place), alike, n=1, cutoff=0):
        # a key of another section may also be one that was removed from this one
        end = " Removed settings are in CHANGELOG.md" if key in names else ""
        return f"unknown key; did you mean {most_alike[0]}?{end}"
    return "unknown key; config/defaults.yaml has all, CHANGELOG.md those that were removed"


@cache
def _paths(config: type[Settings]) -> list[tuple[str, str]]:
    """All settings, such as `datasets.<name>.path`, with what is said of each."""
    schema = config.model_json_schema()

    def below(node: Any, path: str) -> Iterator[tuple[str, str]]:
        node = schema["$defs"][node["$ref"].rpartition("/")[2]] if "$ref" in node else node
        for member in (*node.get("anyOf", ()), *node.get("oneOf", ()), node.get("items", {})):
            yield from below(member, path) if member else ()
        for key, inner in node.get("properties", {}).items():
            yield f"{path}{key}", " ".join(inner.get("description", "").split())
            yield from below(inner, f"{path}{key}.")
        for inner in (
            *node.get("patternProperties", {}).values(),
            node.get("additionalProperties"),
        ):
            yield from below(inner, f"{path}<name>.") if isinstance(inner, dict) else ()

    return list(dict.fromkeys(below(schema, "")))
