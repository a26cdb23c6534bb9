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
    """Height and width of the input in pixels."""
    resize: Literal["crop", "squash", "pad"] = "crop"
    """`crop`: the shorter side becomes size / crop, then the centre is taken; `squash`: the whole
    image in the input's shape; `pad`: the whole image, with borders of `mean`."""
    crop: Share | Literal[1] = 0.875
    """Share of the resized image that the centre crop takes."""
    interpolation: Literal["nearest", "bilinear", "bicubic", "lanczos"] = "bicubic"
    """As Pillow computes it, which looks at all pixels where it shrinks."""
    value_range: Literal[1, 255] = 1
    """Pixels are within [0, 1] or [0, 255] before `mean` and `std` apply."""
    mean: Channels = IMAGENET_MEAN
    """Of the channels, subtracted; in the order of `channels`."""
    std: Deviations = IMAGENET_STD
    """Of the channels, divided by."""
    channels: Literal["rgb", "bgr"] = "rgb"
    layout: Literal["nchw", "nhwc"] = "nchw"
    """Order of the input's dimensions: channels before rows and columns, or last."""
