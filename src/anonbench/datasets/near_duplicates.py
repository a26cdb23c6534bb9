"""Near-duplicates among images, by a perceptual hash (pHash).

Zauner 2010, "Implementation and benchmarking of perceptual image hash functions", as computed by
the package imagehash: one bit for each of the 8 × 8 lowest frequencies of a small grey image. The
number of bits that differ between two images (0 to 64) is their distance.
"""

from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image

from anonbench.core.errors import InputError
from anonbench.core.io import write_parquet
from anonbench.core.numeric.seeding import hash_ints
from anonbench.core.numeric.similarity import blocks
from anonbench.core.progress import track
from anonbench.datasets.image_sets.shards import ImageSet

_SIDE, _KEPT = 32, 8
BLOCK = 256  # images that are compared with all others at once


def perceptual_hash(image: np.ndarray) -> int:
    """64 bits of an image, uint8 [H, W] or [H, W, 3] RGB; equal for all images of one colour."""
    from scipy.fft import dctn  # imported here: most jobs start without it

    size, resampling = (_SIDE, _SIDE), Image.Resampling.LANCZOS
    grey = np.asarray(Image.fromarray(image).convert("L").resize(size, resampling), np.float64)
    # rounded: frequencies that an image lacks are zero only up to rounding
    low = dctn(grey)[:_KEPT, :_KEPT].round(6)
    return int.from_bytes(np.packbits(low > np.median(low)).tobytes(), "big")


def write_hashes(images: ImageSet, output: Path) -> None:
    """Write the hash of each image (Parquet: id, hash as uint64), one image in memory at a time."""
    ids = images.ids
    hashes = [perceptual_hash(images.read(each)) for each in track(ids, len(ids), "images hashed")]
    write_parquet(pd.DataFrame({"id": ids, "hash": np.array(hashes, np.uint64)}), output)


def read_hashes(files: Iterable[Path], ids: list[str]) -> np.ndarray:
    """Hashes of images from all shards' files, uint64 [N]; InputError without one."""
    table = pd.concat(map(pd.read_parquet, files)).set_index("id")["hash"]
    if missing := set(ids) - set(table.index):
        raise InputError(
            f"{len(missing)} images have no perceptual hash, such as {min(missing)!r}; run the "
            "workflow again, which hashes and embeds the same images"
        )
    return table.loc[ids].to_numpy(np.uint64)


def distances(some: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Number of bits that differ between hashes [M] and [N], uint8 [M, N]."""
    return np.asarray(np.bitwise_count(some[:, None] ^ others))


def random_order(ids: list[str]) -> np.ndarray:
    """Positions in an order that is unrelated to names and classes, int64 [N]."""
    return np.asarray(np.lexsort((np.asarray(ids), hash_ints(("near-duplicates",), ids))))


def distinct(hashes: np.ndarray, order: np.ndarray, distance: int) -> np.ndarray:
    """Positions of images no two of which are near-duplicates, ascending, int64.

    Of near-duplicates (hashes, uint64 [N]) the first in the order (positions [N]) is taken.
    """
    kept = np.empty(0, np.int64)
    for part in blocks(len(order), BLOCK):
        some = order[part]
        new = some[~(distances(hashes[some], hashes[kept]) <= distance).any(axis=1)]
        near = distances(hashes[new], hashes[new]) <= distance
        is_kept = np.zeros(len(new), dtype=bool)
        for row, others in enumerate(near):
            is_kept[row] = not is_kept[others].any()
        kept = np.concatenate([kept, new[is_kept]])
    return np.sort(kept)
