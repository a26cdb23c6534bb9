"""The methods against plain computations."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from threadpoolctl import threadpool_limits

from anonbench.anonymization.methods import Blur, Mask, Pixelate, method_named
from anonbench.anonymization.methods.blur import Sigma
from anonbench.config import Anonymization
from anonbench.core.vocabulary import Entity, Method

SIDES = st.integers(1, 40)


def pixels(height: int, width: int, colour: bool, seed: int = 0) -> np.ndarray:
    shape = (height, width, 3) if colour else (height, width)
    return np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)


def shares(length: int, blocks: int) -> np.ndarray:
    """Return [blocks, length]: the share of each block's extent that lies in each pixel."""
    edges = np.arange(blocks + 1) * length / blocks
    pixel = np.arange(length)
    overlap = np.minimum(edges[1:, None], pixel + 1) - np.maximum(edges[:-1, None], pixel)
    return np.maximum(overlap, 0) * blocks / length


def owners(length: int, blocks: int) -> list[np.ndarray]:
    """Return the block that the centre of each pixel lies in: on a border, one and the other."""
    doubled = (2 * np.arange(length) + 1) * blocks
    return [(doubled - 1) // (2 * length), doubled // (2 * length)]


@given(SIDES, SIDES, st.booleans(), st.integers(1, 9) | st.sampled_from([0.5, 0.25, 0.1, 2.5]))
def test_pixelate_gives_every_block_its_mean(
    height: int, width: int, colour: bool, n: float
) -> None:
    image = pixels(height, width, colour)
    settings = Pixelate.model_validate({"blocks": {"face": n}})
    result = settings.hide(image, Entity.FACE)
    side = max(2, int(np.ceil(min(height, width) / n)))
    rows, columns = max(1, height // side), max(1, width // side)
    down, across = shares(height, rows), shares(width, columns)
    means = np.einsum("ry,yx...,cx->rc...", down, image.astype(float), across)
    assert result.shape == image.shape
    errors = [
        np.abs(result - means[y][:, x])
        for y in owners(height, rows)
        for x in owners(width, columns)
    ]
    assert np.min(errors, axis=0).max() < 0.51


@given(st.integers(4, 60), st.integers(4, 60))
def test_no_block_is_smaller_than_asked_for(height: int, width: int) -> None:
    result = Pixelate().hide(pixels(height, width, False), Entity.TEXT)
    rows = np.flatnonzero(np.any(np.diff(result.astype(int), axis=0), axis=1)) + 1
    assert np.all(np.diff([0, *rows, height]) >= 2)


@pytest.mark.parametrize(("height", "width", "blocks"), [(255, 3279, 9), (2402, 101, 2)])
def test_no_block_of_a_large_region_is_smaller_than_asked_for(
    height: int, width: int, blocks: int
) -> None:
    """Sizes at which fixed-point arithmetic moved a border by a pixel."""
    settings = Pixelate.model_validate({"blocks": {"face": blocks}})
    result = settings.hide(pixels(height, width, False), Entity.FACE).astype(int)
    asked = -(-min(height, width) // blocks)
    for axis in (0, 1):
        edges = np.flatnonzero(np.any(np.diff(result, axis=axis), axis=1 - axis)) + 1
        assert np.diff([0, *edges, result.shape[axis]]).min() >= asked


def test_more_blocks_hide_less() -> None:
    image = pixels(64, 64, True)
    errors = []
    for count in (2, 8, 32):
        settings = Pixelate.model_validate({"blocks": {"face": count}})
        hidden = settings.hide(image, Entity.FACE).astype(float)
        errors.append(np.abs(hidden - image).mean())
    assert errors[0] > errors[1] > errors[2] > 0


def gaussian(line: np.ndarray, sigma: float) -> np.ndarray:
    """Blur one line with mirrored borders, written out."""
    radius = 40
    weights = np.exp(-0.5 * (np.arange(-radius, radius + 1) / sigma) ** 2)
    padded = np.pad(line, radius, mode="symmetric")
    return np.convolve(padded, weights / weights.sum(), mode="valid")


def test_blur_equals_a_gaussian_of_the_regions_size() -> None:
    line = pixels(1, 60, False)[0]
    image = np.tile(line, (20, 1))
    result = Blur(sigma=Sigma(text=0.25)).hide(image, Entity.TEXT)
    assert np.abs(result[10] - gaussian(line.astype(float), 0.25 * 20)).max() < 1.5


def mirrored_weights(length: int, sigma: float) -> np.ndarray:
    """Return [length, length]: each pixel's shares in a blurred mirrored row."""
    reach = int(np.ceil(8 * sigma))
    shares = np.exp(-0.5 * (np.arange(-reach, reach + 1) / sigma) ** 2)
    weights = np.zeros((length, length))
    for step, share in zip(range(-reach, reach + 1), shares / shares.sum(), strict=True):
        place = (np.arange(length) + step) % (2 * length)
        np.add.at(weights, (np.arange(length), np.minimum(place, 2 * length - 1 - place)), share)
    return weights


@given(SIDES, SIDES, st.booleans(), st.floats(0.1, 2.0), st.integers(0, 9))
@example(40, 61, True, 2.0, 0)
@example(19, 23, False, 2.0, 0)
def test_a_blur_of_any_width_is_a_sum_over_the_mirrored_window(
    height: int, width: int, colour: bool, share: float, seed: int
) -> None:
    """Narrow kernels are summed, of wide ones the few cosines that they leave."""
    image = pixels(height, width, colour, seed)
    result = Blur(sigma=Sigma(text=share)).hide(image, Entity.TEXT)
    sigma = max(1.5, share * min(height, width))
    down, across = mirrored_weights(height, sigma), mirrored_weights(width, sigma)
    expected = np.einsum("ry,yx...,cx->rc...", down, image.astype(float), across)
    assert np.abs(result - expected).max() < 0.51


@pytest.mark.parametrize("colour", [True, False])
def test_the_number_of_threads_is_seen_in_no_blurred_pixel(colour: bool) -> None:
    """Products of large matrices add up in another order; in single precision this fails."""
    image = pixels(1500, 1000, colour)
    made = []
    for threads in (1, 2):
        with threadpool_limits(threads):
            made.append(Blur().hide(image, Entity.FACE))
    assert np.array_equal(*made)


def test_blur_is_never_weaker_than_its_floor() -> None:
    line = pixels(1, 60, False)[0]
    image = np.tile(line, (3, 1))
    result = Blur(sigma=Sigma(text=0.1)).hide(image, Entity.TEXT)
    assert np.abs(result[1] - gaussian(line.astype(float), 1.5)).max() < 1.5


@pytest.mark.parametrize("colour", [(0, 0, 0), (255, 255, 255), (10, 200, 30)])
def test_mask_is_one_colour(colour: tuple[int, int, int]) -> None:
    settings = Mask(colour=colour)
    assert np.all(settings.hide(pixels(5, 7, True), Entity.FACE) == np.array(colour, np.uint8))
    grey = settings.hide(pixels(5, 7, False), Entity.FACE)
    luma = 0.299 * colour[0] + 0.587 * colour[1] + 0.114 * colour[2]
    assert np.all(np.abs(grey.astype(float) - luma) <= 0.5)


@pytest.mark.parametrize("method", list(Method))
def test_every_method_hides_and_leaves_its_input_alone(method: Method) -> None:
    image = pixels(12, 30, True)
    before = image.copy()
    hidden = Anonymization().of(method_named(method)).hide(image, Entity.FACE)
    assert hidden.shape == image.shape
    assert hidden.dtype == np.uint8
    assert np.array_equal(image, before)
    assert not np.array_equal(hidden, image)
