"""The demo's recipes learn what they are meant to: the losses fall, the features improve.

They are judged by held-out images of the train split, never by validation images.
"""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml
from sklearn.metrics import average_precision_score

from anonbench.config.data import DocumentsDemo, PortraitsDemo
from anonbench.config.evaluation import Embedding
from anonbench.config.training import Recipe
from anonbench.core.vocabulary import Adaption
from anonbench.datasets.image_sets.shards import ImageSet
from anonbench.datasets.images import read_image
from anonbench.embedding.extract import features
from anonbench.training.data.preprocess import Preprocess
from anonbench.training.loop.launch import TrainJob
from anonbench.training.loop.train import train
from anonbench.training.model.backbone import init_backbone
from anonbench.training.weights import load_backbone
from anonbench_demo import expected_listing, generate
from image_sets import write_set


def _mean_average_precision(values: np.ndarray, labels: np.ndarray) -> float:
    """Of each image against all others, relevant where the label is the same."""
    unit = values / np.linalg.norm(values, axis=1, keepdims=True)
    similarity, others = unit @ unit.T, ~np.eye(len(labels), dtype=bool)
    precisions = [
        average_precision_score(labels[others[row]] == label, similarity[row, others[row]])
        for row, label in enumerate(labels)
    ]
    return float(np.mean(precisions))


def _image_set(tar: Path, folder: Path, listed: pd.DataFrame) -> ImageSet:
    paths = dict(zip(listed["id"], listed["path"], strict=True))
    return write_set(tar, {name: read_image(folder / path) for name, path in paths.items()})


def _labels(folder: Path, files: str) -> dict[str, str]:
    """Label by image id, from the publishers' lists (`path label` in each line)."""
    lines = [line for path in folder.glob(files) for line in path.read_text().splitlines()]
    return {line.split()[0].rsplit(".", 1)[0]: line.split()[1] for line in lines}


def _held_out(labels: pd.Series, whole: bool) -> pd.Series:
    """Return which images [N] are judged: three tenths of the labels, or of each label's images."""
    if whole:
        return labels.rank(method="dense", pct=True) > 0.7
    return labels.groupby(labels).cumcount() >= 0.7 * labels.groupby(labels).transform("size")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "demo", "files", "whole", "gain"),
    [
        ("portraits", PortraitsDemo(train_identities=24, val_identities=1), "id*.txt", True, 1.15),
        ("documents", DocumentsDemo(train_per_class=7, val_per_class=1), "labels/*", False, 1.2),
    ],
)
def test_it_learns(
    root: Path, tmp_path: Path, name: str, demo: object, files: str, whole: bool, gain: float
) -> None:
    config = yaml.safe_load((root / "config.yaml").read_text(encoding="utf-8"))
    recipe = Recipe.model_validate(config["recipes"][name])
    generate(demo, tmp_path / "data", 0)
    listing = expected_listing(demo)
    listing = listing[listing["split"] == "train"].sort_values("id", ignore_index=True)
    by_id = _labels(tmp_path / "data", files)
    is_held_out = _held_out(listing["id"].map(by_id), whole)
    _, judged = (
        _image_set(tmp_path / f"{part}.tar", tmp_path / "data", listing[rows])
        for part, rows in (("fitted", ~is_held_out), ("judged", is_held_out))
    )
    backbone, log = tmp_path / "backbone.safetensors", tmp_path / "log.csv"
    job = TrainJob(
        recipe=recipe,
        adaption=Adaption.UNADAPTED,
        original=[tmp_path / "fitted.tar"],
        root=tmp_path,
        seed=0,
        output=backbone,
        log=log,
        checkpoint=tmp_path / "state",
    )
    train(job)

    losses = pd.read_csv(log)
    assert losses["dino"].iloc[-1] < np.log(recipe.heads.prototypes) - 0.2
    assert losses["ibot"].iloc[-1] < losses["ibot"].iloc[0] - 0.3

    labels = np.array([by_id[image_id] for image_id in judged.ids])
    untrained = init_backbone(recipe, 0)[0].eval().requires_grad_(False)
    preprocess = Preprocess(recipe.crops.global_size, recipe.crops.normalize, recipe.resize)
    before, after = (
        _mean_average_precision(features(model, how, judged, Embedding()), labels)
        for model, how in ((untrained, preprocess), load_backbone(backbone))
    )
    assert after > gain * before
