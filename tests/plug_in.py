"""A package of somebody else's, as installed: modules and their entry points in a folder."""

from collections.abc import Mapping
from configparser import ConfigParser
from pathlib import Path


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
