"""Drift of batches that trained models embed: nothing is trained on them."""

from __future__ import annotations

from copy import deepcopy
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pandas as pd
import pytest
import small_archive
import zxingcpp

from anonbench.config import load
from anonbench.config.experiment import Experiment
from anonbench.core.errors import InputError
from anonbench.core.vocabulary import Baseline, Model, Variant
from anonbench.reporting.paper.scenario_tables import scenario_grid

pytestmark = pytest.mark.workflow
ARGUMENTS = ("--workflow-profile", "none", "--quiet", "rules", "progress", "--cores", "2")
BATCH = {"path": "june", "split": {"validation": 1.0}, "drift_from": "archive"}


def with_batches(**batches: dict[str, Any]) -> dict[str, Any]:
    """Return the smallest archive, every image of which is evidence, and batches beside it."""
    config = small_archive.config()
    archive = config["datasets"]["archive"] | {"cluster": "none"}
    del archive["label"]
    shared = {key: archive[key] for key in ("layout", "detectors", "methods", "degrees", "cluster")}
    config["datasets"] = {"archive": archive}
    config["datasets"] |= {name: shared | BATCH | changed for name, changed in batches.items()}
    return config


def draw(folder: Path, name: str, images: int, *, is_shifted: bool = False) -> None:
    """Write images of codes at drawn places; the shifted ones are blurred, in larger frames."""
    drawn = np.random.default_rng(list(name.encode()))
    folder.mkdir(parents=True)
    for number in range(images):
        code = zxingcpp.create_barcode(f"{name} {number:03d}", zxingcpp.BarcodeFormat.QRCode)
        pixels = np.array(zxingcpp.write_barcode_to_image(code, scale=3))
        margins = drawn.integers(8, 24, 4) + 60 * is_shifted
        image = np.pad(pixels, margins.reshape(2, 2), constant_values=255)
        if is_shifted:
            image = cv2.GaussianBlur(image, (0, 0), 1.2)
        cv2.imwrite(str(folder / f"{name}{number:03d}.png"), image)


def test_a_batch_has_the_models_of_the_other_one_and_no_trainings() -> None:
    experiment = Experiment(load(with_batches(june={})))
    assert experiment.trained == ["archive"]
    assert experiment.trainings("june") == []
    assert {run.model for run in experiment.scenarios("june")} == {
        Model(),
        Model(Baseline.PIXELS),
    }
    assert experiment.config.recipe_of("june") == experiment.config.recipe_of("archive")
    assert [str(model) for model, _ in experiment.drift_models("archive", "june")] == [
        "unadapted",
        "A-mask-100",
    ]
    assert experiment.drift_models("archive", "june")[0][1] == Variant()
    grid = scenario_grid(experiment, "june")
    assert "trained on archive" in " ".join(grid.notes)
    assert {row[-2] for block in grid.blocks for row in block.rows} == {"0"}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"adaptions": ["A"]}, "datasets.june: drift_from and adaptions: .* leave `adaptions` out"),
        ({"drift_from": "may"}, "datasets.june.drift_from: no other data set is called 'may'"),
        ({"drift_from": "july"}, "datasets.june.drift_from: july is a batch itself; name the"),
        ({"detectors": ["centerface"]}, "datasets.june.drift_from: `detectors` are not those of"),
        ({"methods": ["blur"]}, "datasets.june.drift_from: it has none of the `methods` of"),
        ({"degrees": [50]}, "datasets.june.drift_from: it has none of the `degrees` of"),
        ({"system": "ours"}, "datasets.june.drift_from: one model embeds both.*; leave it out"),
    ],
)
def test_what_cannot_be_compared_is_said(changes: dict[str, Any], message: str) -> None:
    config = with_batches(june=changes, july={})
    config["systems"] = {"ours": {"kind": "timm"}}
    with pytest.raises(InputError, match=message):
        load(config)
    if changes.get("system"):
        swapped = deepcopy(config)
        swapped["datasets"]["archive"] |= {"system": "ours", "adaptions": []}
        swapped["datasets"]["june"]["system"] = None
        with pytest.raises(InputError, match="give it `system: ours`"):
            load(swapped)


@pytest.mark.slow
def test_a_shifted_batch_is_told_from_an_equal_one(tmp_path: Path, snakemake: Any) -> None:
    for split in ("train", "val"):
        draw(tmp_path / "images" / split, split, 32)
    draw(tmp_path / "june", "june", 32)
    draw(tmp_path / "july", "july", 32, is_shifted=True)
    config = with_batches(june={}, july={"path": "july"})
    run = snakemake(tmp_path, config, *ARGUMENTS, "drift")
    assert run.returncode == 0, run.stderr[-4000:]
    results = tmp_path / "results"
    assert [path.parent.name for path in results.glob("*/models")] == ["archive"]
    june, july = (pd.read_csv(results / name / "drift.csv") for name in ("june", "july"))
    measures = set(june.loc[june["part"] == "embeddings", "measure"])
    assert measures == {"energy distance", "energy distance, A-mask-100"}
    assert june["p"].notna().all() and not june["drifted"].any()
    assert "june and archive: no drift found in" in run.stderr
    found = set(july.loc[july["drifted"], "part"] + ": " + july.loc[july["drifted"], "measure"])
    assert found >= {"embeddings: energy distance", "regions: barcode: size"}
    assert "Repeat the evaluation on july" in run.stderr
