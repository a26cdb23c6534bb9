"""Thumbnails for a page: each image once, all together within a size limit."""

from __future__ import annotations

import base64
import io
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
from PIL import Image

EDGES = (192, 144, 112, 80, 56)
"""Longer edges in pixels, tried in this order until all pictures fit."""
EXAMPLE_EDGE = 480
"""Longer edge of the example image on the report's first page."""
QUALITY = 60
"""WebP quality: 2 kB for a face, 5 kB for a page of text, at an edge of 192 pixels."""


def example(values: np.ndarray) -> dict[str, Any]:
    """An image for the first page: data URI, width and height.

    Args:
        values: uint8 [H, W] or [H, W, 3].
    """
    picture = _scaled(Image.fromarray(values).convert("RGB"), EXAMPLE_EDGE)
    buffer = io.BytesIO()
    picture.save(buffer, "WEBP", quality=QUALITY, method=4)
    source = f"data:image/webp;base64,{base64.b64encode(buffer.getvalue()).decode('ascii')}"
    return {"source": source, "width": picture.width, "height": picture.height}


class Thumbnails:
    """Pictures scaled to a given longer edge, encoded once and cached."""

    def __init__(self, read: Callable[[str], np.ndarray]) -> None:
        """Use a function that reads an image by its id: uint8 [H, W] or [H, W, 3]."""
        self._read = read
        self._pictures: dict[str, Image.Image] = {}
        self._coded: dict[tuple[str, int], bytes] = {}

    def coded(self, image_id: str, edge: int) -> bytes:
        """An image as WebP, its longer edge downscaled to `edge` pixels."""
        key = (image_id, edge)
        if key not in self._coded:
            buffer = io.BytesIO()
            small = _scaled(self._picture(image_id), edge)
            small.save(buffer, "WEBP", quality=QUALITY, method=4)
            self._coded[key] = buffer.getvalue()
        return self._coded[key]

    def size(self, image_ids: Iterable[str], edge: int) -> int:
        """Total bytes of the data URIs of these images at this edge."""
        return sum(len(self.coded(image_id, edge)) * 4 // 3 + 30 for image_id in image_ids)

    def source(self, image_id: str, edge: int) -> str:
        """An image as a data URI."""
        text = base64.b64encode(self.coded(image_id, edge)).decode("ascii")
        return f"data:image/webp;base64,{text}"

    def _picture(self, image_id: str) -> Image.Image:
        # the largest edge is cached, so that an image of many megapixels is decoded once
        if image_id not in self._pictures:
            whole = Image.fromarray(self._read(image_id)).convert("RGB")
            self._pictures[image_id] = _scaled(whole, EDGES[0])
        return self._pictures[image_id]


def _scaled(picture: Image.Image, edge: int) -> Image.Image:
    longer = max(picture.size)
    if longer <= edge:
        return picture
    width, height = (max(1, round(side * edge / longer)) for side in picture.size)
    return picture.resize((width, height), Image.Resampling.BOX)
