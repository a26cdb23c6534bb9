"""A frozen experiment: a function of somebody's is measured from images to the report."""

import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import small_archive
import yaml

from anonbench.config import load
from anonbench.config.experiment import Experiment
from anonbench.core.errors import InputError
from anonbench.core.vocabulary import Baseline, Model, Split
from anonbench.reporting.html.page import sections

pytestmark = pytest.mark.workflow
ARGUMENTS = ("--workflow-profile", "none", "--quiet", "rules", "progress", "--cores", "2")
MODULE = """
import numpy as np
from PIL import Image
def encode(images):
    with open("calls.txt", "a") as file:
        file.write(f"{len(images)}\\n")
    small = [Image.fromarray(i).resize((8, 8), Image.Resampling.BOX) for i in images]
    return np.array([np.asarray(each, np.float32).ravel() - 128 for each in small])
"""


def frozen(**changes: Any) -> dict[str, Any]:
    """Return the smallest archive, all of it searched by a function."""
    config = small_archive.config()
    archive = config["datasets"]["archive"]
    for name in ("adaptions", "recipe"):
        archive.pop(name, None)
    archive |= {"system": "ours", "split": {"validation": 1.0}, "methods": ["blur", "mask"]}
    ours = {"kind": "function", "function": "examples:encode", "similarity": "euclidean"}
    config["systems"] = {"ours": ours}
    config.pop("recipes", None)
    config["control_seeds"] = [7]
    config["datasets"]["archive"] = archive | changes
    return config


def test_nothing_is_trained_and_no_baseline_needs_a_network() -> None:
    experiment = Experiment(load(frozen()))
    assert experiment.trained == []
    assert experiment.models("archive") == [Model()]
    assert experiment.trainings("archive") == []
    assert experiment.second_references("archive") == ()
    assert {run.model for run in experiment.scenarios("archive")} == {
        Model(),
        Model(Baseline.PIXELS),
    }
    assert {table.kind for table in experiment.tables} == {"retrieval", "agreement"}
    assert experiment.shards("archive", Split.TRAIN, {Split.TRAIN: 0, Split.VAL: 16}) == []


def _attacks(config: dict[str, Any]) -> str:
    return sections(Experiment(load(config)), Path("results"), {})[0].attacked_by


def test_what_cannot_embed_crops_needs_a_recognizer_for_attacks() -> None:
    config = frozen()
    assert _attacks(config) == "enabled: true"
    config["systems"]["ours"] = {"kind": "vectors", "path": "vectors/{variant}.npz"}
    said = f"privacy: {{{_attacks(config)}}}"
    setting = yaml.safe_load(said.replace("face.onnx", "null"))
    assert load(config | setting).privacy.enabled and "recognizer" in setting["privacy"]


def test_the_report_names_one_system_or_says_that_there_are_several() -> None:
    config = frozen()
    assert Experiment(load(config)).system_label == "ours"
    archive = config["datasets"]["archive"]
    config["systems"]["theirs"] = {"kind": "timm"}
    config["datasets"]["other"] = archive | {"system": "theirs"}
    assert Experiment(load(config)).system_label == "the data set’s system"
    trained = small_archive.config()
    assert Experiment(load(trained)).system_label is None


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"adaptions": ["A"]}, "system and adaptions"),
        ({"adaptions": ["D"]}, r"split.validation: 1.0 leaves no image for adaption D"),
        ({"system": "theirs"}, r"datasets.archive.system: no system is called 'theirs'.*: ours"),
        ({"system": None}, "leaves no image to train on"),
    ],
)
def test_what_cannot_be_is_said(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        load(frozen(**changes))


@pytest.mark.slow
def test_a_function_from_images_to_the_report(
    tmp_path: Path, snakemake: Callable[..., Any]
) -> None:
    small_archive.draw(tmp_path)
    (tmp_path / "examples.py").write_text(MODULE)  # as one of the workflow's scripts
    for file in sorted((tmp_path / "images").rglob("*.png")):  # one folder, without a split
        target = tmp_path / "images" / file.parent.name
        target.mkdir(exist_ok=True)
        shutil.move(file, target / file.name)
    for split in ("train", "val"):
        shutil.rmtree(tmp_path / "images" / split)
    run = snakemake(tmp_path, frozen(), *ARGUMENTS)
    assert run.returncode == 0, run.stderr
    results = tmp_path / "results"
    assert not (results / "archive" / "models").exists()
    assert not list((results / "archive").rglob("train.h5"))
    scores = pd.read_csv(results / "archive" / "scores.csv")
    assert set(scores["adaption"]) == {"unadapted", "pixels"}
    assert set(scores["metric"]) >= {"map", "mndcg"}
    calls = [int(line) for line in (tmp_path / "calls.txt").read_text().split()]
    page = (results / "report.html").read_text(encoding="utf-8")
    seen = re.sub(r"<script.*?</script>", " ", page, flags=re.DOTALL)
    said = re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", seen))
    assert "ours" in said
    assert "Unadapted" not in said and "unadapted model" not in said  # only in paths
    for table in (results / "tables").rglob("*.md"):
        assert "unadapted" not in table.read_text(encoding="utf-8").lower(), table
    assert "adapting" not in said.lower().split("how to read")[0]
    # a method more: only its images are new
    (tmp_path / "calls.txt").unlink()
    more = frozen(methods=["blur", "mask", "pixelate"])
    more["privacy"] = {"enabled": False}
    run = snakemake(tmp_path, more, *ARGUMENTS, "archive_embeddings")
    assert run.returncode == 0, run.stderr
    again = [int(line) for line in (tmp_path / "calls.txt").read_text().split()]
    # three are asked for twice, to see that the answer is the same
    assert 0 < sum(again) <= 16 + 3 < sum(calls)
