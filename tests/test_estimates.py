"""What jobs ask of a scheduler grows with the data."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from anonbench.config import DetectorName, load
from anonbench.estimates import DETECTED_PER_SECOND, GPU_TRAINED_PER_SECOND, Estimates
from anonbench.experiment import Experiment
from anonbench.vocabulary import Split

STAGES = ("manifest", "detect", "anonymize", "train", "embed", "retrieve", "downstream")


def estimates(root: Path, images: int, **recipe: Any) -> Estimates:
    path = root / "config/paper.yaml"
    values = yaml.safe_load(path.read_text(encoding="utf-8"))
    for each in values["recipes"].values():
        each.update(recipe)
    experiment = Experiment(load(values))
    counts = {name: {Split.TRAIN: images, Split.VAL: images} for name in experiment.datasets}
    return Estimates(experiment, counts)


@pytest.mark.parametrize("stage", STAGES)
def test_every_stage_is_estimated(root: Path, stage: str) -> None:
    few, many = estimates(root, 1_000), estimates(root, 100_000)
    assert few.minutes(stage, "rvl_cdip") >= 5
    assert many.minutes(stage, "rvl_cdip") >= few.minutes(stage, "rvl_cdip")


def test_a_training_takes_as_long_as_its_images(root: Path) -> None:
    seconds = 125_000 * 2048 / GPU_TRAINED_PER_SECOND
    assert estimates(root, 1_000).seconds("train", "celeba") == pytest.approx(seconds)


def test_several_gpus_share_the_work_and_each_needs_memory_and_threads(root: Path) -> None:
    one = estimates(root, 1_000, threads=4)
    many = estimates(root, 1_000, threads=4, gpus=8, nodes=2)
    assert one.seconds("train", "celeba") == pytest.approx(16 * many.seconds("train", "celeba"))
    assert many.training_mb("celeba") == 8 * one.training_mb("celeba")
    assert (one.training_gpus("celeba"), many.training_gpus("celeba")) == (1, 16)
    assert (one.training_threads("celeba"), many.training_threads("celeba")) == (4, 32)
    assert one.across_machines("celeba", "srun") is None
    assert many.across_machines("celeba", "srun") == "srun"
    assert one.embedding_gpus("celeba") == many.embedding_gpus("celeba") == 1
    on_cpu = estimates(root, 1_000, device="cpu", gpus=2)
    assert on_cpu.training_gpus("celeba") == on_cpu.embedding_gpus("celeba") == 0


def test_memory_grows_with_the_features(root: Path) -> None:
    few, many = estimates(root, 1_000), estimates(root, 100_000)
    assert many.retrieval_mb("celeba") - few.retrieval_mb("celeba") > 3 * 4 * 99_000 * 1024 / 1e6
    assert many.embedding_mb("celeba") > few.embedding_mb("celeba")
    assert many.downstream_mb("celeba") < 8_000


def test_detection_asks_for_a_gpu_where_a_detector_can_use_one_and_may(root: Path) -> None:
    values = yaml.safe_load((root / "config/paper.yaml").read_text(encoding="utf-8"))
    for device, faces in (("cpu", 0), ("auto", 1), ("cuda", 1)):
        values["detection"] = {"device": device}
        experiment = Experiment(load(values))
        counts = {name: {Split.TRAIN: 9, Split.VAL: 9} for name in experiment.datasets}
        both = Estimates(experiment, counts)
        assert both.detection_gpus("celeba") == faces
        assert both.detection_gpus("rvl_cdip") == 0
        assert both.detection_mb("celeba") > both.detection_mb("rvl_cdip") > 1_500


@pytest.mark.parametrize("detector", DetectorName)
def test_every_detector_has_a_rate(detector: DetectorName) -> None:
    assert DETECTED_PER_SECOND[detector] > 0


def test_an_unknown_stage_is_refused(root: Path) -> None:
    with pytest.raises(ValueError, match="no stage is called 'dream'"):
        estimates(root, 1_000).seconds("dream", "celeba")
