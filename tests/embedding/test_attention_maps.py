"""Boxes by the way of the image, and the share of attention inside of them."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from anonbench.core.boxes import Region
from anonbench.core.errors import InputError
from anonbench.core.numeric.clusters import clustered_mean
from anonbench.core.vocabulary import Entity
from anonbench.embedding.attention_maps import (
    ALL_HEADS,
    SHARE_COLUMNS,
    SUMMARY_COLUMNS,
    patch_means,
    share_inside,
    share_rows,
    shares_in_others,
    summarize_shares,
    visible_boxes,
)
from anonbench.training.data.preprocess import Preprocess


def region(*box: float, **more: Any) -> Region:
    return Region(Entity.FACE, *box, 1.0, **more)


def test_regions_and_marks_lie_where_they_are_seen() -> None:
    quad = (50.0, 0.0, 100.0, 50.0, 50.0, 100.0, 0.0, 50.0)
    squash = Preprocess(20, "imagenet", "squash")
    seen = visible_boxes([region(0, 0, 100, 100, quad=quad)], (100, 100), squash)
    assert 0.5 <= seen.mean() < 0.53  # half of the image, and the pixels that the edge touches
    assert seen[0, 0] == seen[-1, -1] == 0.0 and seen[10, 10] == 1.0
    twice = [region(0, 0, 100, 100, quad=quad)] * 2
    np.testing.assert_array_equal(visible_boxes(twice, (100, 100), squash), seen)
    for resize in ("crop", "squash"):
        preprocess = Preprocess(28, "imagenet", resize)
        image = np.zeros((90, 70), np.uint8)
        image[30:55, 20:44] = 255
        seen = visible_boxes([region(20, 30, 44, 55)], (70, 90), preprocess)
        np.testing.assert_allclose(seen, preprocess.fit(image)[..., 0] / 255, atol=0.01)
        for boxes in ([], [region(80, 92, 90, 99)]):  # none, or outside of the image
            assert visible_boxes(boxes, (70, 90), preprocess).max() == 0.0


@given(
    arrays(np.float32, (2, 3, 4), elements=st.floats(0.015625, 1, width=32)),
    arrays(np.float32, (6, 8), elements=st.floats(0, 1, width=32, allow_subnormal=False)),
)
def test_shares_are_shares(maps: np.ndarray, seen: np.ndarray) -> None:
    covered = patch_means(seen, (3, 4))
    expected = [
        sum(
            float(head[y, x]) * float(seen[2 * y : 2 * y + 2, 2 * x : 2 * x + 2].mean())
            for y in range(3)
            for x in range(4)
        )
        / float(head.astype(float).sum())
        for head in maps
    ]
    shares = share_inside(maps, covered)
    np.testing.assert_allclose(shares, expected, rtol=1e-5, atol=1e-7)
    even = share_inside(np.ones_like(maps), covered)
    np.testing.assert_allclose(even, seen.mean(dtype=float), rtol=1e-5, atol=1e-7)  # chance
    np.testing.assert_allclose(share_inside(maps, np.ones((3, 4))), 1.0)


def make_table(shares: np.ndarray, chance: np.ndarray, others: float, blank: float) -> pd.DataFrame:
    """Shares [N, heads] on originals, and 0.1 less of it on another version."""
    rows = [
        (f"{image:02d}", variant, head, share - shift, chance[image], others, blank)
        for variant, shift in (("original", 0.0), ("blur-50", 0.1))
        for image, of_image in enumerate(shares)
        for head, share in enumerate(of_image, start=1)
    ]
    return pd.DataFrame(rows, columns=SHARE_COLUMNS)


def people(images: int, photos: int = 1) -> pd.Series:
    names = [f"{image:02d}" for image in range(images)]
    return pd.Series(np.arange(images) // photos, names, name="identity")


def test_summary_is_the_mean_over_images_with_the_interval_over_persons() -> None:
    random = np.random.default_rng(0)
    shares, chance = random.uniform(0.3, 0.6, (24, 2)), random.uniform(0.1, 0.3, 24)
    table, clusters = make_table(shares, chance, 0.2, 0.25), people(24, photos=2)
    summary = summarize_shares({"unadapted": table}, clusters, 0.95)
    assert list(summary.columns) == SUMMARY_COLUMNS
    assert list(summary["variant"].unique()) == ["original", "blur-50"]
    found = summary.set_index(["variant", "head"])
    for variant, head, values in (
        ("original", "1", shares[:, 0]),
        ("original", "2", shares[:, 1]),
        ("original", ALL_HEADS, shares.mean(axis=1)),
        ("blur-50", "2", shares[:, 1] - 0.1),
    ):
        row = found.loc[(variant, head)]
        nulls = {"chance": chance, "others": np.full(24, 0.2), "untrained": np.full(24, 0.25)}
        mean = clustered_mean(values, clusters.to_numpy(), 0.95)
        ends = row[["share", "low", "high"]].tolist()
        assert ends == pytest.approx([values.mean(), mean.low, mean.high])
        assert (row["n"], row["clusters"], row["reason"]) == (24, 12, "")
        for null, expected in nulls.items():
            above = clustered_mean(values - expected, clusters.to_numpy(), 0.95)
            columns = [null, f"{null}_above", f"{null}_low", f"{null}_high"]
            wanted = [expected.mean(), above.value, above.low, above.high]
            assert row[columns].tolist() == pytest.approx(wanted)


def test_few_persons_give_no_interval_and_a_reason() -> None:
    table = make_table(np.full((24, 2), 0.4), np.full(24, 0.2), 0.2, 0.2)
    summary = summarize_shares({"unadapted": table}, people(24, photos=6), 0.95)
    assert summary[["low", "high", "others_low", "untrained_high"]].isna().all(axis=None)
    assert summary["others_above"].notna().all() and summary["clusters"].eq(4).all()
    assert summary["reason"].str.startswith("4 ").all()
    empty = summarize_shares({"unadapted": table.iloc[:0]}, people(24), 0.95)
    assert empty.empty and list(empty.columns) == SUMMARY_COLUMNS
    with pytest.raises(InputError):
        summarize_shares({"unadapted": table}, people(23), 0.95)


def test_others_boxes_are_all_pairs_and_chance_their_cover() -> None:
    random = np.random.default_rng(3)
    maps, covered = random.uniform(0.1, 1, (5, 2, 3, 4)), random.uniform(0, 1, (5, 3, 4))
    pairs = np.array([[share_inside(own, boxes) for boxes in covered] for own in maps])
    different = [(i, j) for i in range(5) for j in range(5) if i != j]
    expected = np.mean([pairs[pair] for pair in different], axis=0)
    found = shares_in_others(maps, covered)
    np.testing.assert_allclose(found.mean(axis=0), expected)
    first = [pairs[pair] for pair in different if pair[0] == 0]
    second = [pairs[pair] for pair in different if pair[1] == 0]
    both = np.mean(first, axis=0) + np.mean(second, axis=0)
    np.testing.assert_allclose(found[0], both - expected)
    two = (pairs[0, 1] + pairs[1, 0]) / 2
    np.testing.assert_allclose(shares_in_others(maps[:2], covered[:2]), [two, two])
    assert np.isnan(shares_in_others(maps[:1], covered[:1])).all()
    random = np.random.default_rng(4)
    maps, covered = random.uniform(0.1, 1, (3, 2, 3, 4)), random.uniform(0, 1, (3, 3, 4))
    rows = share_rows("original", ["a", "b", "c"], maps, maps, covered)
    expected = np.repeat(covered.mean(axis=(1, 2)), 2)
    np.testing.assert_allclose(rows["chance"].to_numpy(float), expected)
    assert len(set(expected)) == 3
    others = shares_in_others(maps, covered).ravel()
    np.testing.assert_allclose(rows["others"].to_numpy(float), others)
