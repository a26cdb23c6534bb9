"""A package of somebody else's, as installed: modules and their entry points in a folder."""

from collections.abc import Iterator, Mapping
from configparser import ConfigParser
from pathlib import Path
from typing import Any

import pytest

from anonbench.core.registries.methods import METHODS, Method


def install(
    folder: Path, modules: Mapping[str, str], points: Mapping[str, str], version: str = "1.0"
) -> None:
    """Write the package `plugged` to a folder, which is to be put on Python's path.

    Modules are sources by their names; points are `module:name` by `group:name`.
    """
    described = folder / f"plugged-{version}.dist-info"
    described.mkdir(parents=True, exist_ok=True)
    for name, source in modules.items():
        (folder / f"{name}.py").write_text(source, encoding="utf-8")
    metadata = f"Metadata-Version: 2.1\nName: plugged\nVersion: {version}\n"
    (described / "METADATA").write_text(metadata, encoding="utf-8")
    listed = ConfigParser(delimiters="=")
    for point, value in points.items():
        group, _, name = point.partition(":")
        listed.read_dict({group: {name: value}})
    with (described / "entry_points.txt").open("w", encoding="utf-8") as file:
        listed.write(file)


def add_method(method: type[Method], monkeypatch: pytest.MonkeyPatch) -> None:
    """Add a method, as an installed package does."""
    kind, known = type(METHODS), {**METHODS, method.name: method}
    get, names = kind.__getitem__, kind.__iter__

    def found(self: Any, name: str) -> Any:
        return known[name] if self is METHODS else get(self, name)

    def named(self: Any) -> Iterator[str]:
        return iter(known) if self is METHODS else names(self)

    monkeypatch.setattr(kind, "__getitem__", found)
    monkeypatch.setattr(kind, "__iter__", named)
