"""Image sets of drawn images, and manifests of image files."""

from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np
import pandas as pd

from anonbench.core.provenance import file_digest
from anonbench.datasets.image_sets.shards import ImageSet, ShardWriter
from anonbench.datasets.images import encode, read_image


def write_set(path: Path, images: Mapping[str, np.ndarray]) -> ImageSet:
    """Write one shard and open it."""
    with ShardWriter.open(path) as shard:
        for image_id, image in sorted(images.items()):
            shard.add(image_id, encode(image), "png", image.shape[1], image.shape[0])
    return ImageSet.open([path])


def listed(root: Path, paths: Iterable[str]) -> pd.DataFrame:
    """Return the manifest of images in a folder; their ids are their paths without suffix."""
    rows = []
    for path in paths:
        height, width = read_image(root / path).shape[:2]
        size, digest = (root / path).stat().st_size, file_digest(root / path)
        rows.append((path.rpartition(".")[0], path, width, height, size, digest))
    return pd.DataFrame(rows, columns=["id", "path", "width", "height", "bytes", "digest"])
