"""Assignment of images to shards, by id."""

from __future__ import annotations

import pandas as pd

from anonbench.core.numeric.seeding import hash_int


def shard_count(images: int, shard_size: int) -> int:
    """Return the smallest power of two of shards that holds `images` at about `shard_size` each.

    A power of two, so that a growing data set is seldom sharded again.
    """
    count = 1
    while count * shard_size < images:
        count *= 2
    return count


def shard_of(image_id: str, count: int) -> int:
    """Return the shard, in 0 … count - 1, of the image with this id."""
    return hash_int("shard", image_id) % count


def rows_of_shard(manifest: pd.DataFrame, split: str, shard: int, count: int) -> pd.DataFrame:
    """Return the manifest's rows that belong to one of a split's `count` shards."""
    rows = manifest[manifest["split"] == split]
    return rows[[shard_of(image_id, count) == shard for image_id in rows["id"]]]
