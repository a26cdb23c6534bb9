"""How crops look: colour jitter, grey, blur, solarization and normalization, on whole batches."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import permutations
from typing import Literal

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import conv2d, layer_norm, pad

from anonbench.config.training import Crops
from anonbench.training.crops import Draw

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_DEVIATION = (0.229, 0.224, 0.225)
SMALLEST_DEVIATION = 1e-2
"""A crop of one colour is not blown up to noise (pixels are in 0 … 1)."""
LUMA = (0.2989, 0.587, 0.114)
BLUR_SIGMA = (0.1, 2.0)
"""Pixels; DINO's."""
BLUR_RADIUS = 4
NEUTRAL = np.array([1.0, 1.0, 1.0, 0.0])
"""Brightness, contrast, saturation and hue that change nothing."""
ORDERS = np.array(list(permutations(range(4))))


@dataclass(frozen=True)
class Looks:
    """What is done to each of N crops."""

    jitter: np.ndarray
    """bool [N]."""
    strengths: np.ndarray
    """float32 [N, 4]: factors of brightness, contrast and saturation; turn of the hue."""
    order: np.ndarray
    """int [N, 4]: the order in which these four are applied."""
    grey: np.ndarray
    """bool [N]."""
    sigma: np.ndarray
    """float32 [N]: of the Gaussian blur in pixels, 0 for none."""
    solarize: np.ndarray
    """bool [N]."""


def looks_of(draws: np.ndarray, kinds: np.ndarray, settings: Crops) -> Looks:
    """Return the looks of crops.

    Args:
        draws: float [N, COLUMNS].
        kinds: int [N]: 0 and 1 for the global crops, 2 for local ones.
        settings: probabilities and strengths.

    """
    spread = np.array(settings.jitter)
    low = np.where(NEUTRAL > 0, np.maximum(NEUTRAL - spread, 0.0), -spread)
    high = NEUTRAL + spread
    strengths = low + (high - low) * draws[:, Draw.STRENGTH : Draw.ORDER]
    blurred = draws[:, Draw.BLUR] < np.array(settings.blur_probabilities)[kinds]
    sigma = BLUR_SIGMA[0] + (BLUR_SIGMA[1] - BLUR_SIGMA[0]) * draws[:, Draw.SIGMA]
    return Looks(
        jitter=draws[:, Draw.JITTER] < settings.jitter_probability,
        strengths=strengths.astype(np.float32),
        order=ORDERS[(draws[:, Draw.ORDER] * len(ORDERS)).astype(int)],
        grey=draws[:, Draw.GREY] < settings.grey,
        sigma=np.where(blurred, sigma, 0.0).astype(np.float32),
        solarize=(draws[:, Draw.SOLARIZE] < settings.solarize) & (kinds == 1),
    )


def apply_looks(images: Tensor, looks: Looks) -> Tensor:
    """Return the crops with their looks, in DINOv2's order.

    Args:
        images: float [N, 3, S, S] in 0 … 1; changed in place.
        looks: of the N crops.

    """
    adjustments = (brighten, contrast, saturate, turn_hue)
    active = [what for what in range(4) if np.any(looks.strengths[:, what] != NEUTRAL[what])]
    for place in range(4):
        for what in active:
            rows = np.flatnonzero(looks.jitter & (looks.order[:, place] == what))
            _change(images, rows, adjustments[what], looks.strengths[rows, what])
    _change(images, np.flatnonzero(looks.grey), desaturate)
    blurred = np.flatnonzero(looks.sigma)
    _change(images, blurred, blur, looks.sigma[blurred])
    _change(images, np.flatnonzero(looks.solarize), solarize)
    return images


def _change(
    images: Tensor, rows: np.ndarray, change: Callable[..., Tensor], *strengths: np.ndarray
) -> None:
    if len(rows):
        where = torch.from_numpy(rows).to(images.device)
        given = [torch.from_numpy(values).to(images.device) for values in strengths]
        images[where] = change(images[where], *given)


def _each(values: Tensor) -> Tensor:
    return values.view(-1, 1, 1, 1)


def luma(images: Tensor) -> Tensor:
    """Return grey levels [N, 1, H, W] of RGB [N, 3, H, W] (ITU-R 601)."""
    grey: Tensor = LUMA[0] * images[:, :1] + LUMA[1] * images[:, 1:2] + LUMA[2] * images[:, 2:]
    return grey


def brighten(images: Tensor, factors: Tensor) -> Tensor:
    """Return images [N, 3, H, W] times factors [N], within 0 … 1."""
    return (images * _each(factors)).clamp_(0.0, 1.0)


def contrast(images: Tensor, factors: Tensor) -> Tensor:
    """Return images [N, 3, H, W] with distances from their mean grey level times factors [N]."""
    mean = luma(images).mean(dim=(1, 2, 3))
    return torch.lerp(_each(mean), images, _each(factors)).clamp_(0.0, 1.0)


def saturate(images: Tensor, factors: Tensor) -> Tensor:
    """Return images [N, 3, H, W] with distances from their grey version times factors [N]."""
    return torch.lerp(luma(images), images, _each(factors)).clamp_(0.0, 1.0)


def turn_hue(images: Tensor, turns: Tensor) -> Tensor:
    """Return images [N, 3, H, W] with their hue (HSV) moved by turns [N] of the colour circle."""
    value, chroma, hue = _hue_parts(images)
    sector = 6.0 * (hue + turns.view(-1, 1, 1)).remainder(1.0)
    # Smith 1978: channel = value - chroma · clamp(min(k, 4 - k), 0, 1), k = (n + sector) mod 6
    channels = []
    for n in (5.0, 3.0, 1.0):
        k = (n + sector).remainder(6.0)
        channels.append(value - chroma * torch.minimum(k, 4.0 - k).clamp_(0.0, 1.0))
    return torch.stack(channels, dim=1)


def _hue_parts(images: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return value, chroma and hue (in turns), [N, H, W] each."""
    red, green, blue = images.unbind(dim=1)
    value, brightest = images.max(dim=1)
    chroma = value - images.amin(dim=1)
    safe = torch.where(chroma > 0, chroma, torch.ones_like(chroma))
    by_channel = torch.stack([green - blue, blue - red, red - green], dim=1) / safe.unsqueeze(1)
    hue = by_channel.gather(1, brightest.unsqueeze(1)).squeeze(1) + 2.0 * brightest
    return value, chroma, (hue / 6.0).remainder(1.0)


def desaturate(images: Tensor) -> Tensor:
    """Return images [N, 3, H, W] in grey."""
    return luma(images).expand_as(images)


def solarize(images: Tensor) -> Tensor:
    """Return images with the brighter half of their levels inverted."""
    return torch.where(images >= 0.5, 1.0 - images, images)


def blur(images: Tensor, sigmas: Tensor) -> Tensor:
    """Return images [N, 3, H, W] blurred by Gaussians of sigmas [N] in pixels."""
    count, channels, height, width = images.shape
    reach = torch.arange(-BLUR_RADIUS, BLUR_RADIUS + 1, device=images.device)
    kernels = torch.exp(-0.5 * (reach / sigmas.view(-1, 1)) ** 2)
    kernels = kernels / kernels.sum(dim=1, keepdim=True)
    weights = kernels.repeat_interleave(channels, dim=0).unsqueeze(1)  # [3 N, 1, taps]
    padded = pad(images, [BLUR_RADIUS] * 4, mode="reflect")
    planes = padded.view(1, count * channels, *padded.shape[2:])
    planes = conv2d(planes, weights.unsqueeze(2), groups=count * channels)
    planes = conv2d(planes, weights.unsqueeze(3), groups=count * channels)
    return planes.view(count, channels, height, width)


def normalize_images(images: Tensor, how: Literal["imagenet", "per_crop"]) -> Tensor:
    """Return images [N, 3, H, W] in 0 … 1 as the network takes them.

    Args:
        images: float32.
        how: by ImageNet's mean and deviation, or each to zero mean and unit variance.

    """
    if how == "per_crop":
        # the same arithmetic as std_mean's, ten times as fast
        return layer_norm(images, images.shape[1:], eps=SMALLEST_DEVIATION**2)
    mean = torch.tensor(IMAGENET_MEAN, device=images.device).view(3, 1, 1)
    deviation = torch.tensor(IMAGENET_DEVIATION, device=images.device).view(3, 1, 1)
    return (images - mean) / deviation
