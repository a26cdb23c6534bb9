"""Too few images, and images in doubt, are said on the terminal: before a run, and at its end."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from PIL import Image

import small_archive


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    small_archive.draw(tmp_path)
    return tmp_path


def test_too_few_images_are_refused_or_said(archive: Path, output_of: Any) -> None:
    config = small_archive.config()
    run = output_of(archive, config, "-n")
    assert "8 validation images give k = 2; below 5 the report states nothing" in run
    assert "It takes 17: add 9" in run
    config |= {"retrieval": {"fraction": 0.05}}
    config["recipes"]["tiny"]["optimizer"]["batch_size"] = 9
    run = output_of(archive, config, "--cores", "1", fails=True)
    assert "datasets.archive: 8 validation images; with retrieval.fraction 0.05" in run
    assert "a ranking needs 21, and a statement 100" in run
    assert "8 train images are fewer than a batch" in run
    assert not (archive / "results/archive").exists()
    # whoever only hides needs no ranking
    output_of(archive, config, "-n", "archive_images")


def test_doubts_are_said_at_the_end_and_counted_in_the_audit(archive: Path, output_of: Any) -> None:
    for number in range(3):
        blank = archive / f"images/train/left/blank{number}.png"
        Image.fromarray(np.full((40, 40 + number), 200, np.uint8)).save(blank)
    config = small_archive.config()
    for keep in (False, True):
        config["datasets"]["archive"]["keep_without_regions"] = keep
        run = output_of(archive, config, "--cores", "1", "archive_images")
        what = "3 images without a region"
        said = f"archive: PUBLISHED UNHIDDEN: {what}" if keep else f"archive: {what}"
        lines = [line for line in run.splitlines() if said in line]
        assert len(lines) == 1, run
        audit = pd.read_csv(archive / "results/archive/audit.csv").set_index("split")
        assert audit.loc["train", "images"] == (11 if keep else 8)
        assert audit.loc["train", "without_regions"] == 3
        assert audit.loc["train", "used_without_regions"] == (3 if keep else 0)
        assert audit.loc["train", "regions"] == 8 and audit.loc["val", "images"] == 8
    # and again where nothing is left to do, by whatever logger, however quiet
    for words in (["--quiet", "all"], ["--workflow-profile", "none"]):
        run = output_of(archive, config, "--cores", "1", "archive_images", *words)
        assert f"the results so far: {said}" in run
        assert ("Nothing to be done" in run) is ("all" not in words), run


def test_what_detection_leaves_is_asked_again(archive: Path, output_of: Any) -> None:
    for image in sorted((archive / "images/val").rglob("*.png"))[:6]:
        Image.fromarray(np.full((40, 40), 200 + int(image.stem), np.uint8)).save(image)
    config = small_archive.config()
    run = output_of(archive, config, "--cores", "1", "archive_models", fails=True)
    assert "archive: after detection, 2 validation images; with retrieval.fraction" in run
    assert not (archive / "results/archive/models").exists()
