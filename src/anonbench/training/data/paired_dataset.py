"""Training batches from aligned pairs: original and anonymized version of the same image."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from math import ceil, sqrt
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from anonbench.core.errors import InputError
from anonbench.core.io import open_private, scratch_folder
from anonbench.core.libraries.opencv import cv2
from anonbench.core.numeric.seeding import rng
from anonbench.core.progress import track
from anonbench.core.vocabulary import Adaption
from anonbench.datasets.image_sets.shards import ImageSet
from anonbench.training.data.augment import (
    ASPECTS,
    Draw,
    augmentations_of,
    crop_boxes,
    crop_draws,
    cut,
)
from anonbench.training.data.batch import Batch, batch_masks

if TYPE_CHECKING:
    from anonbench.config.training import Crops, Recipe

logger = logging.getLogger(__name__)

SHARED = ("count", "size", "area")  # settings of crops that paired ones have in common


class Sources(NamedTuple):
    """Sources of an adaption's crops."""

    global_crops: ImageSource
    local_crops: ImageSource


def check_pairs(
    recipe: Recipe, adaption: Adaption, original: ImageSet, anonymized: ImageSet | None
) -> list[str]:
    """Return the ids to train on, sorted; InputError as `check_aligned`, and for too few images."""
    ids = original.ids
    if anonymized is not None:
        check_aligned(original, anonymized)
    if len(ids) < recipe.optimizer.batch_size:
        raise InputError(
            f"{len(ids)} training images are fewer than a batch "
            f"(recipe.optimizer.batch_size: {recipe.optimizer.batch_size}); lower it or add images"
        )
    if why := recipe.lacks_crops(adaption):
        raise InputError(f"recipe.{why}")
    side = recipe.crops.global_size
    if small := sum(min(size) < side for size in original.sizes.values()):
        logger.warning(
            f"{small} of {len(original)} images are smaller than a global crop of {side} pixels "
            "(recipe.crops.global_size): their crops are enlarged"
        )
    return ids


def check_aligned(original: ImageSet, anonymized: ImageSet) -> None:
    """Check that two image sets hold the same images in the same sizes; InputError if not."""
    alone = sorted(set(original.ids) ^ set(anonymized.ids))
    if alone:
        where = "original" if alone[0] in original else "anonymized"
        raise InputError(
            f"{len(alone)} images exist in one version only, for example {alone[0]!r} ({where}): "
            "make both image sets from the same manifest and boxes"
        )
    sizes, others = original.sizes, anonymized.sizes
    differing = [image_id for image_id in original.ids if sizes[image_id] != others[image_id]]
    if differing:
        raise InputError(
            f"{len(differing)} images have another size once anonymized, for example "
            f"{differing[0]!r}: make the anonymized image set again"
        )


@contextmanager
def open_sources(
    recipe: Recipe, adaption: Adaption, original: ImageSet, anonymized: ImageSet | None
) -> Iterator[Sources]:
    """Yield the sources of an adaption's crops; scratch files are removed after the block."""
    with scratch_folder() as folder:
        versions: dict[bool, ImageSource] = {}
        for hidden in sorted({adaption.global_anonymized, adaption.local_anonymized}):
            images = anonymized if hidden else original
            if images is None:
                raise ValueError(f"adaption {adaption} needs an anonymized image set")
            name, side = "anonymized" if hidden else "original", sufficient_side(recipe.crops)
            versions[hidden] = Scratch(images, folder / name, side) if recipe.scratch else images
        yield Sources(versions[adaption.global_anonymized], versions[adaption.local_anonymized])


class BatchStream(Dataset[list[Batch]]):
    """The batches of a run by step: a function only of seed, step and image ids.

    An epoch is one pass over the images in its own order; an incomplete last batch is left out.
    Items may be requested in any order and by any process. Item `step` is one process's share of
    the step's images, in the parts of its successive forward passes; the number of processes and
    parts does not change any image's crops, augmentations and masks.
    """

    def __init__(
        self,
        ids: Sequence[str],
        sources: Sources,
        recipe: Recipe,
        patches: int,
        seed: int,
        rank: int = 0,
        world: int = 1,
        is_paired: bool = False,
    ) -> None:
        """Describe the stream of a process (`rank` of `world`) for crops of so many `patches`.

        `is_paired`: the local crops are the global ones again, of the other version.
        """
        self._crops, self._is_paired = recipe.crops, is_paired
        if is_paired:
            same = {f"local_{name}": getattr(recipe.crops, f"global_{name}") for name in SHARED}
            self._crops = recipe.crops.model_copy(update=same)
        self._ids, self._sources, self._recipe = list(ids), sources, recipe
        self._patches_a_side, self._seed = patches, seed
        self._share = np.arange(recipe.optimizer.batch_size).reshape(world, -1)[rank]
        self._epoch_order: tuple[int, np.ndarray] = (-1, np.arange(0))

    def __len__(self) -> int:
        return self._recipe.optimizer.steps

    def __getitem__(self, step: int) -> list[Batch]:
        optimizer = self._recipe.optimizer
        size, count, losses = optimizer.batch_size, self._crops.global_count, self._recipe.losses
        epoch, place = divmod(step, len(self._ids) // size)
        if self._epoch_order[0] != epoch:
            self._epoch_order = epoch, rng("order", self._seed, epoch).permutation(len(self._ids))
        rows = self._epoch_order[1][place * size :]
        random, settings = rng("masks", self._seed, step), (losses.mask_images, losses.mask_ratio)
        masks = batch_masks(count * size, self._patches_a_side, *settings, random)
        masks = masks.reshape(count, size, -1)  # of the whole batch, on all processes
        return [
            self._part(epoch, [self._ids[row] for row in rows[part]], masks[:, part])
            for part in np.split(self._share, optimizer.accumulate)
        ]

    def _part(self, epoch: int, ids: Sequence[str], masked: np.ndarray) -> Batch:
        """Return the batch of some images with their masks, bool [2, b, patches]."""
        crops = self._crops
        count = crops.global_count + (0 if self._is_paired else crops.local_count)
        draws = np.stack([crop_draws(self._seed, epoch, image_id, count) for image_id in ids], 1)
        if crops.shared_geometry:
            draws[1, :, : Draw.JITTER] = draws[0, :, : Draw.JITTER]
        if self._is_paired:
            draws = np.concatenate([draws, draws])
        global_crops, local_crops = cut_crops(self._sources, ids, draws, crops)
        numbers = np.arange(crops.global_count)
        other = numbers if self._is_paired else np.full(crops.local_count, 2)
        split = np.split(draws, [crops.global_count])
        own, others = (
            augmentations_of(part.reshape(-1, part.shape[-1]), kinds.repeat(len(ids)), crops)
            for part, kinds in zip(split, (numbers, other), strict=True)
        )
        masks = torch.from_numpy(masked.reshape(-1, masked.shape[-1]))
        return Batch(tuple(ids), global_crops, local_crops, own, others, masks)


def cut_crops(
    sources: Sources, ids: Sequence[str], draws: np.ndarray, crops: Crops
) -> tuple[Tensor, Tensor]:
    """Return global and local crops of B images, uint8 [n · B, S, S, 3], all first crops first.

    Each image is read once in each version that is needed, and at full size: a JPEG decoded at a
    smaller scale would differ from its anonymized version in more than the hidden regions.
    `draws` are float [n, B, COLUMNS], global crops first.
    """
    sizes = np.array([sources.global_crops.size(image_id) for image_id in ids])
    settings = (crops.global_size, crops.global_area), (crops.local_size, crops.local_area)
    kinds = []
    for part, (side, area) in zip(np.split(draws, [crops.global_count]), settings, strict=True):
        pixels = np.empty((*part.shape[:2], side, side, 3), np.uint8)
        kinds.append((crop_boxes(part, sizes, area), part[..., Draw.FLIP] < crops.flip, pixels))
    needed = {source for source, (*_, pixels) in zip(sources, kinds, strict=True) if len(pixels)}
    for row, image_id in enumerate(ids):
        images = {source: source.read(image_id) for source in needed}
        for source, arrays in zip(sources, kinds, strict=True):
            for box, flip, out in zip(*(each[:, row] for each in arrays), strict=True):
                cut(images[source], box, bool(flip), out)
    large, small = (torch.from_numpy(pixels).flatten(0, 1) for *_, pixels in kinds)
    return large, small


def sufficient_side(crops: Crops) -> int:
    """Return the shorter side, in pixels, at which no crop of a square image is enlarged."""
    needs = [crops.global_size / sqrt(crops.global_area[0])]
    if crops.local_count:
        needs.append(crops.local_size / sqrt(crops.local_area[0]))
    return ceil(max(needs) / sqrt(ASPECTS[0]))


def shrink(image: np.ndarray, side: int) -> np.ndarray:
    """Return the image with its shorter side at most `side` pixels."""
    height, width = image.shape[:2]
    scale = side / min(height, width)
    if scale >= 1.0:
        return image
    size = (max(round(width * scale), 1), max(round(height * scale), 1))
    return cv2.resize(image, size, interpolation=cv2.INTER_AREA)


class Scratch:
    """An image set's images, shrunk, in one file that several processes map.

    Grey images take one byte a pixel, RGB three. The caller has to delete the file.
    """

    def __init__(self, images: ImageSet, path: Path, side: int) -> None:
        """Write the file and map it."""
        self.path = path
        self._where: dict[str, tuple[int, tuple[int, ...]]] = {}
        offset = 0
        with open_private(path) as file:
            for image_id in track(images.ids, len(images), "images shrunk"):
                small = shrink(images.read(image_id), side)
                file.write(np.ascontiguousarray(small).data)
                self._where[image_id] = (offset, small.shape)
                offset += small.nbytes
        self._pixels: np.ndarray = np.memmap(path, np.uint8, mode="r")

    def size(self, image_id: str) -> tuple[int, int]:
        """Return width and height of an image, in pixels."""
        height, width = self._where[image_id][1][:2]
        return width, height

    def read(self, image_id: str) -> np.ndarray:
        """Return an image, uint8 [H, W] or [H, W, 3] RGB: a view of the file."""
        offset, shape = self._where[image_id]
        return self._pixels[offset : offset + int(np.prod(shape))].reshape(shape)


ImageSource = ImageSet | Scratch
