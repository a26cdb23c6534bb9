"""Preparation of images for inference."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from anonbench.core.libraries.opencv import cv2

if TYPE_CHECKING:  # figures fit images and start without PyTorch
    from torch import Tensor

MARGIN = 8 / 7
"""The shorter side of a centre crop's image, as a multiple of the crop (DINOv2: 256 for 224)."""


@dataclass(frozen=True)
class Preprocess:
    """Conversion of a whole image to the network's input."""

    side: int  # of the input, in pixels
    normalize: Literal["imagenet", "per_crop"]
    resize: Literal["crop", "squash"]

    def fit(self, image: np.ndarray) -> np.ndarray:
        """Return an image, uint8 [H, W] or [H, W, 3], as uint8 [side, side, 3]."""
        if self.resize == "squash":
            image = _resized(image, self.side, self.side)
        else:
            height, width, top, left = self._scaled(image.shape)
            image = _resized(image, width, height)[top : top + self.side, left : left + self.side]
        return image if image.ndim == 3 else np.repeat(image[..., None], 3, axis=2)

    def placed(self, fitted: np.ndarray, shape: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray]:
        """Return an image that `fit` would show as `fitted`, and the mask of pixels that it shows.

        Of uint8 [side, side, 3] and a shape [H, W] or [H, W, 3]: uint8 [H, W, 3] and bool [H, W].
        Pixels outside of the mask are made up.
        """
        seen = np.ones(shape[:2], bool)
        if self.resize == "crop":
            height, width, top, left = self._scaled(shape)
            below, right = height - self.side - top, width - self.side - left
            fitted = np.pad(fitted, ((top, below), (left, right), (0, 0)), mode="edge")
            for axis, (start, length) in enumerate(((top, height), (left, width))):
                centres = (np.arange(shape[axis]) + 0.5) * length / shape[axis]
                inside = (centres > start) & (centres < start + self.side)
                seen &= inside[:, None] if axis == 0 else inside
        return _resized(fitted, shape[1], shape[0]), seen

    def _scaled(self, shape: tuple[int, ...]) -> tuple[int, int, int, int]:
        """Return an image's height and width before it is cropped, and the crop's top and left."""
        scale = round(self.side * MARGIN) / min(shape[:2])
        height, width = (round(length * scale) for length in shape[:2])
        return height, width, (height - self.side) // 2, (width - self.side) // 2

    def normalized(self, images: Tensor) -> Tensor:
        """Return uint8 [N, S, S, 3] as float32 [N, 3, S, S], normalized as in training."""
        from anonbench.training.data.augment import normalize_images

        return normalize_images(
            images.permute(0, 3, 1, 2).float().div_(255.0).contiguous(), self.normalize
        )

    def __call__(self, image: np.ndarray) -> Tensor:
        """Return one image as a batch, float32 [1, 3, side, side]."""
        import torch

        return self.normalized(torch.from_numpy(self.fit(image))[None])


def _resized(image: np.ndarray, width: int, height: int) -> np.ndarray:
    shrinks = width <= image.shape[1] and height <= image.shape[0]
    method = cv2.INTER_AREA if shrinks else cv2.INTER_CUBIC
    return cv2.resize(image, (width, height), interpolation=method)
