"""Image sets of drawn images."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from anonbench.datasets.image_sets.shards import ImageSet, ShardWriter
from anonbench.datasets.images import encode


def write_set(path: Path, images: Mapping[str, np.ndarray]) -> ImageSet:
    """Write one shard and open it."""
    with ShardWriter.open(path) as shard:
        for image_id, image in sorted(images.items()):
            shard.add(image_id, encode(image), "png", image.shape[1], image.shape[0])
    return ImageSet.open([path])
