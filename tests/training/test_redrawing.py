"""Redrawn regions: the network, its training, and what it draws in pictures that tell it."""

import os
import signal
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd
import pytest
import torch
from safetensors.torch import save_file

from anonbench.anonymization.checked import anonymize
from anonbench.config import Anonymization, Embedding, Recipe, Redrawing
from anonbench.core.boxes import Region, box_table
from anonbench.core.errors import InputError, Interrupted
from anonbench.core.numeric.seeding import rng
from anonbench.core.vocabulary import Entity, Variant
from anonbench.datasets.image_sets.shards import ImageSet
from anonbench.embedding.extract import features
from anonbench.training import redrawing
from anonbench.training.data.preprocess import Preprocess
from anonbench.training.model.network import Network
from anonbench.training.redrawing import (
    Redrawer,
    load_redrawer,
    redraw_shard,
    train_redrawer,
)
from anonbench.training.weights import load_backbone, save_backbone
from image_sets import write_set

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
    original: dict[str, ImageSet]
    hidden: dict[str, ImageSet]
    tars: dict[str, Path]
    boxes: dict[str, pd.DataFrame]
    backbone: Path
    recipe: Recipe

    def train(self, folder: Path, **changes: Any) -> Path:
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


@pytest.fixture(scope="session")
def portraits(tmp_path_factory: pytest.TempPathFactory, recipe: Callable[..., Recipe]) -> Portraits:
    folder = tmp_path_factory.mktemp("portraits")
    small = recipe(resize="squash", crops={"normalize": "imagenet"})
    parts: list[dict[str, Any]] = [{}, {}, {}, {}]
    for split in ("train", "val"):
        ids = [f"{split}{number:02d}" for number in range(16)]
        clear = {image_id: portrait(image_id) for image_id in ids}
        masked = {name: anonymize(image, [REGION], MASK) for name, image in clear.items()}
        tar = folder / "hidden" / f"{split}.tar"
        boxes = box_table({image_id: [REGION] for image_id in ids}, 0)
        made = write_set(folder / "clear" / f"{split}.tar", clear), write_set(tar, masked)
        for part, value in zip(parts, (*made, tar, boxes), strict=True):
            part[split] = value
    backbone = folder / "backbone.safetensors"
    save_backbone(Network(small, seed=0).state_dict(), small, backbone, {"seed": 0})
    return Portraits(*parts, backbone, small)


NOISE = torch.Generator().manual_seed(0)


@pytest.mark.parametrize("side", [8, 30, 48])
def test_it_draws_hidden_pixels_and_no_others(side: int) -> None:
    pictures, share = torch.rand(2, 3, side, side, generator=NOISE), torch.zeros(2, 1, side, side)
    share[:, :, 2:5, 3:6] = 1.0
    drawn = Redrawer(4, side, seed=0)(pictures, share)
    changed = (drawn != pictures).any(dim=1)
    assert torch.equal(changed, share[:, 0] > 0)
    assert (drawn >= 0).all() and (drawn <= 1).all()


def test_all_that_is_seen_counts_for_each_hidden_pixel() -> None:
    pictures = torch.rand(1, 3, 48, 48, generator=NOISE).requires_grad_()
    share = torch.zeros(1, 1, 48, 48)
    share[..., 24, 24] = 1.0
    Redrawer(4, 48, seed=0)(pictures, share)[..., 24, 24].sum().backward()
    assert pictures.grad is not None
    assert (pictures.grad.abs().sum(dim=(0, 1)) > 0).all()


@pytest.mark.parametrize("resize", ["crop", "squash"])
@pytest.mark.parametrize("shape", [(70, 50), (33, 90), (200, 150, 3)])
def test_placed_pattern_is_seen(resize: Literal["crop", "squash"], shape: tuple[int, ...]) -> None:
    """A soft pattern goes into an image and comes back; the rest of the image does not matter."""
    preprocess = Preprocess(32, "imagenet", resize)
    rows, columns = np.mgrid[:32, :32] * 7
    pattern = np.stack([rows, columns, rows], axis=2).astype(np.uint8)
    image, seen = preprocess.placed(pattern, shape)
    assert image.shape == (*shape[:2], 3) and seen.shape == shape[:2]
    image[~seen] = 0
    again = preprocess.fit(image)
    inner = slice(3, -3), slice(3, -3)
    assert np.abs(again[inner].astype(int) - pattern[inner]).max() <= 8
    # an image that only the unseen part tells apart is the same to the model
    other = np.where(seen[..., None], image, 255).astype(np.uint8)
    assert np.abs(preprocess.fit(other)[inner].astype(int) - again[inner]).max() <= 8
    assert seen.all() == (resize == "squash")


HIDDEN = np.zeros((48, 60), bool)
HIDDEN[8:40, 10:38] = True


@pytest.fixture(scope="session")
def network(portraits: Portraits, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return portraits.train(tmp_path_factory.mktemp("network"))


def redrawn(folder: Path, pictures: dict[str, np.ndarray], network: Path) -> ImageSet:
    """Return pictures with what `REGION` hides drawn anew."""
    write_set(folder / "hidden.tar", pictures)
    boxes = box_table({name: [REGION] for name in pictures}, 0)
    asked = boxes, MASK, Anonymization(), network
    redraw_shard(folder / "hidden.tar", *asked, folder / "drawn.tar")
    return ImageSet.open([folder / "drawn.tar"])


def test_only_hidden_pixels_are_drawn_and_no_original(network: Path, tmp_path: Path) -> None:
    pictures = {name: anonymize(portrait(name), [REGION], MASK) for name in "ab"}
    pictures["grey"] = anonymize(portrait("a")[..., 0].copy(), [REGION], MASK)
    images = redrawn(tmp_path, pictures, network)
    drawn = {name: images.read(name) for name in pictures}
    for name in "ab":
        assert np.array_equal((drawn[name] != pictures[name]).any(axis=2), HIDDEN)
    assert not np.array_equal(drawn["a"][HIDDEN], drawn["b"][HIDDEN])
    as_colour = np.repeat(pictures["grey"][..., None], 3, axis=2)
    assert np.array_equal(drawn["grey"][~HIDDEN], as_colour[~HIDDEN])
    one = portrait("a")
    other = one.copy()
    other[HIDDEN] = portrait("b")[HIDDEN]
    files = []
    for name, original in (("one", one), ("other", other)):
        masked = {"a": anonymize(original, [REGION], MASK)}
        redrawn(tmp_path / name, masked, network)
        files.append((tmp_path / name / "drawn.tar").read_bytes())
    assert files[0] == files[1]


def test_only_what_the_model_sees_is_drawn(network: Path) -> None:
    """The model sees the centre of an image; hidden pixels beside it stay hidden."""
    drawer, preprocess = load_redrawer(network)
    crop = Preprocess(preprocess.side, "per_crop", "crop")
    image = anonymize(portrait("a"), [REGION], MASK)
    hidden = np.ones((48, 60), bool)
    drawn = redrawing.redrawn(image, hidden, drawer, crop)
    changed = (drawn != image).any(axis=2)
    assert changed[24, 30]
    assert not changed[:, :8].any() and not changed[:, -8:].any() and not changed[:2].any()


@pytest.mark.parametrize("margin", [1.0, 1.3])
def test_a_change_anywhere_else_is_refused(
    margin: float, network: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = redrawing.redrawn

    def spread(*arguments: Any) -> np.ndarray:
        drawn = real(*arguments)
        drawn[7, 20] ^= 1
        return drawn

    monkeypatch.setattr(redrawing, "redrawn", spread)
    write_set(tmp_path / "hidden.tar", {"a": portrait("a")})
    asked = box_table({"a": [REGION]}, 0), MASK, Anonymization(margin=margin), network
    if margin > 1:  # the pixel belongs to the region
        redraw_shard(tmp_path / "hidden.tar", *asked, tmp_path / "drawn.tar")
        return
    with pytest.raises(InputError, match="'a' of mask-100, redrawn: 1 pixels outside"):
        redraw_shard(tmp_path / "hidden.tar", *asked, tmp_path / "drawn.tar")
    assert not (tmp_path / "drawn.tar").exists()


def test_other_files_are_no_networks(portraits: Portraits, tmp_path: Path) -> None:
    (tmp_path / "text").write_text("no weights")
    save_file({}, tmp_path / "other")
    for path in (portraits.backbone, tmp_path / "text", tmp_path / "other", tmp_path / "none"):
        with pytest.raises(InputError, match="not a network that redraws regions"):
            load_redrawer(path)


@pytest.mark.slow
def test_redrawn_pictures_are_near_originals(portraits: Portraits, tmp_path: Path) -> None:
    network = portraits.train(tmp_path, steps=40, learning_rate=6e-3)
    tar = tmp_path / "val.tar"
    shard = portraits.tars["val"], portraits.boxes["val"], MASK, Anonymization()
    redraw_shard(*shard, network, tar)
    model, preprocess = load_backbone(portraits.backbone)

    def embedded(images: ImageSet) -> np.ndarray:
        vectors = features(model, preprocess, images, Embedding())
        return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)

    wanted = embedded(portraits.original["val"])
    before = (embedded(portraits.hidden["val"]) * wanted).sum(axis=1)
    after = (embedded(ImageSet.open([tar])) * wanted).sum(axis=1)
    assert 1 - after.mean() < (1 - before.mean()) / 2
    log = pd.read_csv(tmp_path / "log.csv")
    assert list(log.columns) == ["step", "learning_rate", "cosine", "cosine_hidden"]
    assert log["step"].iloc[-1] == len(log) == 40
    assert log["cosine"].iloc[-1] > log["cosine_hidden"].iloc[-1]


def files_of(network: Path) -> tuple[bytes, bytes]:
    return network.read_bytes(), network.with_name("log.csv").read_bytes()


def test_same_arguments_same_bytes(portraits: Portraits, network: Path, tmp_path: Path) -> None:
    again = portraits.train(tmp_path, recipe={"workers": 2, "checkpoint_minutes": 1e-9})
    assert files_of(again) == files_of(network)
    assert portraits.train(tmp_path, seed=1).read_bytes() != network.read_bytes()


def test_a_training_that_is_ended_goes_on_to_the_same_bytes(
    portraits: Portraits, network: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps = []

    def ended(batches: Iterable[Any], *_: Any) -> Iterator[Any]:
        for batch in batches:
            steps.append(len(steps) + 1)
            if len(steps) == 4:
                os.kill(os.getpid(), signal.SIGTERM)
            yield batch

    monkeypatch.setattr(redrawing, "track", ended)
    with pytest.raises(Interrupted):
        portraits.train(tmp_path)
    assert (tmp_path / "checkpoint").exists() and not (tmp_path / "network.safetensors").exists()
    assert files_of(portraits.train(tmp_path)) == files_of(network)
    assert steps == [1, 2, 3, 4, 5, 6]
    assert not (tmp_path / "checkpoint").exists()


def test_what_cannot_be_learned_is_said(
    portraits: Portraits, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(redrawing, "cosine_similarity", lambda a, b: (a * b).sum(1) * float("nan"))
    with pytest.raises(InputError, match=r"the loss is not finite; lower redrawing\.learning_rate"):
        portraits.train(tmp_path)
    monkeypatch.setitem(portraits.hidden, "train", portraits.hidden["val"])
    with pytest.raises(InputError, match="images exist in one version only"):
        portraits.train(tmp_path)
