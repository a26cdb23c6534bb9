"""Crops of images and their augmentation: jitter, grey, blur, solarization, normalization.

All randomness of an image in an epoch is one table that depends only on seed, epoch and image id,
so that it is the same for every adaption and any number of processes. Boxes and augmentations are
computed from such tables for a whole batch at once.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import IntEnum
from itertools import permutations
from math import log
from typing import TYPE_CHECKING, Literal, NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import layer_norm, pad

from anonbench.core.libraries.opencv import cv2
from anonbench.core.numeric.seeding import rng

if TYPE_CHECKING:
    from anonbench.config.training import Crops

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_DEVIATION = (0.229, 0.224, 0.225)
SMALLEST_DEVIATION = 1e-2  # of pixels in 0 … 1: a crop of one colour is not amplified to noise
LUMA = (0.2989, 0.587, 0.114)
BLUR_SIGMA = (0.1, 2.0)  # range of the blur's sigma in pixels, from DINO
BLUR_RADIUS = 4
SMALLEST_CHROMA = 1e-8  # chroma below which a colour is grey: it has no hue
NEUTRAL = np.array([1.0, 1.0, 1.0, 0.0])  # brightness, contrast, saturation, hue: no change
ORDERS = np.array(list(permutations(range(4))))
ASPECTS = (3 / 4, 4 / 3)
ATTEMPTS = 10  # number of shapes tried until a crop's box fits into the image


class Draw(IntEnum):
    """Columns of a crop's uniform numbers."""

    AREA = 0
    ASPECT = AREA + ATTEMPTS
    LEFT = ASPECT + ATTEMPTS
    TOP = LEFT + 1
    FLIP = TOP + 1
    JITTER = FLIP + 1
    STRENGTH = JITTER + 1
    ORDER = STRENGTH + 4
    GREY = ORDER + 1
    BLUR = GREY + 1
    SIGMA = BLUR + 1
    SOLARIZE = SIGMA + 1


COLUMNS = Draw.SOLARIZE + 1


def to_device(tensors: Sequence[Tensor], device: torch.device) -> list[Tensor]:
    """Return tensors of the CPU on a device, without waiting for pending work of a GPU."""
    if device.type == "cuda":  # a copy from other memory would make the CPU wait
        tensors = [each.pin_memory() for each in tensors]
    return [each.to(device, non_blocking=True) for each in tensors]


def crop_draws(seed: int, epoch: int, image_id: str, crops: int) -> np.ndarray:
    """Return float64 [crops, COLUMNS] in [0, 1): an image's draws in an epoch."""
    return np.asarray(rng("crops", seed, epoch, image_id).random((crops, COLUMNS)))


@dataclass(frozen=True)
class CropAugmentations:
    """Augmentations of N crops: which are applied, and how strongly."""

    jitter: np.ndarray  # bool [N]
    strengths: np.ndarray  # float32 [N, 4]: brightness, contrast and saturation; turn of the hue
    order: np.ndarray  # int [N, 4]: the order in which these four are applied
    grey: np.ndarray  # bool [N]
    sigma: np.ndarray  # float32 [N]: of the Gaussian blur in pixels, 0 for none
    solarize: np.ndarray  # bool [N]

    def part(self, rows: slice | np.ndarray) -> CropAugmentations:
        """Return those of some of the crops."""
        return CropAugmentations(*(each[rows] for each in vars(self).values()))


class Step(NamedTuple):
    """One augmentation of a batch of N crops."""

    change: Callable[..., Tensor]  # of images and, if there are some, strengths; not in place
    changed: np.ndarray  # bool [N]: mask of the crops that it changes
    strengths: np.ndarray | None  # float32 [N]


def augmentations_of(draws: np.ndarray, kinds: np.ndarray, settings: Crops) -> CropAugmentations:
    """Return the augmentations of crops, from draws [N, COLUMNS].

    `kinds`, int [N], are 0 and 1 for the global crops, 2 for local ones.
    """
    spread = np.array(settings.jitter)
    low = np.where(NEUTRAL > 0, np.maximum(NEUTRAL - spread, 0.0), -spread)
    high = NEUTRAL + spread
    strengths = low + (high - low) * draws[:, Draw.STRENGTH : Draw.ORDER]
    blurred = draws[:, Draw.BLUR] < np.array(settings.blur_probabilities)[kinds]
    sigma = BLUR_SIGMA[0] + (BLUR_SIGMA[1] - BLUR_SIGMA[0]) * draws[:, Draw.SIGMA]
    return CropAugmentations(
        jitter=draws[:, Draw.JITTER] < settings.jitter_probability,
        strengths=strengths.astype(np.float32),
        order=ORDERS[(draws[:, Draw.ORDER] * len(ORDERS)).astype(int)],
        grey=draws[:, Draw.GREY] < settings.grey,
        sigma=np.where(blurred, sigma, 0.0).astype(np.float32),
        solarize=(draws[:, Draw.SOLARIZE] < settings.solarize) & (kinds == 1),
    )


def steps_of(augmentations: CropAugmentations) -> list[Step]:
    """Steps applied to a batch, in DINOv2's order; steps that change no crop are left out."""
    adjustments = (brighten, contrast, saturate, turn_hue)
    steps = []
    for place in range(4):
        chosen = np.where(augmentations.jitter, augmentations.order[:, place], -1)
        for what, change in enumerate(adjustments):
            strengths = augmentations.strengths[:, what]
            if (strengths != NEUTRAL[what]).any():
                steps.append(Step(change, chosen == what, strengths))
    steps.append(Step(desaturate, augmentations.grey, None))
    steps.append(Step(blur, augmentations.sigma > 0, augmentations.sigma))
    steps.append(Step(solarize, augmentations.solarize, None))
    return [step for step in steps if step.changed.any()]


def apply_steps(images: Tensor, steps: Sequence[Step]) -> Tensor:
    """Return augmented crops, of float32 [N, 3, S, S] in 0 … 1, which may be changed in place."""
    for step in steps:
        values = [np.flatnonzero(step.changed)]
        if step.strengths is not None:
            values.append(step.strengths[step.changed])
        index, *strengths = to_device([torch.from_numpy(each) for each in values], images.device)
        if len(index) == len(images):
            images = step.change(images, *strengths)
        else:
            images[index] = step.change(images[index], *strengths)
    return images


def _each(values: Tensor) -> Tensor:
    return values.view(-1, 1, 1, 1)


def luma(images: Tensor) -> Tensor:
    """Return grey levels [N, 1, H, W] of RGB [N, 3, H, W] (ITU-R 601)."""
    grey: Tensor = LUMA[0] * images[:, :1]
    return grey.add_(images[:, 1:2], alpha=LUMA[1]).add_(images[:, 2:], alpha=LUMA[2])


def brighten(images: Tensor, factors: Tensor) -> Tensor:
    """Return images [N, 3, H, W] times factors [N], within 0 … 1."""
    return (images * _each(factors)).clamp_(0.0, 1.0)


def contrast(images: Tensor, factors: Tensor) -> Tensor:
    """Return images [N, 3, H, W] with distances from their mean grey level times factors [N]."""
    mean = luma(images).mean(dim=(1, 2, 3))
    return (images * _each(factors)).add_(_each(mean * (1.0 - factors))).clamp_(0.0, 1.0)


def saturate(images: Tensor, factors: Tensor) -> Tensor:
    """Return images [N, 3, H, W] with distances from their grey version times factors [N]."""
    return torch.lerp(luma(images), images, _each(factors)).clamp_(0.0, 1.0)


def turn_hue(images: Tensor, turns: Tensor) -> Tensor:
    """Return images [N, 3, H, W] with their hue (HSV) moved by turns [N] of the colour circle.

    On the circle of six sectors (red at 0, green at 2, blue at 4), a channel is full up to one
    sector away from its place and empty from two sectors on (Smith 1978). So the distance of a hue
    from red is (chroma - red + green + blue - lowest) / chroma, and green and blue decide its side.
    """
    red, green, blue = images.unbind(dim=1)
    lowest, chroma = images.amin(dim=1), images.amax(dim=1)
    chroma.sub_(lowest)
    hue = (chroma - red).add_(green).add_(blue).sub_(lowest)
    hue = hue.div_(chroma.clamp(min=SMALLEST_CHROMA)).copysign_(green - blue)
    hue = hue.add_(6.0 * turns.view(-1, 1, 1))
    hue.sub_((hue / 6.0).round_(), alpha=6.0)  # within -3 … 3
    turned = torch.empty_like(images)
    for channel, place in enumerate((0.0, 2.0, -2.0)):
        # 3 - distance, on a circle of six
        nearness = (hue - place).abs_().sub_(3.0).abs_()
        fullness = nearness.sub_(1.0).clamp_(0.0, 1.0)
        torch.addcmul(lowest, chroma, fullness, out=turned[:, channel])
    return turned


def desaturate(images: Tensor) -> Tensor:
    """Return images [N, 3, H, W] in grey."""
    return luma(images).repeat(1, 3, 1, 1)


def solarize(images: Tensor) -> Tensor:
    """Return images with the brighter half of their levels inverted."""
    return torch.minimum(images, 1.0 - images)


def blur(images: Tensor, sigmas: Tensor) -> Tensor:
    """Return images [N, 3, H, W] blurred by Gaussians of sigmas [N] in pixels."""
    reach = torch.arange(BLUR_RADIUS + 1, device=images.device)
    weights = torch.exp(-0.5 * (reach / sigmas.view(-1, 1)) ** 2)
    weights = weights / (2.0 * weights.sum(dim=1, keepdim=True) - 1.0)
    return _blur_along(_blur_along(images, weights, 3), weights, 2)


def _blur_along(images: Tensor, weights: Tensor, axis: Literal[2, 3]) -> Tensor:
    """Blur along an axis by symmetric weights [N, BLUR_RADIUS + 1], faster than a convolution."""
    size, reach = images.shape[axis], BLUR_RADIUS
    borders = [reach, reach, 0, 0] if axis == 3 else [0, 0, reach, reach]
    padded = pad(images, borders, mode="reflect")
    result = images * _each(weights[:, 0])
    sides = torch.empty_like(images)
    for shift in range(1, reach + 1):
        before, after = (padded.narrow(axis, reach + by, size) for by in (-shift, shift))
        result.addcmul_(torch.add(before, after, out=sides), _each(weights[:, shift]))
    return result


def normalize_images(images: Tensor, how: Literal["imagenet", "per_crop"]) -> Tensor:
    """Normalize images [N, 3, H, W] by ImageNet's values, or each to mean 0 and variance 1."""
    if how == "per_crop":
        # the same arithmetic as std_mean's, ten times as fast
        return layer_norm(images, images.shape[1:], eps=SMALLEST_DEVIATION**2)
    values = [torch.tensor(each).view(3, 1, 1) for each in (IMAGENET_MEAN, IMAGENET_DEVIATION)]
    mean, deviation = to_device(values, images.device)
    return (images - mean).div_(deviation)


def crop_boxes(draws: np.ndarray, sizes: np.ndarray, area: tuple[float, float]) -> np.ndarray:
    """Return the boxes of crops: a random share of the area at a random aspect (3:4 to 4:3).

    Inception's random resized crop (Szegedy et al. 2015), as torchvision does it: the first of ten
    attempts that fits, else the largest box in the middle whose aspect is in range.

    The result is int64 [..., 4]: x0, y0, x1, y1, half-open. `draws` are float [..., COLUMNS];
    `sizes`, width and height, int [..., 2], broadcast against them; `area` is the range of shares.
    """
    sizes = np.broadcast_to(sizes, (*draws.shape[:-1], 2))
    shares = area[0] + (area[1] - area[0]) * draws[..., Draw.AREA : Draw.AREA + ATTEMPTS]
    low, high = (log(aspect) for aspect in ASPECTS)
    aspects = np.exp(low + (high - low) * draws[..., Draw.ASPECT : Draw.ASPECT + ATTEMPTS])
    pixels = shares * sizes.prod(axis=-1, keepdims=True)
    boxes = np.rint(np.stack([np.sqrt(pixels * aspects), np.sqrt(pixels / aspects)], axis=-1))
    fits = ((boxes >= 1) & (boxes <= sizes[..., None, :])).all(axis=-1)
    found = fits.any(axis=-1, keepdims=True)
    first = fits.argmax(axis=-1)[..., None, None]
    drawn = np.take_along_axis(boxes, first, axis=-2)[..., 0, :]
    # the other side times the widest aspect (of a width: 4 / 3, of a height: 1 / (3 / 4))
    widest = np.maximum(np.rint(sizes[..., ::-1] * [ASPECTS[1], 1 / ASPECTS[0]]), 1)
    box = np.where(found, drawn, np.minimum(sizes, widest))
    random = np.floor(draws[..., Draw.LEFT : Draw.TOP + 1] * (sizes - box + 1))
    corner = np.where(found, random, (sizes - box) // 2)
    return np.asarray(np.concatenate([corner, corner + box], axis=-1), np.int64)


def cut(image: np.ndarray, box: np.ndarray, flip: bool, out: np.ndarray) -> None:
    """Write a crop, resized and perhaps mirrored, into `out`: uint8 [S, S, 3], contiguous.

    The image is uint8 [H, W] or [H, W, 3]; a grey one fills all three channels.
    """
    x0, y0, x1, y1 = box.tolist()
    side = len(out)
    shrinks = x1 - x0 >= side and y1 - y0 >= side
    method = cv2.INTER_AREA if shrinks else cv2.INTER_CUBIC
    crop = cv2.resize(image[y0:y1, x0:x1], (side, side), interpolation=method)
    if flip:
        crop = cv2.flip(crop, 1)
    if crop.ndim == 2:
        cv2.cvtColor(crop, cv2.COLOR_GRAY2RGB, dst=out)
    else:
        out[...] = crop
