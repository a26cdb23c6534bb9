"""Attention maps beside the images as the network saw them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np

from anonbench.embedding.attention import AttentionMaps, read_maps
from anonbench.reporting.figures.attention import Panel
from anonbench.reporting.figures.examples import Images

SIDE = 256
"""Smallest side of a picture in pixels: the network's view, at a higher resolution."""


def panels(maps: Mapping[str, Path], shown: Mapping[str, Images]) -> list[Panel]:
    """Panels of the attention figure: image by image, each model on each variant.

    Args:
        maps: the NPZ of `anonbench.embedding.attention.attend`, by model.
        shown: image sets by variant; maps are drawn without an image if it is in none of the sets
            or may not be shown.
    """
    by_model = {model: read_maps(path) for model, path in maps.items()}
    ids = dict.fromkeys(
        image_id for attention in by_model.values() for _, image_id in attention.maps
    )
    return [
        Panel(
            image_id,
            model,
            variant,
            _seen(attention, shown[variant], image_id) if variant in shown else None,
            heads,
        )
        for image_id in ids
        for model, attention in by_model.items()
        for (variant, name), heads in attention.maps.items()
        if name == image_id
    ]


def _seen(attention: AttentionMaps, images: Images, image_id: str) -> np.ndarray | None:
    if image_id not in images:
        return None
    side = attention.preprocess.side
    larger = replace(attention.preprocess, side=side * max(1, -(-SIDE // side)))
    return larger.fit(images.read(image_id))
