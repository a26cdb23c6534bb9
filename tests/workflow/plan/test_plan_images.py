"""Which images of a folder changed since its manifest was made."""

from __future__ import annotations

import os
from pathlib import Path

import pandas as pd
import pytest

from anonbench.core.provenance import file_digest
from anonbench.workflow.plan import images

NAMES = ["a.png", "b.png", "c.png", "unusable.png"]


@pytest.fixture
def manifest(tmp_path: Path) -> Path:
    """Return the manifest of three images; a fourth was left out of it."""
    for name in NAMES:
        (tmp_path / name).write_bytes(name.encode())
        os.utime(tmp_path / name, (100, 100))
    files = [tmp_path / name for name in NAMES[:3]]
    path = tmp_path / "manifest.parquet"
    table = {"path": NAMES[:3], "bytes": [5] * 3, "digest": [file_digest(file) for file in files]}
    pd.DataFrame(table).to_parquet(path)
    (tmp_path / "skipped").mkdir()
    (tmp_path / "skipped/manifest.csv").write_text("path,reason\nunusable.png,no image\n")
    return path


def changed(manifest: Path, *names: str) -> dict[str, list[str]]:
    return images.changed_images(manifest.parent, names, manifest)


def test_nothing_changed(manifest: Path) -> None:
    assert changed(manifest, *NAMES) == {}


def test_images_are_added_removed_and_changed(manifest: Path) -> None:
    (manifest.parent / "b.png").write_bytes(b"other")
    os.utime(manifest.parent / "b.png", (100, 100))  # of the same size, and as old as before
    (manifest.parent / "d.png").write_bytes(b"new")
    found = changed(manifest, "a.png", "b.png", "d.png", "listed, but not there.png")
    assert found == {"added": ["d.png"], "removed": ["c.png"], "changed": ["b.png"]}


def test_very_many_touched_files_are_not_read(
    manifest: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(images, "SEARCHED", 1)
    os.utime(manifest, (50, 50))  # before all of them
    assert changed(manifest, *NAMES) == {"touched": NAMES[:3]}
    monkeypatch.setattr(images, "SEARCHED", 3)
    assert changed(manifest, *NAMES) == {}
