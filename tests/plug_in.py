"""A package of somebody else's, as installed: modules and their entry points in a folder."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path


def install(
    folder: Path, modules: Mapping[str, str], points: Mapping[str, str], version: str = "1.0"
) -> None:
    """Write the package `plugged` to a folder, which is to be put on Python's path.

    Args:
        folder: made where it is not there.
        modules: sources by the module's name.
        points: `module:name` by `group:name`.
        version: of the package.

    """
    described = folder / f"plugged-{version}.dist-info"
    described.mkdir(parents=True, exist_ok=True)
    for name, source in modules.items():
        (folder / f"{name}.py").write_text(source, encoding="utf-8")
    (described / "METADATA").write_text(
        f"Metadata-Version: 2.1\nName: plugged\nVersion: {version}\n", encoding="utf-8"
    )
    groups: dict[str, list[str]] = {}
    for point, value in points.items():
        group, _, name = point.partition(":")
        groups.setdefault(group, []).append(f"{name} = {value}")
    lines = [line for group, entries in groups.items() for line in (f"[{group}]", *entries)]
    (described / "entry_points.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
