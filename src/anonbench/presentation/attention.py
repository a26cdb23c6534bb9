"""Attention maps beside the images as the network saw them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np

from anonbench.attention import Sight, read_maps
from anonbench.presentation.figures.attention import Panel
from anonbench.presentation.figures.examples import Images

SIDE = 256
"""Pixels of a picture at least: the part that the network saw, in more detail than it saw."""


def panels(maps: Mapping[str, Path], shown: Mapping[str, Images]) -> list[Panel]:
    """Return what the figure shows: image by image, each model on each variant.

    Args:
        maps: the NPZ of `anonbench.attention.attend`, by model.
        shown: by variant, the images that may be seen; the maps of others stand alone.

    """
    sights = {model: read_maps(path) for model, path in maps.items()}
    ids = dict.fromkeys(image_id for sight in sights.values() for _, image_id in sight.maps)
    return [
        Panel(
            image_id,
            model,
            variant,
            _seen(sight, shown[variant].read(image_id)) if variant in shown else None,
            heads,
        )
        for image_id in ids
        for model, sight in sights.items()
        for (variant, name), heads in sight.maps.items()
        if name == image_id
    ]


def _seen(sight: Sight, image: np.ndarray) -> np.ndarray:
    side = sight.preprocess.side
    return replace(sight.preprocess, side=side * max(1, -(-SIDE // side))).fit(image)
