"""Preparation of images for inference."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from anonbench.core.libraries.opencv import cv2
from anonbench.training.data.augment import normalize_images

MARGIN = 8 / 7
"""The shorter side of a centre crop's image, as a multiple of the crop (DINOv2: 256 for 224)."""


@dataclass(frozen=True)
class Preprocess:
    """How a whole image becomes the network's input."""

    side: int
    """Of the input, in pixels."""
    normalize: Literal["imagenet", "per_crop"]
    resize: Literal["crop", "squash"]

    def fit(self, image: np.ndarray) -> np.ndarray:
        """Return an image, uint8 [H, W] or [H, W, 3], as uint8 [side, side, 3]."""
        height, width = image.shape[:2]
        if self.resize == "squash":
            image = _resized(image, self.side, self.side)
        else:
            scale = round(self.side * MARGIN) / min(height, width)
            image = _resized(image, round(width * scale), round(height * scale))
            top, left = ((length - self.side) // 2 for length in image.shape[:2])
            image = image[top : top + self.side, left : left + self.side]
        return image if image.ndim == 3 else np.repeat(image[..., None], 3, axis=2)

    def normalized(self, images: Tensor) -> Tensor:
        """Return uint8 [N, S, S, 3] as float32 [N, 3, S, S], normalized as in training."""
        return normalize_images(
            images.permute(0, 3, 1, 2).float().div_(255.0).contiguous(), self.normalize
        )

    def __call__(self, image: np.ndarray) -> Tensor:
        """Return one image as a batch, float32 [1, 3, side, side]."""
        return self.normalized(torch.from_numpy(self.fit(image))[None])


def _resized(image: np.ndarray, width: int, height: int) -> np.ndarray:
    shrinks = width <= image.shape[1] and height <= image.shape[0]
    method = cv2.INTER_AREA if shrinks else cv2.INTER_CUBIC
    return cv2.resize(image, (width, height), interpolation=method)
