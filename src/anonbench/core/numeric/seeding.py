"""Random generators seeded by purpose, not by time or worker; shards of images by id."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import pandas as pd


def hash_int(*parts: object) -> int:
    """A 64-bit integer that depends only on the text of `parts`, on every machine."""
    text = "\x1f".join(str(part) for part in parts)
    return int.from_bytes(hashlib.sha256(text.encode("utf-8")).digest()[:8], "little")


def hash_ints(parts: tuple[object, ...], items: Iterable[object]) -> np.ndarray:
    """`hash_int(*parts, item)` of every item, uint64 [N]; several times as fast."""
    start = hashlib.sha256("".join(f"{part}\x1f" for part in parts).encode("utf-8"))
    digests = []
    for item in items:
        hashed = start.copy()
        hashed.update(str(item).encode("utf-8"))
        digests.append(hashed.digest()[:8])
    return np.frombuffer(b"".join(digests), dtype="<u8").astype(np.uint64)


def rng(*parts: object) -> np.random.Generator:
    """Generator seeded by `parts`, for example a seed, a purpose and an image id."""
    return np.random.Generator(np.random.PCG64(hash_int(*parts)))


def shard_count(images: int, shard_size: int) -> int:
    """Smallest power of two of shards of at most about `shard_size` images.

    A power of two, so that a growing data set is seldom sharded again.
    """
    return 1 << max(0, -(-images // shard_size) - 1).bit_length()


def shard_of(image_id: str, count: int) -> int:
    """Shard, in 0 … count - 1, of the image with this id."""
    return hash_int("shard", image_id) % count


def rows_of_shard(manifest: pd.DataFrame, split: str, shard: int, count: int) -> pd.DataFrame:
    """The manifest's rows that belong to one of a split's `count` shards."""
    rows = manifest[manifest["split"] == split]
    return rows[[shard_of(image_id, count) == shard for image_id in rows["id"]]]
