"""Settings of a model's input: what becomes of an image before a network sees it."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from anonbench.core.settings import Count, Positive, Settings, Share

Channels = tuple[float, float, float]
Deviations = tuple[Positive, Positive, Positive]
IMAGENET_MEAN, IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


class ImageInput(Settings):
    """How an image becomes the input of a network."""

    size: Annotated[tuple[Count, Count], Field(min_length=2)] = (224, 224)
    """Height and width of the input, in pixels."""
    resize: Literal["crop", "squash", "pad"] = "crop"
    """`crop`: shorter side to size / `crop`, then the centre; `squash`: the whole image; `pad`: the
    same with borders of `mean`."""
    crop: Share | Literal[1] = 0.875
    """Share of the resized image that the centre crop takes."""
    interpolation: Literal["nearest", "bilinear", "bicubic", "lanczos"] = "bicubic"
    """Pillow's filter for resizing, which averages over all pixels when it shrinks."""
    value_range: Literal[1, 255] = 1
    """Largest pixel value, 1 or 255, before `mean` and `std` apply."""
    mean: Channels = IMAGENET_MEAN
    """Mean of each channel, which is subtracted, in the order of `channels`."""
    std: Deviations = IMAGENET_STD
    """Standard deviation of each channel, which values are divided by."""
    channels: Literal["rgb", "bgr"] = "rgb"
    """Order of the colour channels."""
    layout: Literal["nchw", "nhwc"] = "nchw"
    """Order of the input's dimensions: channels first (`nchw`) or last (`nhwc`)."""
