"""Pictures whose hidden part the rest tells, and a small model that sees them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from anonbench.config import Anonymization, Recipe, Redrawing
from anonbench.core.boxes import Region
from anonbench.core.numeric.seeding import rng
from anonbench.core.vocabulary import Entity, Variant
from anonbench.datasets.image_sets.shards import ImageSet
from anonbench.training.redrawing_training import train_redrawer

MASK = Variant("mask", 100)
REGION = Region(Entity.FACE, 10, 8, 38, 40, 1.0)


def portrait(image_id: str) -> np.ndarray:
    """A disc on a ground, 60 × 48, each in a colour of its own; what is hidden is the disc."""
    random = rng("portrait", image_id)
    ground, disc = random.uniform(20, 235, (2, 3))
    rows, columns = np.mgrid[:48, :60]
    inside = (rows - 24) ** 2 + (columns - 24) ** 2 < 18**2
    image = np.where(inside[..., None], disc, ground) + random.normal(0, 3, (48, 60, 3))
    return np.clip(image, 0, 255).astype(np.uint8)


@dataclass(frozen=True)
class Portraits:
    """Image sets in two splits, their boxes, and a model's weights."""

    original: dict[str, ImageSet]
    hidden: dict[str, ImageSet]
    tars: dict[str, Path]
    boxes: dict[str, pd.DataFrame]
    backbone: Path
    recipe: Recipe

    def train(self, folder: Path, **changes: Any) -> Path:
        """Train a small network and return its weights; its log stands beside them."""
        recipe = self.recipe.model_copy(update=changes.pop("recipe", {}))
        seed = changes.pop("seed", 0)
        train_redrawer(
            original=self.original["train"],
            hidden=self.hidden["train"],
            boxes=self.boxes["train"],
            variant=MASK,
            hiding=Anonymization(),
            backbone=self.backbone,
            settings=Redrawing(**({"steps": 6} | changes)),
            recipe=recipe,
            seed=seed,
            output=folder / "network.safetensors",
            log=folder / "log.csv",
            checkpoint=folder / "checkpoint",
        )
        return folder / "network.safetensors"
