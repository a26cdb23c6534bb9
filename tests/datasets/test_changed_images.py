"""Which images differ from those of a manifest."""

from __future__ import annotations

import os
from pathlib import Path

import pandas as pd
import pytest

from anonbench.core.provenance import file_digest
from anonbench.datasets.listing import changed_images

NAMES = ["a.png", "b.png", "c.png", "NA"]


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
    (tmp_path / "skipped/manifest.csv").write_text("path,reason\nNA,no image\n")
    return path


def test_no_image_changed(manifest: Path) -> None:
    os.utime(manifest, (50, 50))  # before all of them: they are read and hold what they held
    found = changed_images(manifest.parent, NAMES, manifest)
    assert found == {"added": [], "removed": [], "changed": []}


def test_images_are_added_removed_and_changed(manifest: Path) -> None:
    (manifest.parent / "b.png").write_bytes(b"other")
    os.utime(manifest.parent / "b.png", (100, 100))  # of the same size, and as old as before
    (manifest.parent / "d.png").write_bytes(b"new")
    listed = ["a.png", "b.png", "d.png", "listed, but not there.png"]
    found = changed_images(manifest.parent, listed, manifest)
    assert found == {"added": ["d.png"], "removed": ["c.png"], "changed": ["b.png"]}
