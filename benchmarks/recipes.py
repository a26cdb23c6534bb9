"""How the demo's recipes are chosen: by train images that the candidates have not seen.

A part of each data set's train split is held out: whole persons of the portraits, since validation
shows new persons; images of every class where validation has the same classes. Unadapted models are
trained on the rest. Printed is the leave-one-out mean average precision on the held-out originals,
relevant where identity or class is the same, beside untrained networks and raw pixels. No
validation image is read.
"""

from __future__ import annotations

import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import yaml
from bench_learning import LABELS, ROOT, mean_average_precision
from common import emit

from anonbench.config import Config, Embedding, Recipe, load
from anonbench.core.numeric.seeding import rng
from anonbench.core.vocabulary import Adaption
from anonbench.datasets.image_sets.shards import ImageSet
from anonbench.datasets.listing import root_of
from anonbench.embedding.extract import features, pixels
from anonbench.training.checkpoints.weights import load_backbone
from anonbench.training.data.preprocess import Preprocess
from anonbench.training.loop.train import train
from anonbench.training.model.backbone import init_backbone

SHARE = 0.3
"""Of the train split's persons, or of each class's images, that is held out."""
SEEDS = (0, 1, 2)
CANDIDATES: dict[str, dict[str, Any]] = {
    "as configured": {},
    "local 20-45 %": {"crops": {"local_area": (0.2, 0.45)}},
    "local 50-90 %": {"crops": {"local_area": (0.5, 0.9)}},
    "90 steps": {"optimizer": {"steps": 90}},
    "patches of 12 pixels": {"backbone": {"patch": 12}, "crops": {"global_size": 36}},
}
"""Changes by name and section."""


def held_out(labels: pd.Series, whole_groups: bool) -> np.ndarray:
    """Return which images [N] are held out: whole labels, or the share of each."""
    if whole_groups:
        names = np.unique(labels)
        drawn = rng("recipes", "groups").permutation(names)[: round(SHARE * len(names))]
        return labels.isin(drawn).to_numpy()
    order = pd.Series(rng("recipes", "images").permutation(len(labels)), labels.index)
    return (order.groupby(labels).rank(pct=True) <= SHARE).to_numpy()


def part(indexes: list[Path], folder: Path, root: Path, ids: list[str]) -> ImageSet:
    index = pd.concat([pd.read_parquet(path) for path in indexes])
    path = folder / "0.parquet"
    path.parent.mkdir(parents=True)
    index[index["id"].isin(ids)].sort_values("id").to_parquet(path)
    return ImageSet.open([path], root)


def candidate(recipe: Recipe, change: dict[str, Any]) -> Recipe:
    settings = recipe.model_dump()
    changed = {section: settings[section] | change[section] for section in change}
    return Recipe.model_validate(settings | changed | {"tensorboard": False})


def learned(recipe: Recipe, seed: int, fitted: ImageSet, folder: Path) -> tuple[Any, Preprocess]:
    backbone = folder / "backbone.safetensors"
    train(
        recipe, Adaption.UNADAPTED, fitted, None, seed, backbone, folder / "log.csv", folder / "c"
    )
    return load_backbone(backbone)


def measured(name: str, config: Config, folder: Path) -> dict[str, Any]:
    dataset, column = config.datasets[name], LABELS[name]
    recipe, root = config.recipes[dataset.recipe], root_of(dataset)
    indexes = sorted((ROOT / config.results / name / "images/original/train").glob("*.parquet"))
    table = pd.read_parquet(ROOT / config.results / name / "manifest.parquet")
    table = table[table["split"] == "train"].set_index("id").sort_index()
    out = held_out(table[column], whole_groups=column == "identity")
    fitted = part(indexes, folder / "fitted", root, list(table.index[~out]))
    judged = part(indexes, folder / "judged", root, list(table.index[out]))
    labels = table.loc[judged.ids, column].to_numpy()

    def score(values: np.ndarray) -> float:
        return round(mean_average_precision(values, labels), 3)

    plain = Preprocess(recipe.crops.global_size, recipe.crops.normalize, recipe.resize)
    untrained = [
        score(features(init_backbone(recipe, s).eval(), plain, judged, Embedding())) for s in SEEDS
    ]
    found: dict[str, Any] = {"fitted": len(fitted), "judged": len(judged), "untrained": untrained}
    found["raw pixels"] = score(pixels(judged, recipe.resize, Embedding()))
    for option, change in CANDIDATES.items():
        began, scores = time.process_time(), []
        for seed in SEEDS:
            place = folder / f"{option}, seed {seed}"
            place.mkdir()
            model, preprocess = learned(candidate(recipe, change), seed, fitted, place)
            scores.append(score(features(model, preprocess, judged, Embedding())))
        seconds = round((time.process_time() - began) / len(SEEDS), 1)
        found[option] = {
            "map": scores,
            "mean": round(float(np.mean(scores)), 3),
            "cpu_seconds": seconds,
        }
    return found


def main() -> None:
    config = load(yaml.safe_load((ROOT / "config.yaml").read_text(encoding="utf-8")))
    if not (ROOT / config.results).is_dir():
        emit({"skipped": f"no {config.results}: run `make demo` first"})
        return
    with tempfile.TemporaryDirectory() as folder:
        found = {name: measured(name, config, Path(folder) / name) for name in LABELS}
    emit({"what": "demo recipes on held-out train images", "data_sets": found})


if __name__ == "__main__":
    main()
