"""Small image sets and a recipe that trains in seconds."""

from collections.abc import Callable, Iterator
from typing import Any

import cv2
import numpy as np
import pytest
import torch

from anonbench.config.training import Recipe
from anonbench.core.numeric.seeding import rng
from anonbench.datasets.image_sets.shards import ImageSet
from image_sets import write_set


@pytest.fixture(autouse=True)
def _as_it_was() -> Iterator[None]:
    """Undo what a training sets for its whole process: other tests count on denormal numbers."""
    yield
    torch.set_flush_denormal(False)
    torch.use_deterministic_algorithms(False)


IDS = [f"kind{number % 4}/{number:03d}" for number in range(24)]


def drawn(image_id: str) -> np.ndarray:
    """A pattern of soft blocks of its own for each image, with a little noise; 60 × 48."""
    random = rng("image", image_id)
    pattern = random.uniform(20, 235, (4, 5, 3)).astype(np.float32)
    image = cv2.resize(pattern, (60, 48), interpolation=cv2.INTER_LINEAR)
    return np.clip(image + random.normal(0, 3, image.shape), 0, 255).astype(np.uint8)


def hidden(image: np.ndarray) -> np.ndarray:
    """The image with a black rectangle."""
    image = image.copy()
    image[10:20, 10:40] = 0
    return image


@pytest.fixture(scope="session")
def original(tmp_path_factory: pytest.TempPathFactory) -> ImageSet:
    folder = tmp_path_factory.mktemp("original")
    return write_set(folder / "0.tar", {image_id: drawn(image_id) for image_id in IDS})


@pytest.fixture(scope="session")
def anonymized(tmp_path_factory: pytest.TempPathFactory) -> ImageSet:
    folder = tmp_path_factory.mktemp("anonymized")
    return write_set(folder / "0.tar", {image_id: hidden(drawn(image_id)) for image_id in IDS})


SMALL: dict[str, Any] = {
    "backbone": {"width": 32, "depth": 2, "heads": 2, "patch": 8, "layer_scale": 1.0}
    | {"position": "sincos", "init": "xavier", "drop_path": 0.1},
    "crops": {"global_size": 32, "local_size": 16, "local_count": 2, "local_area": [0.2, 0.5]}
    | {"normalize": "per_crop"},
    "heads": {"hidden": 48, "bottleneck": 16, "prototypes": 32, "centering": "sinkhorn"}
    | {"teacher_temperature": [0.04, 0.04], "freeze_last_layer": 0.0},
    "optimizer": {"steps": 8, "batch_size": 8, "learning_rate": 2e-3, "scale_rate": False}
    | {"layer_decay": 1.0, "patch_rate": 1.0, "weight_decay": [0.04, 0.04], "ema": [0.95, 1.0]},
    "device": "cpu",
    "log_every": 2,
}


@pytest.fixture(scope="session")
def recipe() -> Callable[..., Recipe]:
    """The small recipe with changes: `recipe(crops={"flip": 0})`."""

    def make(**changes: Any) -> Recipe:
        values = dict(SMALL)
        for key, change in changes.items():
            values[key] = SMALL.get(key, {}) | change if isinstance(change, dict) else change
        return Recipe.model_validate(values)

    return make
