"""Crops, and augmentations against torchvision's, one image at a time."""

from collections.abc import Callable

import cv2
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from anonbench.config.training import Crops
from anonbench.core.libraries.compat import install_torchvision_ops
from anonbench.training.data import augment
from anonbench.training.data.augment import ASPECTS, COLUMNS, Draw, crop_boxes, crop_draws, cut

install_torchvision_ops()

from torchvision.transforms import functional  # noqa: E402

IMAGES = torch.rand(5, 3, 16, 16, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize(
    ("ours", "theirs", "strengths"),
    [
        (augment.brighten, functional.adjust_brightness, [0.6, 0.9, 1.0, 1.2, 1.4]),
        (augment.contrast, functional.adjust_contrast, [0.6, 0.9, 1.0, 1.2, 1.4]),
        (augment.saturate, functional.adjust_saturation, [0.0, 0.8, 1.0, 1.2, 2.0]),
        (augment.turn_hue, functional.adjust_hue, [-0.1, -0.05, 0.0, 0.07, 0.5]),
        (
            augment.blur,
            lambda x, s: functional.gaussian_blur(x, [9, 9], [s, s]),
            [0.1, 0.5, 1, 1.5, 2],
        ),
    ],
)
def test_equals_torchvision(
    ours: Callable[..., torch.Tensor], theirs: Callable[..., torch.Tensor], strengths: list[float]
) -> None:
    before = IMAGES.clone()
    found = ours(IMAGES, torch.tensor(strengths))
    expected = torch.stack([theirs(x, s) for x, s in zip(IMAGES, strengths, strict=True)])
    torch.testing.assert_close(found, expected, atol=2e-4, rtol=1e-3)
    assert torch.equal(IMAGES, before)


def test_equal_to_torchvision_in_grey_solarized_and_normalized() -> None:
    grey = functional.rgb_to_grayscale(IMAGES, 3)
    torch.testing.assert_close(augment.desaturate(IMAGES), grey, atol=1e-3, rtol=0)
    torch.testing.assert_close(augment.solarize(IMAGES), functional.solarize(IMAGES, 0.5))
    each = augment.normalize_images(IMAGES, "per_crop")
    torch.testing.assert_close(each.mean((1, 2, 3)), torch.zeros(5), atol=1e-5, rtol=0)
    torch.testing.assert_close(each.std((1, 2, 3)), torch.ones(5), atol=2e-3, rtol=0)
    assert augment.normalize_images(torch.ones(1, 3, 4, 4), "per_crop").abs().max() == 0
    expected = functional.normalize(IMAGES, augment.IMAGENET_MEAN, augment.IMAGENET_DEVIATION)
    torch.testing.assert_close(augment.normalize_images(IMAGES, "imagenet"), expected)


def _draws(**columns: float) -> np.ndarray:
    draws = np.full((3, COLUMNS), 0.999)
    for name, value in columns.items():
        draws[:, Draw[name.upper()]] = value
    return draws


KINDS = np.array([0, 1, 2])


def test_probabilities_by_kind_of_crop() -> None:
    settings = Crops(blur=(1.0, 0.1, 0.5), solarize=0.2, jitter_probability=0.8, grey=0.2)
    draws = _draws(blur=0.3, solarize=0.1, jitter=0.7, grey=0.1)
    made = augment.augmentations_of(draws, KINDS, settings)
    assert (made.sigma > 0).tolist() == [True, False, True]
    assert made.solarize.tolist() == [False, True, False]
    assert made.jitter.all() and made.grey.all()
    made = augment.augmentations_of(_draws(blur=0.05), KINDS, settings)
    assert (made.sigma > 0).tolist() == [True, True, True]
    assert not (made.jitter.any() or made.grey.any() or made.solarize.any())


def test_strengths_fill_their_ranges() -> None:
    draws = crop_draws(0, 0, "a", 5000)
    made = augment.augmentations_of(draws, np.zeros(5000, int), Crops(jitter=(0.4, 0.3, 0.2, 0.1)))
    np.testing.assert_allclose(made.strengths.min(0), [0.6, 0.7, 0.8, -0.1], atol=2e-3)
    np.testing.assert_allclose(made.strengths.max(0), [1.4, 1.3, 1.2, 0.1], atol=2e-3)
    assert len(np.unique(made.order, axis=0)) == 24
    assert 0.1 <= made.sigma.min() < 0.11 and 1.99 < made.sigma.max() <= 2.0


def test_each_crop_is_jittered_in_its_own_order_if_at_all() -> None:
    draws = crop_draws(0, 0, "a", 5)
    settings = Crops(jitter_probability=1.0, grey=0.0, blur=(0, 0, 0), solarize=0.0)
    made = augment.augmentations_of(draws, np.zeros(5, int), settings)
    found = augment.apply_steps(IMAGES.clone(), augment.steps_of(made))
    adjust = [
        functional.adjust_brightness,
        functional.adjust_contrast,
        functional.adjust_saturation,
        functional.adjust_hue,
    ]
    for number, image in enumerate(IMAGES):
        for what in made.order[number]:
            image = adjust[what](image, float(made.strengths[number, what]))
        torch.testing.assert_close(found[number], image, atol=2e-3, rtol=0)
    settings = Crops(jitter=(0, 0, 0, 0), grey=0.0, blur=(0, 0, 0), solarize=0.0)
    made = augment.augmentations_of(crop_draws(0, 0, "a", 5), np.array([0, 0, 1, 1, 2]), settings)
    assert torch.equal(augment.apply_steps(IMAGES.clone(), augment.steps_of(made)), IMAGES)


def test_draws_depend_on_seed_epoch_and_id_alone_and_stay_what_they_are() -> None:
    draws = crop_draws(0, 0, "a", 4)
    np.testing.assert_array_equal(draws, crop_draws(0, 0, "a", 4))
    for other in ((1, 0, "a"), (0, 1, "a"), (0, 0, "b")):
        assert not np.array_equal(draws, crop_draws(*other, 4))
    # trained models depend on the stream of numbers
    expected = [0.41075057151701533, 0.6666036568988062, 0.02600027598578536]
    np.testing.assert_allclose(crop_draws(0, 0, "a", 1)[0, :3], expected, atol=1e-12)


@given(
    st.integers(1, 300), st.integers(1, 300), st.floats(0.01, 1), st.floats(0, 1), st.integers(0, 9)
)
def test_boxes_in_the_image(width: int, height: int, low: float, more: float, seed: int) -> None:
    area = (low, low + more * (1 - low))
    boxes = crop_boxes(crop_draws(seed, 0, "a", 20), np.array([width, height]), area)
    assert (boxes[:, :2] >= 0).all() and (boxes[:, 2:] <= [width, height]).all()
    assert (boxes[:, 2:] > boxes[:, :2]).all()


def test_areas_aspects_and_what_does_not_fit() -> None:
    boxes = crop_boxes(crop_draws(0, 0, "a", 4000), np.array([1000, 1000]), (0.3, 0.6))
    sides = boxes[:, 2:] - boxes[:, :2]
    shares, aspects = sides.prod(axis=1) / 1e6, sides[:, 0] / sides[:, 1]
    assert 0.297 < shares.min() < 0.305 and 0.595 < shares.max() < 0.603
    assert ASPECTS[0] - 0.01 < aspects.min() < 0.77 and 1.3 < aspects.max() < ASPECTS[1] + 0.01
    assert abs(shares.mean() - 0.45) < 0.005
    assert boxes[:, 0].min() == 0 or boxes[:, 0].min() < 5
    assert boxes[:, 2].max() > 995
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
