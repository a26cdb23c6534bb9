"""Training batches from aligned pairs: original and anonymized version of the same image."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from anonbench.config.training import Crops, Recipe
from anonbench.errors import InputError
from anonbench.imageset import ImageSet
from anonbench.seeding import rng
from anonbench.training.crops import Draw, crop_boxes, crop_draws, cut
from anonbench.training.looks import Looks, apply_looks, looks_of, normalize_images
from anonbench.training.masking import Masks, batch_masks
from anonbench.training.scratch import ImageSource, Scratch, sufficient_side
from anonbench.vocabulary import Adaption


@dataclass(frozen=True)
class Sources:
    """Where the crops of an adaption come from."""

    global_crops: ImageSource
    local_crops: ImageSource


@dataclass(frozen=True)
class Batch:
    """What one training step sees, before it is moved to the device; crop-major."""

    ids: tuple[str, ...]
    global_crops: Tensor
    """uint8 [2 B, S, S, 3]."""
    local_crops: Tensor
    """uint8 [L B, s, s, 3]."""
    global_looks: Looks
    local_looks: Looks
    masked: Tensor
    """bool [2 B, patches]."""
    masked_indices: Tensor
    """int64 [M] into the flattened `masked`."""
    masked_weights: Tensor
    """float32 [M]: one over the number of masked patches of the patch's crop."""


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
        _check_aligned(original, anonymized)
    if len(ids) < recipe.optimizer.batch_size:
        raise InputError(
            f"{len(ids)} training images are fewer than a batch "
            f"(recipe.optimizer.batch_size: {recipe.optimizer.batch_size}); lower it or add images"
        )
    if adaption is Adaption.A and recipe.crops.local_count == 0:
        raise InputError(
            "recipe.crops.local_count is 0, but adaption A anonymizes local crops alone"
        )
    return ids


def _check_aligned(original: ImageSet, anonymized: ImageSet) -> None:
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
    """Give the sources of an adaption's crops; scratch files live as long as the block."""
    with TemporaryDirectory(prefix="anonbench-") as folder:

        def prepared(images: ImageSet, name: str) -> ImageSource:
            if not recipe.scratch:
                return images
            return Scratch(images, Path(folder) / name, sufficient_side(recipe.crops))

        versions: dict[bool, ImageSource] = {}
        for hidden in sorted({adaption.global_anonymized, adaption.local_anonymized}):
            images = anonymized if hidden else original
            if images is None:
                raise ValueError(f"adaption {adaption} needs an anonymized image set")
            versions[hidden] = prepared(images, "anonymized" if hidden else "original")
        yield Sources(versions[adaption.global_anonymized], versions[adaption.local_anonymized])


class BatchStream(Dataset[Batch]):
    """The batches of a run by step: a function of seed, step and image ids alone.

    An epoch is one pass over the images in an order of its own; an incomplete last batch is left
    out. Item `step` may be asked for in any order and by any process.
    """

    def __init__(
        self, ids: Sequence[str], sources: Sources, recipe: Recipe, patches: int, seed: int
    ) -> None:
        self._ids = list(ids)
        self._sources = sources
        self._recipe = recipe
        self._patches_a_side = patches
        self._seed = seed
        self._epoch_order: tuple[int, np.ndarray] = (-1, np.arange(0))

    def _order(self, epoch: int) -> np.ndarray:
        if self._epoch_order[0] != epoch:
            order = rng("order", self._seed, epoch).permutation(len(self._ids))
            self._epoch_order = (epoch, order)
        return self._epoch_order[1]

    def __len__(self) -> int:
        return self._recipe.optimizer.steps

    def __getitem__(self, step: int) -> Batch:
        size = self._recipe.optimizer.batch_size
        epoch, place = divmod(step, len(self._ids) // size)
        rows = self._order(epoch)[place * size : (place + 1) * size]
        ids = tuple(self._ids[row] for row in rows)
        crops = self._recipe.crops
        draws = np.stack(
            [
                crop_draws(self._seed, epoch, image_id, crops.global_count + crops.local_count)
                for image_id in ids
            ],
            axis=1,
        )
        global_draws, local_draws = np.split(draws, [crops.global_count])
        if crops.shared_geometry:
            global_draws[1, :, : Draw.JITTER] = global_draws[0, :, : Draw.JITTER]
        masks = self._masks(step, crops.global_count * size)
        return Batch(
            ids=ids,
            global_crops=cut_crops(
                self._sources.global_crops, ids, global_draws, crops, local=False
            ),
            local_crops=cut_crops(self._sources.local_crops, ids, local_draws, crops, local=True),
            global_looks=_looks(global_draws, crops, local=False),
            local_looks=_looks(local_draws, crops, local=True),
            masked=torch.from_numpy(masks.where),
            masked_indices=torch.from_numpy(masks.indices),
            masked_weights=torch.from_numpy(masks.weights),
        )

    def _masks(self, step: int, crops: int) -> Masks:
        losses = self._recipe.losses
        return batch_masks(
            crops,
            self._patches_a_side,
            losses.mask_images,
            losses.mask_ratio,
            rng("masks", self._seed, step),
        )


def cut_crops(
    source: ImageSource, ids: Sequence[str], draws: np.ndarray, crops: Crops, local: bool
) -> Tensor:
    """Return crops of a batch, uint8 [crops · B, S, S, 3], all first crops first.

    Args:
        source: the images.
        ids: of the B images.
        draws: float [crops, B, COLUMNS].
        crops: sizes and areas.
        local: which of them.

    """
    side = crops.local_size if local else crops.global_size
    out = np.empty((*draws.shape[:2], side, side, 3), dtype=np.uint8)
    if len(draws):
        images = [source.read(image_id) for image_id in ids]
        sizes = np.array([image.shape[1::-1] for image in images])
        boxes = crop_boxes(draws, sizes, crops.local_area if local else crops.global_area)
        flips = draws[..., Draw.FLIP] < crops.flip
        for number in range(len(draws)):
            for row, image in enumerate(images):
                cut(image, boxes[number, row], bool(flips[number, row]), out[number, row])
    return torch.from_numpy(out).flatten(0, 1)


def _looks(draws: np.ndarray, crops: Crops, local: bool) -> Looks:
    numbers = np.full(len(draws), 2) if local else np.arange(len(draws))
    kinds = np.repeat(numbers, draws.shape[1])
    return looks_of(draws.reshape(-1, draws.shape[-1]), kinds, crops)


def finish(crops: Tensor, looks: Looks, settings: Crops, device: torch.device) -> Tensor:
    """Return crops as the network takes them: with their looks, normalized, on the device.

    Args:
        crops: uint8 [N, S, S, 3].
        looks: of the N crops.
        settings: how to normalize.
        device: where the work is done.

    Returns:
        float32 [N, 3, S, S].

    """
    images = crops.to(device, non_blocking=True).permute(0, 3, 1, 2).float().div_(255.0)
    return normalize_images(apply_looks(images.contiguous(), looks), settings.normalize)
