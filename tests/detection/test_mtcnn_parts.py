"""MTCNN's parts one by one: windows, pyramid, suppression, and networks that see fixed batches."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from anonbench.core.libraries.compat import nms
from anonbench.detection.faces.mtcnn_networks import CandidateNetwork
from anonbench.detection.faces.mtcnn_pyramid import (
    FIELD,
    SHEET_PIXELS,
    STRIDE,
    TILE_CELLS,
    cells,
    layout,
    pyramid_scales,
)
from anonbench.detection.faces.suppression import suppressed
from anonbench.detection.faces.windows import WindowMeans


def noise(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)


def by_torch(image: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Return float32 [3, H, W], made smaller as facenet-pytorch does."""
    x = torch.from_numpy(image).permute(2, 0, 1)[None].float()
    return torch.nn.functional.interpolate(x, size=size, mode="area")[0].numpy()


@pytest.mark.parametrize("size", [(13, 17), (40, 61), (97, 80), (120, 150)])
def test_scaled_parts_are_torchs_to_the_last_bit(size: tuple[int, int]) -> None:
    images = [noise(50, 60, 3), noise(97, 80, 3, seed=1)]
    means = WindowMeans(images)
    whole = by_torch(images[1], size)
    part = means.scaled(1, size, 3, 5, size[0] - 4, size[1] - 5)
    np.testing.assert_array_equal(part, whole[:, 3:-1, 5:])


def test_crops_are_torchs_to_the_last_bit() -> None:
    images = [noise(50, 60, 3), noise(97, 80, 3, seed=1)]
    boxes = np.array([(0, 0, 60, 50), (7, 9, 8, 11), (3, 50, 80, 97), (10, 20, 34, 44)])
    which = np.array([0, 0, 1, 1])
    crops = WindowMeans(images).crops(which, boxes, 24)
    for crop, image, (x0, y0, x1, y1) in zip(crops, which, boxes, strict=True):
        expected = by_torch(images[image][y0:y1, x0:x1], (24, 24))
        np.testing.assert_array_equal(crop, expected)


def test_sums_that_wrap_around_give_the_same_means() -> None:
    white = np.full((3000, 3000, 3), 255, np.uint8)  # 2.3 · 10⁹ altogether
    crop = WindowMeans([white]).crops(np.array([0]), np.array([(2000, 2000, 3000, 3000)]), 24)
    assert (crop == 255).all()


@given(st.integers(20, 900), st.integers(20, 900), st.integers(12, 40))
def test_every_cell_of_every_scale_is_on_one_sheet_once(
    height: int, width: int, min_face_size: int
) -> None:
    plan = layout(height, width, min_face_size, 0.709)
    seen = [np.zeros((cells(rows), cells(columns)), int) for rows, columns in plan.sizes]
    for sheet in plan.sheets:
        assert sheet.height % 2 == sheet.width % 2 == 0
        for index, tile in enumerate(sheet.tiles):
            rows, columns = np.nonzero(sheet.owner == index)
            assert len(rows) == cells(tile.height) * cells(tile.width)  # none hides another
            rows = rows + (tile.top - tile.sheet_top) // STRIDE
            columns = columns + (tile.left - tile.sheet_left) // STRIDE
            seen[tile.scale][rows, columns] += 1
    assert all((count == 1).all() for count in seen)


def test_sheets_are_bounded_however_large_the_image() -> None:
    plan = layout(4000, 6000, 20, 0.709)
    tile = STRIDE * TILE_CELLS + FIELD - STRIDE
    assert all(sheet.height * sheet.width <= SHEET_PIXELS for sheet in plan.sheets)
    assert all(max(t.height, t.width) <= tile for sheet in plan.sheets for t in sheet.tiles)


def test_scales_end_where_twelve_pixels_are_left() -> None:
    assert pyramid_scales(19, 20, 0.5) == []
    assert pyramid_scales(20, 20, 0.5) == [0.6]
    assert pyramid_scales(100, 20, 0.5) == [0.6, 0.3, 0.15]


def some_boxes(count: int, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return boxes on a coarse grid (so that overlaps repeat), tied scores, and groups."""
    random = np.random.default_rng(seed)
    low = random.integers(0, 4, (count, 2))
    boxes = np.hstack([low, low + random.integers(0, 7, (count, 2))]).astype(np.float32)
    return (
        boxes,
        (random.integers(0, 9, count) / 10).astype(np.float32),
        random.integers(4, size=count),
    )


@pytest.mark.parametrize("seed", range(5))
def test_groups_are_suppressed_as_torchvision_does_one_by_one(seed: int) -> None:
    boxes, scores, groups = some_boxes(80, seed)
    expected = []
    for group in range(4):
        members = np.flatnonzero(groups == group)
        kept = nms(torch.from_numpy(boxes[members]), torch.from_numpy(scores[members]), 0.5)
        expected += members[kept.numpy()].tolist()
    assert suppressed(boxes, scores, groups, 0.5).tolist() == expected
    assert 20 < len(expected) < 78


def test_share_of_the_smaller_box() -> None:
    boxes = np.array([(0, 0, 9, 9), (2, 2, 5, 5), (5, 0, 14, 9)], np.float32)
    scores, groups = np.array([0.9, 0.8, 0.7], np.float32), np.zeros(3, int)
    # sides count one pixel more: the second lies inside, the third shares 5 · 10 of 10 · 10
    assert suppressed(boxes, scores, groups, 0.7, "smaller").tolist() == [0, 2]
    assert suppressed(boxes, scores, groups, 0.49, "smaller").tolist() == [0]
    assert suppressed(boxes, scores, groups, 0.7).tolist() == [0, 1, 2]
    assert suppressed(boxes, scores, np.arange(3), 0.1, "smaller").tolist() == [0, 1, 2]


def test_nothing_to_suppress() -> None:
    none = suppressed(np.empty((0, 4), np.float32), np.empty(0), np.empty(0, int), 0.5)
    assert none.shape == (0,) and none.dtype.kind == "i"


@pytest.mark.parametrize("name", ["rnet", "onet"])
def test_candidates_do_not_depend_on_each_other(name: str) -> None:
    network = CandidateNetwork(name, torch.device("cpu"))
    pixels = noise(75, 3, network.side, network.side).astype(np.float32)
    scores, corrections = network(pixels)
    order = np.random.default_rng(1).permutation(75)
    again = network(pixels[order])
    np.testing.assert_array_equal(scores[order], again[0])
    np.testing.assert_array_equal(corrections[order], again[1])
    for index in (0, 37, 74):
        alone = network(pixels[index : index + 1])
        np.testing.assert_array_equal(alone[0], scores[index : index + 1])
        np.testing.assert_array_equal(alone[1], corrections[index : index + 1])
