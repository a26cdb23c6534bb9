"""The demo's recipes learn what they are meant to: the losses fall, the features improve."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml

from anonbench.config.data import DocumentsDemo, PortraitsDemo
from anonbench.config.evaluation import Embedding
from anonbench.config.training import Recipe
from anonbench.core.vocabulary import Adaption
from anonbench.datasets.images import encode, read_image
from anonbench.datasets.shards import ImageSet, ShardWriter
from anonbench.embedding.extract import features
from anonbench.training.checkpoints.weights import load_backbone
from anonbench.training.data.preprocess import Preprocess
from anonbench.training.loop.train import train
from anonbench.training.model.backbone import init_backbone
from anonbench_demo import expected_listing, generate


def _mean_average_precision(values: np.ndarray, labels: np.ndarray) -> float:
    """Of each image against all others, relevant where the label is the same."""
    unit = values / np.linalg.norm(values, axis=1, keepdims=True)
    similarity = unit @ unit.T
    precisions = []
    for row, label in enumerate(labels):
        order = np.argsort(-similarity[row], kind="stable")
        relevant = labels[order[order != row]] == label
        at_rank = np.cumsum(relevant) / np.arange(1, len(relevant) + 1)
        precisions.append(at_rank[relevant].mean())
    return float(np.mean(precisions))


def _image_set(tar: Path, folder: Path, listed: pd.DataFrame) -> ImageSet:
    with ShardWriter(tar) as shard:
        for row in listed.sort_values("id").itertuples():
            image = read_image(folder / str(row.path))
            data = encode(image)
            shard.add(str(row.id), data, "png", image.shape[1], image.shape[0])
    return ImageSet.open([tar])


def _labels(folder: Path, files: str) -> dict[str, str]:
    """Label by image id, from the publishers' lists (`path label` in each line)."""
    lines = [line for path in folder.glob(files) for line in path.read_text().splitlines()]
    return {line.split()[0].rsplit(".", 1)[0]: line.split()[1] for line in lines}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "demo", "files", "gain"),
    [
        ("portraits", PortraitsDemo(train_identities=60, val_identities=25), "identity*.txt", 1.3),
        ("documents", DocumentsDemo(train_per_class=20, val_per_class=8), "labels/*.txt", 1.2),
    ],
)
def test_it_learns(
    root: Path,
    tmp_path: Path,
    name: str,
    demo: PortraitsDemo | DocumentsDemo,
    files: str,
    gain: float,
) -> None:
    config = yaml.safe_load((root / "config.yaml").read_text(encoding="utf-8"))
    recipe = Recipe.model_validate(config["recipes"][name])
    generate(demo, tmp_path / "data", 0)
    listing = expected_listing(demo)
    sets = {
        split: _image_set(tmp_path / f"{split}.tar", tmp_path / "data", listed)
        for split, listed in listing.groupby("split")
    }
    backbone, log = tmp_path / "backbone.safetensors", tmp_path / "log.csv"
    train(recipe, Adaption.UNADAPTED, sets["train"], None, 0, backbone, log, tmp_path / "state")

    losses = pd.read_csv(log)
    assert losses["dino"].iloc[-1] < np.log(recipe.heads.prototypes) - 0.3
    assert losses["ibot"].iloc[-1] < losses["ibot"].iloc[0] - 0.3

    by_id = _labels(tmp_path / "data", files)
    labels = np.array([by_id[image_id] for image_id in sets["val"].ids])
    untrained = init_backbone(recipe, 0).eval().requires_grad_(False)
    preprocess = Preprocess(recipe.crops.global_size, recipe.crops.normalize, recipe.resize)
    before, after = (
        _mean_average_precision(features(model, how, sets["val"], Embedding()), labels)
        for model, how in ((untrained, preprocess), load_backbone(backbone))
    )
    assert after > gain * before
