"""Too few images, and images in doubt, are said on the terminal: before a run, and at its end."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import small_archive
from PIL import Image


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    small_archive.draw(tmp_path)
    return tmp_path


def test_too_few_images_are_refused_or_said_before_anything_runs(
    archive: Path, snakemake: Any
) -> None:
    config = small_archive.config()
    run = snakemake(archive, config, "-n")
    assert run.returncode == 0
    assert "8 validation images give k = 2; below 5 the report states nothing" in run.stderr
    assert "It takes 17: add 9" in run.stderr
    config |= {"retrieval": {"fraction": 0.05}}
    config["recipes"]["tiny"]["optimizer"]["batch_size"] = 9
    run = snakemake(archive, config, "--cores", "1")
    assert run.returncode != 0
    assert "datasets.archive: 8 validation images; with retrieval.fraction 0.05" in run.stderr
    assert "a ranking needs 21, and a statement 100" in run.stderr
    assert "8 train images are fewer than a batch" in run.stderr
    assert not (archive / "results/archive").exists()
    # whoever only hides needs no ranking
    assert snakemake(archive, config, "-n", "archive_images").returncode == 0


def test_doubts_are_said_at_the_end_and_counted_in_the_audit(archive: Path, snakemake: Any) -> None:
    for number in range(3):
        blank = archive / f"images/train/left/blank{number}.png"
        Image.fromarray(np.full((40, 40 + number), 200, np.uint8)).save(blank)
    config = small_archive.config()
    for keep in (False, True):
        config["datasets"]["archive"]["keep_without_regions"] = keep
        run = snakemake(archive, config, "--cores", "1", "archive_images")
        assert run.returncode == 0, run.stderr[-4000:]
        what = "3 images without a region"
        said = f"archive: PUBLISHED UNHIDDEN: {what}" if keep else f"archive: {what}"
        lines = [line for line in run.stderr.splitlines() if said in line]
        assert len(lines) == 1, run.stderr
        audit = pd.read_csv(archive / "results/archive/audit.csv").set_index("split")
        assert audit.loc["train", "images"] == (11 if keep else 8)
        assert audit.loc["train", "without_regions"] == 3
        assert audit.loc["train", "used_without_regions"] == (3 if keep else 0)
        assert audit.loc["train", "regions"] == 8 and audit.loc["val", "images"] == 8
    # and again where nothing is left to do, by whatever logger, however quiet
    for words in (["--quiet", "all"], ["--workflow-profile", "none"]):
        run = snakemake(archive, config, "--cores", "1", "archive_images", *words)
        assert run.returncode == 0 and f"the results so far: {said}" in run.stderr
        assert ("Nothing to be done" in run.stderr) is ("all" not in words), run.stderr


def test_what_detection_leaves_is_asked_again_before_training(
    archive: Path, snakemake: Any
) -> None:
    for image in sorted((archive / "images/val").rglob("*.png"))[:6]:
        Image.fromarray(np.full((40, 40), 200 + int(image.stem), np.uint8)).save(image)
    config = small_archive.config()
    run = snakemake(archive, config, "--cores", "1", "archive_models")
    assert run.returncode != 0
    assert "archive: after detection, 2 validation images; with retrieval.fraction" in run.stderr
    assert not (archive / "results/archive/models").exists()
