"""Raw pixels and the untrained network: what they are, and that both are read as embeddings."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from anonbench.config import Retrieval
from anonbench.config.evaluation import Embedding
from anonbench.config.training import Backbone, Crops, Recipe
from anonbench.core.libraries.opencv import cv2
from anonbench.embedding.extract import SIDE, embed_pixels, pixels, write_untrained
from anonbench.embedding.store import read_embeddings
from anonbench.evaluation.retrieval.scenario import score_scenario
from anonbench.training.model.network import Network
from anonbench.training.weights import load_backbone
from image_sets import write_set

SETTINGS = Embedding(batch_size=7)
RECIPE = Recipe(
    backbone=Backbone(width=32, depth=2, heads=2, patch=8),
    crops=Crops(global_size=32, local_size=16),
    device="cpu",
)


@pytest.fixture
def pictures() -> dict[str, np.ndarray]:
    """Return 20 pictures, coloured and grey, of several sizes."""
    random = np.random.default_rng(0)
    shapes = [(40, 50, 3), (60, 45)]
    return {
        f"{number:02d}": random.integers(0, 256, shapes[number % 2], dtype=np.uint8)
        for number in range(20)
    }


def test_similarity_of_pixels_is_their_correlation(
    pictures: dict[str, np.ndarray], tmp_path: Path
) -> None:
    values = pixels(write_set(tmp_path / "0.tar", pictures), "squash", SETTINGS)
    assert values.shape == (20, 3 * SIDE * SIDE + 1) and values.dtype == np.float32
    small = [
        cv2.resize(pictures[name], (SIDE, SIDE), interpolation=cv2.INTER_AREA) for name in pictures
    ]
    rows = [
        np.moveaxis(image if image.ndim == 3 else np.stack([image] * 3, 2), 2, 0).ravel()
        for image in small
    ]
    units = values / np.linalg.norm(values, axis=1, keepdims=True)
    # the last component is one part in 3,073 of a vector's square
    np.testing.assert_allclose(units @ units.T, np.corrcoef(rows), atol=5e-4)


def test_images_of_one_colour_can_be_searched(
    pictures: dict[str, np.ndarray], tmp_path: Path
) -> None:
    blank = {f"blank-{grey}": np.full((30, 30), grey, np.uint8) for grey in (0, 255)}
    images = write_set(tmp_path / "0.tar", pictures | blank)
    embed_pixels([(images, tmp_path / "pixels.h5")], "squash", SETTINGS)
    found = read_embeddings(tmp_path / "pixels.h5")
    assert found.ids == images.ids and found.provenance["images"] == images.digest
    black, white = found.values[-2:]
    assert np.array_equal(black, white) and black.any()
    table = score_scenario(
        found, {"original": found}, found, Retrieval(fraction=0.25, ties="id")
    ).table
    assert table["ap"].tolist() == [1.0] * 22


def test_the_untrained_network_is_what_a_training_starts_from(tmp_path: Path) -> None:
    path = tmp_path / "untrained.safetensors"
    write_untrained(RECIPE, 5, path)
    first = path.read_bytes()
    write_untrained(RECIPE, 5, path)
    assert path.read_bytes() == first
    model, preprocess = load_backbone(path)
    assert preprocess.side == 32
    started = Network(RECIPE, 5).backbone.state_dict()
    for name, value in model.state_dict().items():
        torch.testing.assert_close(value, started[name], rtol=0, atol=0)
    write_untrained(RECIPE, 6, path)
    assert path.read_bytes() != first
