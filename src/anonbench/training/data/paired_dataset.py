"""Training batches from aligned pairs: original and anonymized version of the same image."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from math import ceil, sqrt
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

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
    CropAugmentations,
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


@dataclass(frozen=True)
class Sources:
    """Sources of an adaption's crops."""

    global_crops: ImageSource
    local_crops: ImageSource


def check_pairs(
    recipe: Recipe, adaption: Adaption, original: ImageSet, anonymized: ImageSet | None
) -> list[str]:
    """Return the ids to train on, sorted.

    Raises:
        InputError: an image exists in one version only or in two sizes, there are fewer images than
            a batch, or the adaption has no crops to act on.
    """
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
    _warn_of_enlargement(recipe.crops, original)
    return ids


def _warn_of_enlargement(crops: Crops, images: ImageSet) -> None:
    """Warn if images are smaller than a global crop (CelebA's are): enlarging gains nothing."""
    small = sum(min(size) < crops.global_size for size in images.sizes.values())
    if small:
        logger.warning(
            "%d of %d images are smaller than a global crop of %d pixels (recipe.crops."
            "global_size): their crops are enlarged",
            small,
            len(images),
            crops.global_size,
        )


def check_aligned(original: ImageSet, anonymized: ImageSet) -> None:
    """Check that two image sets hold the same images in the same sizes.

    Raises:
        InputError: an image exists in one version only or in two sizes.
    """
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
    """Yield the sources of an adaption's crops.

    Scratch files are removed after the block.
    """
    with scratch_folder() as folder:

        def prepared(images: ImageSet, name: str) -> ImageSource:
            if not recipe.scratch:
                return images
            return Scratch(images, folder / name, sufficient_side(recipe.crops))

        versions: dict[bool, ImageSource] = {}
        for hidden in sorted({adaption.global_anonymized, adaption.local_anonymized}):
            images = anonymized if hidden else original
            if images is None:
                raise ValueError(f"adaption {adaption} needs an anonymized image set")
            versions[hidden] = prepared(images, "anonymized" if hidden else "original")
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
        """Describe the stream.

        Args:
            ids: of the images to train on.
            sources: both hold these images, in the same sizes.
            recipe: the number of steps, the batch and how crops are made.
            patches: along a side of a global crop.
            seed: of order, crops, augmentations and masks.
            rank: the process that asks.
            world: how many processes share a batch; with `recipe.optimizer.accumulate` a divisor of
                its size.
            is_paired: the local crops are the global ones again, of the other version.
        """
        self._crops, self._is_paired = recipe.crops, is_paired
        if is_paired:
            same = {f"local_{name}": getattr(recipe.crops, f"global_{name}") for name in SHARED}
            self._crops = recipe.crops.model_copy(update=same)
        self._ids = list(ids)
        self._sources = sources
        self._recipe = recipe
        self._patches_a_side = patches
        self._seed = seed
        self._share = np.arange(recipe.optimizer.batch_size).reshape(world, -1)[rank]
        self._epoch_order: tuple[int, np.ndarray] = (-1, np.arange(0))

    def _order(self, epoch: int) -> np.ndarray:
        if self._epoch_order[0] != epoch:
            order = rng("order", self._seed, epoch).permutation(len(self._ids))
            self._epoch_order = (epoch, order)
        return self._epoch_order[1]

    def __len__(self) -> int:
        return self._recipe.optimizer.steps

    def __getitem__(self, step: int) -> list[Batch]:
        optimizer = self._recipe.optimizer
        epoch, place = divmod(step, len(self._ids) // optimizer.batch_size)
        rows = self._order(epoch)[place * optimizer.batch_size :]
        masks = self._masks(step)
        return [
            self._part(epoch, [self._ids[row] for row in rows[part]], masks[:, part])
            for part in np.split(self._share, optimizer.accumulate)
        ]

    def _masks(self, step: int) -> np.ndarray:
        """Return the masks of a step's whole batch on all processes: bool [2, B, patches]."""
        losses, size = self._recipe.losses, self._recipe.optimizer.batch_size
        count = self._recipe.crops.global_count
        masks = batch_masks(
            count * size,
            self._patches_a_side,
            losses.mask_images,
            losses.mask_ratio,
            rng("masks", self._seed, step),
        )
        return masks.reshape(count, size, -1)

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
        global_draws, local_draws = np.split(draws, [crops.global_count])
        return Batch(
            ids=tuple(ids),
            global_crops=global_crops,
            local_crops=local_crops,
            global_augmentations=_augmentations(global_draws, crops, local=False),
            local_augmentations=_augmentations(local_draws, crops, local=not self._is_paired),
            masked=torch.from_numpy(masked.reshape(-1, masked.shape[-1])),
        )


def cut_crops(
    sources: Sources, ids: Sequence[str], draws: np.ndarray, crops: Crops
) -> tuple[Tensor, Tensor]:
    """Return global and local crops of B images, uint8 [n · B, S, S, 3], all first crops first.

    Each image is read once in each version that is needed, and at full size: a JPEG decoded at a
    smaller scale would differ from its anonymized version in more than the hidden regions.

    Args:
        sources: the images.
        ids: of the B images.
        draws: float [n, B, COLUMNS], global crops first.
        crops: sizes and areas.
    """
    sizes = np.array([sources.global_crops.size(image_id) for image_id in ids])
    global_draws, local_draws = np.split(draws, [crops.global_count])
    large, small = (
        np.empty((*part.shape[:2], side, side, 3), np.uint8)
        for part, side in ((global_draws, crops.global_size), (local_draws, crops.local_size))
    )
    kinds = [
        (source, crop_boxes(part, sizes, area), part[..., Draw.FLIP] < crops.flip, pixels)
        for source, part, area, pixels in (
            (sources.global_crops, global_draws, crops.global_area, large),
            (sources.local_crops, local_draws, crops.local_area, small),
        )
        if len(part)
    ]
    versions = {source for source, *_ in kinds}
    for row, image_id in enumerate(ids):
        images = {source: source.read(image_id) for source in versions}
        for source, boxes, flips, pixels in kinds:
            columns = boxes[:, row], flips[:, row], pixels[:, row]
            for box, flip, out in zip(*columns, strict=True):
                cut(images[source], box, bool(flip), out)
    return torch.from_numpy(large).flatten(0, 1), torch.from_numpy(small).flatten(0, 1)


def _augmentations(draws: np.ndarray, crops: Crops, local: bool) -> CropAugmentations:
    numbers = np.full(len(draws), 2) if local else np.arange(len(draws))
    kinds = np.repeat(numbers, draws.shape[1])
    return augmentations_of(draws.reshape(-1, draws.shape[-1]), kinds, crops)


class ImageSource(Protocol):
    """Source of the images from which crops are cut."""

    def size(self, image_id: str) -> tuple[int, int]:
        """Return width and height of an image, in pixels."""

    def read(self, image_id: str) -> np.ndarray:
        """Return an image, uint8 [H, W] or [H, W, 3] RGB."""


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
        """Return width and height of a shrunk image, in pixels."""
        height, width = self._where[image_id][1][:2]
        return width, height

    def read(self, image_id: str) -> np.ndarray:
        """Return a shrunk image, uint8 [H, W] or [H, W, 3] RGB, as a view of the file."""
        offset, shape = self._where[image_id]
        return self._pixels[offset : offset + int(np.prod(shape))].reshape(shape)
