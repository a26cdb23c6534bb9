"""Image sets embedded by a trained backbone, by an untrained one, and by their pixels.

The last two are baselines: the part of a score that needs no learning. Images of one scanner or
studio are similar pixel by pixel, and a random network keeps much of this similarity. A trained
model has to beat both.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset

from anonbench.config.evaluation import Embedding
from anonbench.config.training import Recipe
from anonbench.core.numeric.similarity import repeated
from anonbench.core.progress import track
from anonbench.core.provenance import file_digest, versions
from anonbench.datasets.image_sets.shards import ImageSet
from anonbench.embedding.store import Embeddings, write_embeddings
from anonbench.training.checkpoints.weights import (
    PREFIX,
    class_tokens,
    load_backbone,
    read_description,
    save_backbone,
)
from anonbench.training.data.preprocess import Preprocess
from anonbench.training.loop.device_setup import pick_device
from anonbench.training.model.backbone import init_backbone

SIDE = 32
"""Side of the image whose pixels are compared: as few as people need to recognize a scene."""


@torch.inference_mode()
def features(
    model: nn.Module, preprocess: Preprocess, images: ImageSet, settings: Embedding
) -> np.ndarray:
    """Return the class tokens, float32 [N, D], of all images in id order.

    Args:
        model: of `load_backbone`, on the device where it shall run.
        preprocess: of `load_backbone`.
        images: N images.
        settings: batch size and workers; the workers have no effect on the result.

    """
    given = batches(images, preprocess, settings)
    parts = [class_tokens(model, preprocess, batch).cpu().numpy() for batch in given]
    width: int = model.embed_dim  # type: ignore[assignment]
    values = np.concatenate(parts) if parts else np.zeros((0, width), np.float32)
    # a network's last bits depend on the place in a batch; equal images tie in a ranking
    again, first = repeated(np.frombuffer(each.encode(), np.uint8) for each in images.digests)
    values[again] = values[first]
    return values


def embed_many(
    backbone: Path,
    sets: Sequence[tuple[ImageSet, Path]],
    settings: Embedding,
    written: Callable[[Path], object] = bool,
) -> None:
    """Embed several image sets by one backbone and write each as HDF5.

    On a CPU, the same arguments give the same bytes.

    Args:
        backbone: what `train` wrote.
        sets: image sets and where their embeddings go.
        settings: batch size and workers.
        written: called with each file when it is written.

    Raises:
        InputError: the backbone cannot be loaded.

    """
    described = read_description(backbone)
    torch.set_num_threads(described["threads"])
    model, preprocess = load_backbone(backbone)
    model = model.to(pick_device(described["device"]))
    provenance: dict[str, Any] = {
        "model": file_digest(backbone),
        "versions": versions("torch", "timm", "numpy"),
    }
    for images, output in sets:
        _write(output, images, features(model, preprocess, images, settings), provenance)
        written(output)


def write_untrained(recipe: Recipe, seed: int, path: Path) -> None:
    """Write the network that a training from random weights starts from, in `train`'s format.

    `embed_many` embeds by it as by any other.

    Args:
        recipe: of the data set; pretrained weights are left out.
        seed: of the weights; the seed of a training gives the weights that it starts from.
        path: of the safetensors file.

    """
    backbone = recipe.backbone.model_copy(update={"pretrained": None})
    model = init_backbone(recipe.model_copy(update={"backbone": backbone}), seed)
    weights = {f"{PREFIX}{name}": value for name, value in model.state_dict().items()}
    provenance = {"model": "untrained", "seed": seed, "versions": versions("torch", "timm")}
    save_backbone(weights, recipe, path, provenance)


@torch.inference_mode()
def pixels(images: ImageSet, resize: Literal["crop", "squash"], settings: Embedding) -> np.ndarray:
    """Return the pixels of small images, float32 [N, 3 · 32² + 1], in id order.

    Each image has zero mean and unit variance, so that cosine similarity is the correlation of two
    images (Torralba, Fergus and Freeman, "80 Million Tiny Images", TPAMI 2008, 30:1958-1970). A
    last component of 1 gives a direction to images of one colour, which otherwise have none: they
    are similar to each other, and to no others.

    Args:
        images: N images.
        resize: as the recipe's, so that both see the same part of an image.
        settings: batch size and workers; neither has an effect on the result.

    """
    preprocess = Preprocess(SIDE, "per_crop", resize)
    values = np.ones((len(images.ids), 3 * SIDE * SIDE + 1), np.float32)
    done = 0
    for batch in batches(images, preprocess, settings):
        values[done : done + len(batch), :-1] = preprocess.normalized(batch).flatten(1).numpy()
        done += len(batch)
    return values


def embed_pixels(
    sets: Sequence[tuple[ImageSet, Path]],
    resize: Literal["crop", "squash"],
    settings: Embedding,
    written: Callable[[Path], object] = bool,
) -> None:
    """Embed image sets by `pixels` and write each as HDF5, like other embeddings.

    Args:
        sets: image sets and where their embeddings go.
        resize: as for `pixels`.
        settings: batch size and workers.
        written: called with each file when it is written.
    """
    made_by: dict[str, Any] = {
        "model": f"raw pixels, {SIDE} x {SIDE}, {resize}",
        "versions": versions("torch", "numpy"),
    }
    for images, output in sets:
        _write(output, images, pixels(images, resize, settings), made_by)
        written(output)


def _write(output: Path, images: ImageSet, values: np.ndarray, made_by: dict[str, Any]) -> None:
    provenance = made_by | {"images": images.digest}
    write_embeddings(output, Embeddings(images.ids, values, provenance))


def batches(images: ImageSet, preprocess: Preprocess, settings: Embedding) -> Iterator[Tensor]:
    """Yield the images in id order, in batches of uint8 [B, S, S, 3].

    Args:
        images: N images.
        preprocess: conversion to square images.
        settings: batch size and workers; the workers have no effect on the result.

    """
    inputs = _Inputs(images, preprocess, settings.batch_size)
    loader = DataLoader(
        inputs,
        batch_size=None,
        num_workers=settings.workers,
        multiprocessing_context="fork" if settings.workers else None,
    )
    yield from track(loader, len(inputs), "batches embedded")


class _Inputs(Dataset[Tensor]):
    """Batches of an image set as uint8 [N, S, S, 3]."""

    def __init__(self, images: ImageSet, preprocess: Preprocess, batch_size: int) -> None:
        self._images = images
        self._ids = images.ids
        self._preprocess = preprocess
        self._batch_size = batch_size

    def __len__(self) -> int:
        return -(-len(self._ids) // self._batch_size)

    def __getitem__(self, number: int) -> Tensor:
        ids = self._ids[number * self._batch_size : (number + 1) * self._batch_size]
        return torch.from_numpy(
            np.stack([self._preprocess.fit(self._images.read(image_id)) for image_id in ids])
        )
