"""Boxes by the way of the image, and the share of attention inside of them."""

from __future__ import annotations

import sys
from subprocess import run
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from anonbench.core.boxes import Region
from anonbench.core.vocabulary import Entity
from anonbench.embedding.attention_shares import (
    ALL_HEADS,
    SHARE_COLUMNS,
    SUMMARY_COLUMNS,
    patch_means,
    share_inside,
    summarize_shares,
    visible_boxes,
)
from anonbench.training.data.preprocess import Preprocess


def region(*box: float, **more: Any) -> Region:
    return Region(Entity.FACE, *box, 1.0, **more)


def test_boxes_go_through_the_resize_of_the_image() -> None:
    squash = Preprocess(16, "imagenet", "squash")
    seen = visible_boxes([region(0, 0, 32, 32), region(16, 0, 32, 32)], (64, 32), squash)
    assert seen.shape == (16, 16)
    np.testing.assert_allclose(seen[:, :8], 1.0)  # the union, once
    np.testing.assert_allclose(seen[:, 8:], 0.0)
    assert visible_boxes([], (64, 32), squash).max() == 0.0
    assert visible_boxes([region(70, 40, 90, 60)], (64, 32), squash).max() == 0.0


def test_boxes_go_through_the_crop_of_the_image() -> None:
    """What is cut away is not seen: 128 of 256 columns are left after scaling 4:1 to 1:1."""
    crop = Preprocess(14, "imagenet", "crop")  # the shorter side becomes 16, 14 are kept
    left = visible_boxes([region(0, 0, 64, 64)], (256, 64), crop)
    assert left.max() == 0.0
    middle = visible_boxes([region(96, 0, 128, 64)], (256, 64), crop)
    # 256 → 64 columns, of which 25 … 38 stay: the box is columns 24 … 31
    np.testing.assert_allclose(middle[:, :7], 1.0)
    np.testing.assert_allclose(middle[:, 7:], 0.0)


def test_slanted_regions_cover_their_own_area_alone() -> None:
    quad = (50.0, 0.0, 100.0, 50.0, 50.0, 100.0, 0.0, 50.0)
    squash = Preprocess(20, "imagenet", "squash")
    seen = visible_boxes([region(0, 0, 100, 100, quad=quad)], (100, 100), squash)
    assert 0.5 <= seen.mean() < 0.53  # half of the image, and the pixels that the edge touches
    assert seen[0, 0] == seen[-1, -1] == 0.0 and seen[10, 10] == 1.0
    twice = [region(0, 0, 100, 100, quad=quad)] * 2
    np.testing.assert_array_equal(visible_boxes(twice, (100, 100), squash), seen)


def test_the_mark_in_an_image_lies_where_the_box_is_seen() -> None:
    """Image and box by the same way: a white rectangle in its box, whatever the geometry."""
    for resize in ("crop", "squash"):
        preprocess = Preprocess(28, "imagenet", resize)
        image = np.zeros((90, 70), np.uint8)
        image[30:55, 20:44] = 255
        seen = visible_boxes([region(20, 30, 44, 55)], (70, 90), preprocess)
        np.testing.assert_allclose(seen, preprocess.fit(image)[..., 0] / 255, atol=0.01)


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


def test_summary_is_the_mean_over_images() -> None:
    rows = [
        (name, variant, head, share, chance)
        for variant, shift in (("original", 0.0), ("blur-50", 0.1))
        for name, chance, shares in (("a", 0.2, (0.1, 0.5)), ("b", 0.4, (0.3, 0.9)))
        for head, share in enumerate(np.array(shares) - shift, start=1)
    ]
    table = pd.DataFrame(rows, columns=SHARE_COLUMNS)
    summary = summarize_shares({"unadapted": table}, 200, 0.95)
    assert list(summary.columns) == SUMMARY_COLUMNS
    assert list(summary["variant"].unique()) == ["original", "blur-50"]
    found = summary.set_index(["variant", "head"])
    for variant, head, share in (
        ("original", "1", 0.2),
        ("original", "2", 0.7),
        ("original", ALL_HEADS, 0.45),
        ("blur-50", "2", 0.6),
    ):
        row = found.loc[(variant, head)]
        assert row["share"] == pytest.approx(share) and row["chance"] == pytest.approx(0.3)
        assert row["above"] == pytest.approx(share - 0.3) and row["n"] == 2
        assert row["low"] <= row["share"] <= row["high"]
        assert row["above_low"] <= row["above"] <= row["above_high"]
    # two images: a resample has one of both, or both; so the interval is that of the images
    assert found.loc[("original", "1"), ["low", "high"]].tolist() == pytest.approx([0.1, 0.3])
    assert found.loc[("original", "1"), ["above_low", "above_high"]].tolist() == pytest.approx(
        [-0.1, -0.1]
    )
    empty = summarize_shares({"unadapted": table.iloc[:0]}, 10, 0.95)
    assert empty.empty and list(empty.columns) == SUMMARY_COLUMNS


def test_a_summary_needs_no_torch() -> None:
    code = "import sys, anonbench.embedding.attention_shares; sys.exit('torch' in sys.modules)"
    run([sys.executable, "-c", code], check=True, timeout=60)
