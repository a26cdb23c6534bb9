"""Crop boxes and pixels."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from anonbench.core.libraries.compat import install_torchvision_ops
from anonbench.training.data.augment import ASPECTS, COLUMNS, crop_boxes, crop_draws, cut

install_torchvision_ops()


@given(
    st.integers(1, 300), st.integers(1, 300), st.floats(0.01, 1), st.floats(0, 1), st.integers(0, 9)
)
def test_boxes_lie_in_the_image(
    width: int, height: int, low: float, more: float, seed: int
) -> None:
    area = (low, low + more * (1 - low))
    boxes = crop_boxes(crop_draws(seed, 0, "a", 20), np.array([width, height]), area)
    assert (boxes[:, :2] >= 0).all() and (boxes[:, 2:] <= [width, height]).all()
    assert (boxes[:, 2:] > boxes[:, :2]).all()


def test_areas_and_aspects_are_in_range_and_fill_it() -> None:
    boxes = crop_boxes(crop_draws(0, 0, "a", 4000), np.array([1000, 1000]), (0.3, 0.6))
    sides = boxes[:, 2:] - boxes[:, :2]
    shares, aspects = sides.prod(axis=1) / 1e6, sides[:, 0] / sides[:, 1]
    assert 0.297 < shares.min() < 0.305 and 0.595 < shares.max() < 0.603
    assert ASPECTS[0] - 0.01 < aspects.min() < 0.77 and 1.3 < aspects.max() < ASPECTS[1] + 0.01
    assert abs(shares.mean() - 0.45) < 0.005
    assert boxes[:, 0].min() == 0 or boxes[:, 0].min() < 5
    assert boxes[:, 2].max() > 995


def test_as_torchvision_where_nothing_fits() -> None:
    from torchvision.transforms import RandomResizedCrop

    random = np.random.default_rng(0)
    for width, height in random.integers(1, 400, (300, 2)).tolist():
        draws = np.full((1, COLUMNS), 0.99)
        found = crop_boxes(draws, np.array([width, height]), (9.0, 9.0))  # never fits
        image = torch.empty(3, height, width)
        top, left, rows, columns = RandomResizedCrop.get_params(image, [9.0, 9.0], [3 / 4, 4 / 3])
        assert found.tolist() == [[left, top, left + columns, top + rows]]


@pytest.mark.parametrize("flip", [False, True])
def test_cut_takes_means_or_enlarges_by_cubic_interpolation(flip: bool) -> None:
    order = slice(None, None, -1 if flip else 1)
    image = np.random.default_rng(0).integers(0, 256, (40, 50, 3), dtype=np.uint8)
    out = np.empty((8, 8, 3), np.uint8)
    cut(image, np.array([10, 4, 42, 36]), flip, out)
    blocks = image[4:36, 10:42].reshape(8, 4, 8, 4, 3).mean(axis=(1, 3))
    assert np.abs(out - blocks[:, order]).max() <= 0.5
    grey, out = image[:9, :7, 0].copy(), np.zeros((16, 16, 3), np.uint8)
    cut(grey, np.array([0, 0, 7, 9]), flip, out)
    expected = cv2.resize(grey, (16, 16), interpolation=cv2.INTER_CUBIC)[:, order]
    np.testing.assert_array_equal(out, np.stack([expected] * 3, axis=2))
