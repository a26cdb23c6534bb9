"""Embeddings of a model, of raw pixels and of an untrained network."""

from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch

from anonbench.config import Retrieval
from anonbench.config.evaluation import Embedding
from anonbench.config.training import Backbone, Crops, Recipe
from anonbench.core.libraries.opencv import cv2
from anonbench.core.provenance import file_digest
from anonbench.datasets.image_sets.shards import ImageSet
from anonbench.embedding import extract
from anonbench.embedding.extract import (
    SIDE,
    embed_many,
    embed_pixels,
    features,
    pixels,
    write_untrained,
)
from anonbench.embedding.store import read_embeddings
from anonbench.evaluation.retrieval.scenario import score_scenario
from anonbench.training.model.network import Network
from anonbench.training.weights import class_tokens, load_backbone, save_backbone
from image_sets import write_set
from timms import as_timms

RECIPE = Recipe(
    backbone=Backbone(width=32, depth=2, heads=2, patch=8, layer_scale=1.0, drop_path=0.2),
    crops=Crops(global_size=32, local_size=16),
    device="cpu",
)


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> ImageSet:
    tar = tmp_path_factory.mktemp("images") / "0.tar"
    random, shapes = np.random.default_rng(0), ((60, 45), (40, 50, 3))
    drawn = {
        f"{number:02d}": random.integers(0, 256, shapes[number % 2], dtype=np.uint8)
        for number in range(11)
    }
    return write_set(tar, drawn)


@pytest.fixture(scope="module")
def backbone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("model") / "backbone.safetensors"
    save_backbone(Network(RECIPE, 0).state_dict(), RECIPE, path, {})
    return path


def test_it_is_the_class_token(images: ImageSet, backbone: Path, tmp_path: Path) -> None:
    model, preprocess = load_backbone(backbone)
    values = features(model, preprocess, images, Embedding(batch_size=4))
    assert values.shape == (11, 32) and values.dtype == np.float32
    for row in (0, 5, 10):
        single = as_timms(model)(preprocess(images.read(images.ids[row])))  # the class token
        np.testing.assert_allclose(values[row], single[0].numpy(), atol=1e-5)
    whole = features(model, preprocess, images, Embedding(batch_size=64))
    one = features(model, preprocess, images, Embedding(batch_size=1))
    helped = features(model, preprocess, images, Embedding(batch_size=4, workers=2))
    np.testing.assert_allclose(one, whole, atol=1e-5)
    np.testing.assert_allclose(values, whole, atol=1e-5)
    np.testing.assert_array_equal(helped, values)
    outputs = [tmp_path / f"{name}.h5" for name in "abc"]
    assert [*embed_many(backbone, [(images, outputs[0])], Embedding())] == outputs[:1]
    sets = [(images, output) for output in outputs[1:]]
    assert [*embed_many(backbone, sets, Embedding())] == outputs[1:]
    assert len({path.read_bytes() for path in outputs}) == 1
    written = read_embeddings(outputs[0])
    assert written.ids == images.ids
    assert written.provenance["model"] == file_digest(backbone)
    assert written.provenance["images"] == images.digest
    assert {"anonbench", "torch", "timm"} <= written.provenance["versions"].keys()


def test_equal_vectors(backbone: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever place in a batch they are in: products are rounded otherwise in each."""
    draw = np.random.default_rng(0)
    pixels = [draw.integers(0, 256, (40, 40, 3), dtype=np.uint8) for _ in range(3)]
    images = write_set(tmp_path / "0.tar", {f"{number}": pixels[number % 3] for number in range(9)})
    given = load_backbone(backbone)

    def uneven(model: object, preprocess: object, batch: torch.Tensor) -> torch.Tensor:
        return class_tokens(*given, batch) + 1e-6 * torch.arange(len(batch))[:, None]

    monkeypatch.setattr(extract, "class_tokens", uneven)
    values = features(*given, images, Embedding(batch_size=4))
    assert all(np.array_equal(values[row], values[row % 3]) for row in range(9))
    assert len(np.unique(values, axis=0)) == 3


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_on_a_gpu(images: ImageSet, backbone: Path) -> None:
    model, preprocess = load_backbone(backbone)
    expected = features(model, preprocess, images, Embedding())
    found = features(model.to("cuda"), preprocess, images, Embedding())
    np.testing.assert_allclose(found, expected, atol=1e-3)


SETTINGS = Embedding(batch_size=7)


def test_pixels_are_correlated(tmp_path: Path) -> None:
    random, shapes = np.random.default_rng(0), [(40, 50, 3), (60, 45)]
    pictures = {
        f"{number:02d}": random.integers(0, 256, shapes[number % 2], dtype=np.uint8)
        for number in range(20)
    }
    values = pixels(write_set(tmp_path / "0.tar", pictures), "squash", SETTINGS)
    assert values.shape == (20, 3 * SIDE * SIDE + 1) and values.dtype == np.float32
    sized = partial(cv2.resize, dsize=(SIDE, SIDE), interpolation=cv2.INTER_AREA)
    small = [sized(picture) for picture in pictures.values()]
    rows = [
        np.moveaxis(image if image.ndim == 3 else np.stack([image] * 3, 2), 2, 0).ravel()
        for image in small
    ]
    units = values / np.linalg.norm(values, axis=1, keepdims=True)
    # the last component is one part in 3,073 of a vector's square
    np.testing.assert_allclose(units @ units.T, np.corrcoef(rows), atol=5e-4)
    blank = {f"blank-{grey}": np.full((30, 30), grey, np.uint8) for grey in (0, 255)}
    images = write_set(tmp_path / "0.tar", pictures | blank)
    list(embed_pixels([(images, tmp_path / "pixels.h5")], "squash", SETTINGS))
    found = read_embeddings(tmp_path / "pixels.h5")
    assert found.ids == images.ids and found.provenance["images"] == images.digest
    black, white = found.values[-2:]
    assert np.array_equal(black, white) and black.any()
    settings = Retrieval(fraction=0.25, ties="id")
    table = score_scenario(found, {"original": found}, found, settings).table
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
