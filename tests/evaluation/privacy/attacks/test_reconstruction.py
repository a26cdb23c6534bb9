"""Reconstruction of what was blurred by a known kernel."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
import zxingcpp
from hypothesis import given, settings
from hypothesis import strategies as st

from anonbench.anonymization.checked import anonymize
from anonbench.anonymization.methods.blur import Blur
from anonbench.config import Anonymization, Detection
from anonbench.core.boxes import Region
from anonbench.core.registries.attacks import Equipment
from anonbench.core.vocabulary import Entity, Variant
from anonbench.evaluation.privacy.attacks.kinds.reading import Barcodes
from anonbench.evaluation.privacy.attacks.kinds.reconstruction import (
    Likeness,
    Reconstruction,
    gaussian,
    richardson_lucy,
    similarity,
    smoothed,
    wiener,
)


@given(st.integers(8, 50), st.integers(8, 90), st.integers(0, 99), st.floats(0.5, 3.0))
@settings(max_examples=20, deadline=None)
def test_wiener_undoes_a_blur_that_rounds_nothing(
    height: int, width: int, seed: int, sigma: float
) -> None:
    image = np.random.default_rng(seed).integers(0, 256, (height, width)).astype(np.float64)
    smooth = cv2.GaussianBlur(image, (0, 0), 2.0)
    kernel = gaussian(sigma)
    blurred = cv2.sepFilter2D(smooth, cv2.CV_64F, kernel, kernel, borderType=cv2.BORDER_REFLECT)
    again = wiener(blurred, kernel, 1e-12)
    assert np.abs(again - smooth).max() <= np.abs(blurred - smooth).max() + 1e-6
    assert np.abs(again - smooth).mean() < 0.5


def test_the_kernel_is_that_of_the_method() -> None:
    image = np.random.default_rng(0).integers(0, 256, (40, 90, 3), dtype=np.uint8)
    kernel = gaussian(0.25 * 40)
    mine = cv2.sepFilter2D(image, cv2.CV_32F, kernel, kernel, borderType=cv2.BORDER_REFLECT)
    assert np.abs(Blur().hide(image, "barcode") - mine).max() < 0.501


def test_richardson_lucy_is_nearer_than_what_was_blurred() -> None:
    image = np.zeros((40, 40))
    image[10:30, 15:25] = 200.0
    kernel = gaussian(2.0)
    blurred = cv2.sepFilter2D(image, cv2.CV_64F, kernel, kernel, borderType=cv2.BORDER_REFLECT)
    again = richardson_lucy(blurred, kernel, 30)
    assert np.abs(again - image).mean() < 0.7 * np.abs(blurred - image).mean()


def test_structural_similarity_is_one_of_equal_images_and_low_of_others() -> None:
    rng = np.random.default_rng(0)
    one, other = rng.uniform(0, 255, (2, 30, 50))
    assert similarity(one, one) == pytest.approx(1.0)
    assert similarity(one, other) < 0.1 and similarity(one, 255 - one) == 0.0


def test_a_mosaic_keeps_its_means_when_it_is_smoothed() -> None:
    blocks = np.kron(np.array([[0, 200], [100, 50]], np.uint8), np.ones((20, 20), np.uint8))
    soft = smoothed(blocks, 2)
    assert soft.shape == blocks.shape and len(np.unique(soft)) > 4
    assert soft[:5, :5].mean() < soft[:5, -5:].mean()


def test_a_blurred_code_is_decoded_after_reconstruction_and_not_before() -> None:
    code = zxingcpp.create_barcode("gate 12", zxingcpp.BarcodeFormat.QRCode)
    pixels = np.array(zxingcpp.write_barcode_to_image(code, scale=4))
    image = np.pad(pixels, 16, constant_values=255)
    side = len(image)
    region = Region(Entity.BARCODE, 16, 16, side - 16, side - 16, 1.0)
    hiding = Anonymization.model_validate({"blur": {"sigma": {"barcode": 0.035}}})
    equipment = Equipment(Detection(), hiding)
    blur, mask = Variant("blur", 100), Variant("mask", 100)
    shares = {}
    for kind in (Barcodes(), Reconstruction(), Likeness()):
        loaded = kind.load(equipment)
        (truth,) = loaded.look(image, [region], Variant())
        for variant in (blur, mask):
            shown = anonymize(image, [region], variant, hiding)
            (found,) = loaded.look(shown, [region], variant)
            shares[kind.name, variant.method] = loaded.shares(truth, found)
    assert shares["barcodes", "blur"]["decoded"] == 0.0
    assert shares["reconstruction", "blur"]["decoded"] == 1.0
    assert shares["reconstruction", "mask"]["decoded"] == 0.0
    assert shares["likeness", "blur"]["ssim"] > 0.5 > shares["likeness", "mask"]["ssim"]
