"""Perceptual hashes, and images no two of which are near-duplicates."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from anonbench.core.errors import InputError
from anonbench.datasets import near_duplicates as near
from anonbench.datasets.image_sets.shards import ImageSet, ShardWriter
from anonbench.datasets.images import encode


def page(seed: int) -> np.ndarray:
    """Dark lines on paper, uint8 [300, 200]."""
    image, draw = np.full((300, 200), 240, np.uint8), np.random.default_rng(seed)
    for top in range(20, 280, 20):
        image[top : top + 8, 10 : draw.integers(20, 190)] = draw.integers(0, 120)
    return image


def test_it_is_the_hash_of_the_package_imagehash() -> None:
    drawn = np.add.outer(np.arange(90) ** 2 // 7, 5 * np.arange(120)) % 256
    # of imagehash 4.3: str(imagehash.phash(Image.fromarray(drawn)))
    assert f"{near.perceptual_hash(drawn.astype(np.uint8)):016x}" == "d252060707adfdf8"
    flat = (np.full((9, 7), grey, np.uint8) for grey in (1, 90, 255))
    assert len(set(map(near.perceptual_hash, flat))) == 1  # of one colour


def test_small_changes_are_near_and_other_pages_far() -> None:
    pages = [page(seed) for seed in range(12)]
    whole = np.array([near.perceptual_hash(each) for each in pages], np.uint64)
    for change in (
        lambda image: cv2.imdecode(
            cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, 40])[1], 0
        ),
        lambda image: np.repeat(image[:, :, None] // 2 + 40, 3, axis=2),
        lambda image: cv2.resize(image, (120, 180), interpolation=cv2.INTER_AREA),
    ):
        changed = np.array([near.perceptual_hash(change(each)) for each in pages], np.uint64)
        apart = near.distances(whole, changed)
        assert np.diag(apart).max() <= 6
        assert apart[~np.eye(12, dtype=bool)].min() > 6


@given(st.integers(0, 1000), st.integers(0, 12), st.integers(0, 60))
def test_distinct_images_are_taken_in_turn(seed: int, distance: int, count: int) -> None:
    draw = np.random.default_rng(seed)
    # few bits vary, so that many are near
    hashes = draw.integers(0, 1 << 16, count).astype(np.uint64)
    order = draw.permutation(count)
    expected: list[int] = []
    for each in order.tolist():
        if all((int(hashes[each]) ^ int(hashes[i])).bit_count() > distance for i in expected):
            expected.append(each)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(near, "BLOCK", 7)
        assert near.distinct(hashes, order, distance).tolist() == sorted(expected)


def test_the_order_does_not_follow_the_names() -> None:
    ids = [f"class{number // 100}/{number:03d}" for number in range(300)]
    classes = near.random_order(ids) // 100
    assert sorted(np.bincount(classes[:150], minlength=3))[0] > 30
    again = near.random_order(ids[::-1])
    assert [ids[::-1][place] for place in again] == [ids[place] for place in near.random_order(ids)]


def test_hashes_of_all_shards_by_id(tmp_path: Path) -> None:
    files = []
    for shard in range(2):
        with ShardWriter(tmp_path / f"{shard}.tar") as writer:
            for number in range(3 * shard, 3 * shard + 3):
                writer.add(f"{number}", encode(page(number)), "png", 200, 300)
        files.append(tmp_path / f"{shard}.hashes.parquet")
        near.write_hashes(ImageSet.open([tmp_path / f"{shard}.tar"]), files[-1])
    ids = ["5", "0", "3"]
    assert near.read_hashes(files, ids).tolist() == [
        near.perceptual_hash(page(int(each))) for each in ids
    ]
    assert pd.read_parquet(files[0]).dtypes["hash"] == np.uint64
    with pytest.raises(InputError, match="1 images have no perceptual hash, such as '7'"):
        near.read_hashes(files, ["0", "7"])
