"""Raw pixels as embeddings: how much of a score needs no learning.

Images of one scanner or one studio resemble each other pixel by pixel. A trained model has to beat
that.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch

from anonbench.config.evaluation import Embedding
from anonbench.core.provenance import versions
from anonbench.datasets.image_sets.shards import ImageSet
from anonbench.embedding.batches import batches
from anonbench.embedding.store import Embeddings, write_embeddings
from anonbench.training.data.preprocess import Preprocess

SIDE = 32
"""Of the image whose pixels are compared: as few as people need to recognize a scene."""


@torch.inference_mode()
def pixels(images: ImageSet, resize: Literal["crop", "squash"], settings: Embedding) -> np.ndarray:
    """Return the pixels of small images, float32 [N, 3 · 32² + 1], in id order.

    Each image has zero mean and unit variance, so that cosine similarity is the correlation of two
    images (Torralba, Fergus and Freeman, "80 Million Tiny Images", TPAMI 2008, 30:1958-1970). A
    last component of 1 gives a direction to images of one colour, which have none: they are alike,
    and unlike all others.

    Args:
        images: N images.
        resize: as the recipe's, so that both see the same part of an image.
        settings: batch size and workers; neither has an effect on the result.

    """
    preprocess = Preprocess(SIDE, "per_crop", resize)
    values = np.ones((len(images.ids), 3 * SIDE * SIDE + 1), np.float32)
    done = 0
    for batch in batches(images, preprocess, settings):
        values[done : done + len(batch), :-1] = preprocess.normalized(batch).flatten(1).numpy()
        done += len(batch)
    return values


def embed_pixels(
    sets: Sequence[tuple[ImageSet, Path]],
    resize: Literal["crop", "squash"],
    settings: Embedding,
) -> None:
    """Embed image sets by `pixels` and write each as HDF5, as other embeddings are."""
    made_by: dict[str, Any] = {
        "model": f"raw pixels, {SIDE} x {SIDE}, {resize}",
        "versions": versions("torch", "numpy"),
    }
    for images, output in sets:
        values = pixels(images, resize, settings)
        write_embeddings(
            output, Embeddings(images.ids, values, made_by | {"images": images.digest})
        )
