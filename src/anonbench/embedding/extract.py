"""Image sets embedded by a trained backbone, by an untrained one, and by their pixels.

The last two are baselines: the part of a score that needs no learning. Images of one scanner or
studio are similar pixel by pixel, and a random network keeps much of this similarity. A trained
model has to beat both.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor, nn

from anonbench.config.evaluation import Embedding
from anonbench.config.training import Recipe
from anonbench.core.numeric.similarity import repeated
from anonbench.core.progress import track
from anonbench.core.provenance import file_digest, versions
from anonbench.datasets.image_sets.shards import ImageSet
from anonbench.embedding.store import write_set
from anonbench.training.data.batch import loaded
from anonbench.training.data.preprocess import Preprocess
from anonbench.training.distributed import pick_device
from anonbench.training.model.backbone import init_backbone
from anonbench.training.weights import (
    PREFIX,
    class_tokens,
    load_backbone,
    read_description,
    save_backbone,
)

SIDE = 32  # side of the image whose pixels are compared: as few as people need to recognize a scene


@torch.inference_mode()
def features(
    model: nn.Module, preprocess: Preprocess, images: ImageSet, settings: Embedding
) -> np.ndarray:
    """Return the class tokens, float32 [N, D], of all N images in id order.

    Model and preprocess are of `load_backbone`, on the device where it shall run. The number of
    loader processes has no effect on the result.
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
    backbone: Path, sets: Sequence[tuple[ImageSet, Path]], settings: Embedding
) -> Iterator[Path]:
    """Embed image sets by a backbone that `train` wrote, and yield each HDF5 file once written.

    On a CPU, the same arguments give the same bytes. Raises as `load_backbone`.
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
        write_set(output, images, features(model, preprocess, images, settings), provenance)
        yield output


def write_untrained(recipe: Recipe, seed: int, path: Path) -> None:
    """Write the network that a training from random weights starts from, in `train`'s format."""
    backbone = recipe.backbone.model_copy(update={"pretrained": None})
    model, _ = init_backbone(recipe.model_copy(update={"backbone": backbone}), seed)
    weights = {f"{PREFIX}{name}": value for name, value in model.state_dict().items()}
    provenance = {"model": "untrained", "seed": seed, "versions": versions("torch", "timm")}
    save_backbone(weights, recipe, path, provenance)


@torch.inference_mode()
def pixels(images: ImageSet, resize: Literal["crop", "squash"], settings: Embedding) -> np.ndarray:
    """Return the pixels of N small images, float32 [N, 3 · 32² + 1], in id order.

    Each image has zero mean and unit variance, so that cosine similarity is the correlation of two
    images (Torralba, Fergus and Freeman, "80 Million Tiny Images", TPAMI 2008, 30:1958-1970). A
    last component of 1 gives a direction to images of one colour. `resize` is the recipe's, so that
    both see the same part of an image.
    """
    preprocess = Preprocess(SIDE, "per_crop", resize)
    values = np.ones((len(images.ids), 3 * SIDE * SIDE + 1), np.float32)
    done = 0
    for batch in batches(images, preprocess, settings):
        values[done : done + len(batch), :-1] = preprocess.normalized(batch).flatten(1).numpy()
        done += len(batch)
    return values


def embed_pixels(
    sets: Sequence[tuple[ImageSet, Path]], resize: Literal["crop", "squash"], settings: Embedding
) -> Iterator[Path]:
    """Embed image sets by `pixels`, as `embed_many` does."""
    made_by: dict[str, Any] = {
        "model": f"raw pixels, {SIDE} x {SIDE}, {resize}",
        "versions": versions("torch", "numpy"),
    }
    for images, output in sets:
        write_set(output, images, pixels(images, resize, settings), made_by)
        yield output


def batches(images: ImageSet, preprocess: Preprocess, settings: Embedding) -> Iterator[Tensor]:
    """Yield the images in id order, in batches of uint8 [B, S, S, 3]."""

    ids, size = images.ids, settings.batch_size

    def read(batch: int) -> Tensor:
        some = ids[batch * size : (batch + 1) * size]
        return torch.from_numpy(np.stack([preprocess.fit(images.read(each)) for each in some]))

    numbers = range(-(-len(ids) // size))
    yield from track(loaded(read, numbers, settings.workers), len(numbers), "batches embedded")
