"""Conditions of methods against computations written out, and each of their parts alone."""

from __future__ import annotations

from itertools import product
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scenes import picture, window
from scipy.ndimage import gaussian_filter

from anonbench.anonymization.audit.pixels import kept
from anonbench.anonymization.audit.visibility import block_means
from anonbench.anonymization.methods.blur import gaussian
from anonbench.config import Anonymization
from keyed_settings import asked

SIDE = st.integers(2, 40)
ASKED = Anonymization()


def noise(height: int, width: int) -> np.ndarray:
    return np.random.default_rng(height * 99 + width).integers(0, 256, (height, width), np.uint8)


def blurred(pixels: np.ndarray, sigma: float) -> np.ndarray:
    """Blur by sums over mirrored neighbours, as SciPy does."""
    return np.asarray(gaussian_filter(pixels.astype(float), sigma, mode="reflect", truncate=8))


@given(SIDE, st.integers(2, 200), st.sampled_from(["face", "text", "barcode"]))
def test_blur_is_a_sum_over_mirrored_neighbours(height: int, width: int, entity: str) -> None:
    pixels = noise(height, width)
    sigma = max(1.5, getattr(ASKED.blur.sigma, entity) * min(height, width))
    right = np.rint(blurred(pixels, sigma)).astype(np.uint8)
    assert kept(ASKED.blur, window(pixels, right, entity)).all()
    wrong = right.copy()
    wrong[0, 0] = int(wrong[0, 0]) + (2 if wrong[0, 0] < 200 else -2)
    assert np.argwhere(~kept(ASKED.blur, window(pixels, wrong, entity))).tolist() == [[0, 0]]


@given(SIDE, st.integers(2, 200), st.floats(2.0, 90.0))
def test_blurs_of_all_widths_are_as_near_as_is_said(height: int, width: int, sigma: float) -> None:
    pixels = np.where(noise(height, width) < 128, 0, 255).astype(np.uint8)
    pixels[:, : width // 3] = 255  # a wide Gaussian leaves most of a wide step
    found = gaussian(pixels, sigma)
    assert np.abs(found - blurred(pixels, sigma)).max() < 0.002


@given(st.data(), SIDE, SIDE)
def test_means_of_even_blocks_count_parts_of_pixels(
    data: st.DataObject, height: int, width: int
) -> None:
    rows, columns = data.draw(st.integers(1, height)), data.draw(st.integers(1, width))
    pixels = noise(height, width)
    finer = pixels.repeat(rows, axis=0).repeat(columns, axis=1)  # all blocks are of whole pixels
    right = finer.reshape(rows, height, columns, width).mean(axis=(1, 3))
    assert np.allclose(block_means(pixels[None], (rows, columns))[0], right, rtol=0, atol=1e-9)


@given(st.integers(8, 20), st.integers(2, 6))
def test_blocks_have_their_mean(columns: int, side: int) -> None:
    pixels = noise(8 * side, columns * side)
    blocks = pixels.reshape(len(pixels) // side, side, -1, side).mean(axis=(1, 3))
    right = np.rint(blocks).astype(np.uint8).repeat(side, axis=0).repeat(side, axis=1)
    assert kept(ASKED.pixelate, window(pixels, right)).all()
    other = np.where(right < 128, right + 2, right - 2).astype(np.uint8)
    assert not kept(ASKED.pixelate, window(pixels, other)).any()


def test_a_block_of_two_values_is_refused_although_both_are_its_mean_rounded() -> None:
    pixels = np.indices((48, 48)).sum(axis=0).astype(np.uint8) % 2 + 100  # means of 100.5
    for edge in (1, 2, 47):
        written = np.full((48, 48), 100, np.uint8)
        assert kept(ASKED.pixelate, window(pixels, written)).all()
        written[:, edge:] = 101
        for each in (written, written.T):
            shown = kept(ASKED.pixelate, window(pixels, each))
            assert np.count_nonzero(~shown) == 6 * 48


@pytest.mark.parametrize("colour", [(0, 0, 0), (255, 255, 255), (12, 200, 33)])
def test_a_mask_has_its_colour_or_its_luma(colour: tuple[int, int, int]) -> None:
    asked = Anonymization.model_validate({"mask": {"colour": colour}})
    pixels = picture()[:20, :20].transpose(2, 0, 1)
    right = np.broadcast_to(np.array(colour, np.uint8)[:, None, None], pixels.shape)
    assert kept(asked.mask, window(pixels, right)).all()
    wrong = right ^ 1
    assert not kept(asked.mask, window(pixels, wrong)).any()
    luma = round(0.299 * colour[0] + 0.587 * colour[1] + 0.114 * colour[2])
    grey = np.full((20, 20), luma, np.uint8)
    assert kept(asked.mask, window(pixels[0], grey)).all()
    assert not kept(asked.mask, window(pixels[0], grey ^ 1)).any()


ROOM = {"blur": 0.02, "pixelate": 0.02, "box_blur": 0.001, "dp_pixelate": 0.02}
"""Share of the values that may be rounded either way; none under all other methods."""


@pytest.mark.parametrize(
    ("name", "section"),
    [
        *((name, {}) for name in (*ROOM, "median", "equalize", "recolour", "mask")),
        ("recolour", {"space": "ycrcb"}),
        ("mask", {"colour": (0, 12, 4)}),
    ],
)
def test_rounding_has_no_room_for_a_message(
    name: str, section: dict[str, Any], tmp_path: Path
) -> None:
    """A picture in a blurred face, a bit in each pixel: which way its value was rounded."""
    method = asked(tmp_path, **({name: section} if section else {})).method(name)
    colour = name != "mask"  # the luma of its colour is half-way
    original = cv2.resize(picture(colour), (120, 100), interpolation=cv2.INTER_CUBIC)
    planes = [np.stack(cv2.split(each)) for each in (original, method.hide(original, "face"))]
    assert kept(method, window(*planes)).all()
    room = 0
    for by, channel in product((-1, 1), range(len(planes[1]))):
        other = planes[1].astype(np.int16)
        other[channel] += by
        written = np.clip(other, 0, 255).astype(np.uint8)
        differs = (written != planes[1]).any(axis=0)
        room += int((kept(method, window(planes[0], written)) & differs).sum())
    assert room <= ROOM.get(name, 0) * planes[1].size
