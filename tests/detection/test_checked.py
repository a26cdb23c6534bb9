"""Regions of a detector of another package: a wrong one fails its image, and no run."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from anonbench.anonymization.files.run import anonymize_files
from anonbench.core.boxes import Region
from anonbench.core.vocabulary import Entity
from anonbench.detection.kinds import Zxing

NAN = float("nan")
WRONG = {
    61: (NAN, 3, 9, 9),
    62: (0.1, 0.1, 0.4, 0.4),
    63: (200, 3, 240, 9),
    64: (5, 5, 5, 20),
}
"""Boxes by the width of the image that they are of."""


class Scripted:
    """Finds what a test says, by the image's width."""

    def detect(self, images: Sequence[np.ndarray]) -> list[list[Region]]:
        return [
            [Region(Entity.FACE, *WRONG.get(image.shape[1], (30, 20, 90, 40)), 1.0)]
            for image in images
        ]


@pytest.fixture
def photos(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Images of 60 to 65 pixels, all searched by `Scripted`."""
    monkeypatch.setattr(Zxing, "load", lambda *_: Scripted())
    folder = tmp_path / "photos"
    folder.mkdir()
    for width in range(60, 66):
        Image.new("RGB", (width, 50), "white").save(folder / f"{width}.png")
    return folder


def test_anonymize_publishes_no_image_of_a_wrong_region(photos: Path, tmp_path: Path) -> None:
    done = anonymize_files(photos, tmp_path / "out", detectors=["zxing"], workers=1)
    assert (done.written, done.regions, done.failed) == (2, 2, 4)
    assert sorted(each.name for each in (tmp_path / "out").iterdir()) == ["60.png", "65.png"]
    assert all(reason.startswith("zxing: returned a region") for reason in done.reasons["failed"])
    images = json.loads(done.audit.read_text())["images"]
    for image in images:
        if image["status"] == "written":
            assert image["hidden_pixels"] == (image["width"] - 30) * 20
            assert image["regions"][0]["x1"] == image["width"]  # cut at the edge
