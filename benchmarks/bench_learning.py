"""How far the demo's trainings get: features of the unadapted models against untrained networks.

Leave-one-out mean average precision on the validation originals, relevant where identity or class
is the same; beside them raw grey pixels at 32 x 32, which ask nothing of a network.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import yaml
from common import emit
from PIL import Image
from sklearn.metrics import average_precision_score

from anonbench.config import Embedding, load
from anonbench.datasets.image_sets.shards import ImageSet
from anonbench.datasets.listing import root_of
from anonbench.embedding.extract import features
from anonbench.training.checkpoints.weights import load_backbone
from anonbench.training.data.preprocess import Preprocess
from anonbench.training.model.backbone import init_backbone

ROOT = Path(__file__).resolve().parents[1]
LABELS = {"portraits": "identity", "documents": "class", "ids": "class"}


def mean_average_precision(values: np.ndarray, labels: np.ndarray) -> float:
    unit = values / np.linalg.norm(values, axis=1, keepdims=True)
    similarity = unit @ unit.T
    others = ~np.eye(len(labels), dtype=bool)
    scores = [
        average_precision_score(labels[others[q]] == labels[q], similarity[q, others[q]])
        for q in range(len(labels))
    ]
    return float(np.mean(scores))


def raw_pixels(images: ImageSet) -> np.ndarray:
    grey = [Image.fromarray(images.read(i)).convert("L").resize((32, 32)) for i in images.ids]
    values = np.stack([np.asarray(image, np.float32).ravel() for image in grey])
    return values - values.mean(axis=1, keepdims=True)


def main() -> None:
    config = load(yaml.safe_load((ROOT / "config.yaml").read_text(encoding="utf-8")))
    results = ROOT / config.results
    if not results.is_dir():
        emit({"skipped": f"no {config.results}: run `make demo` first"})
        return
    found = {}
    for name, column in LABELS.items():
        recipe = config.recipes[config.datasets[name].recipe]
        indexes = sorted((results / name / "images/original/val").glob("*.parquet"))
        images = ImageSet.open(indexes, root_of(config.datasets[name]))
        table = pd.read_parquet(results / name / "manifest.parquet").set_index("id")
        labels = table.loc[images.ids, column].to_numpy()
        trained, preprocess = load_backbone(
            results / name / "models/unadapted/seed0/backbone.safetensors"
        )
        plain = Preprocess(recipe.crops.global_size, recipe.crops.normalize, recipe.resize)
        untrained = [
            features(init_backbone(recipe, seed).eval(), plain, images, Embedding())
            for seed in range(3)
        ]
        learned = features(trained, preprocess, images, Embedding())
        history = pd.read_csv(results / name / "models/unadapted/seed0/log.csv")
        found[name] = {
            "label": column,
            "images": len(images),
            "dino_loss": [round(float(history["dino"].iloc[i]), 2) for i in (0, -1)],
            "log_prototypes": round(float(np.log(recipe.heads.prototypes)), 2),
            "map_untrained": [round(mean_average_precision(v, labels), 3) for v in untrained],
            "map_trained": round(mean_average_precision(learned, labels), 3),
            "map_raw_pixels": round(mean_average_precision(raw_pixels(images), labels), 3),
        }
    emit({"what": "what the demo's unadapted models learn", "data_sets": found})


if __name__ == "__main__":
    main()
