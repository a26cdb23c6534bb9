"""Restorers learned from pairs whose secret is planted, and by a known kernel."""

from collections.abc import Mapping
from dataclasses import replace

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from test_attacks_on_regions import Drawn, attack, published, whole

from anonbench.anonymization.checked import anonymize
from anonbench.anonymization.methods.blur import Blur
from anonbench.anonymization.replacement import appearance
from anonbench.config import Anonymization, Detection
from anonbench.core.boxes import Region, box_table
from anonbench.core.icao9303 import TD3
from anonbench.core.registries.attacks import Equipment
from anonbench.core.vocabulary import Entity, Variant
from anonbench.evaluation.privacy.attacks.kinds.reading import Barcodes, MrzReading
from anonbench.evaluation.privacy.attacks.kinds.reconstruction import (
    Likeness,
    Reconstruction,
    gaussian,
    richardson_lucy,
    signal_to_noise,
    similarity,
    smoothed,
    wiener,
)
from anonbench.evaluation.privacy.attacks.restorer import (
    LEAST_REGIONS,
    LearnedRestorers,
    Pair,
    learned,
)
from anonbench.evaluation.privacy.published import Published
from image_files import qr

HIDING = Anonymization()
PIXELATE, MASK = Variant("pixelate", 100), Variant("mask", 100)
BOX = Region(Entity.FACE, 2, 2, 70, 78, 1.0)
"""Of each image."""


def face(rng: np.random.Generator, colour: bool = True) -> np.ndarray:
    """Return a disc with two eyes whose brightness goes with that of the disc, uint8."""
    y, x = np.mgrid[:80, :72]
    skin = rng.uniform(120, 230)
    image = np.full((80, 72), 40.0)
    image[(y - 40) ** 2 + (x - 36) ** 2 < 34**2] = skin
    for eye in (24, 48):
        image[(y - 32) ** 2 + (x - eye) ** 2 < 25] = 255 - skin
    image = image + rng.normal(0, 3, image.shape)
    grey = np.clip(image, 0, 255).astype(np.uint8)
    return np.repeat(grey[..., None], 3, axis=2) if colour else grey


def people(count: int, seed: int) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    return {f"{seed}-{number:03d}": face(rng) for number in range(count)}


def shown_beside(train: Mapping[str, np.ndarray], shown: Mapping[str, np.ndarray]) -> Published:
    """Return images hidden by a mosaic and by a mask, with train images beside them."""
    regions = {name: [BOX] for name in (*train, *shown)}
    return published(shown, [PIXELATE, MASK], regions, train=train)


def restorers(
    train: Mapping[str, np.ndarray],
    names: Mapping[str, str] | None = None,
    attacked: tuple[str, ...] = (),
    box: Region = BOX,
    each: int = 1,
) -> LearnedRestorers:
    """Return what is learned from images with so many regions each."""
    boxes = box_table({name: [box] * each for name in train}, seed=0)
    originals = Drawn(dict.fromkeys(attacked, np.zeros((1, 1), np.uint8)))
    shown = Published(originals, {}, boxes, names or {}, Drawn(train))
    return LearnedRestorers(shown, HIDING, 200, 0)


@pytest.mark.slow
def test_what_a_mosaic_hides_of_all_alike_is_restored_and_under_a_mask_only_their_mean() -> None:
    found = shown_beside(people(40, 1), people(10, 2))
    table = attack(found, "likeness").set_index(["measure", "method"])
    rates, control = table["rate"], table["control"]
    assert rates["learned_ssim", "original"] == rates["learned_psnr", "original"] == 1.0
    # the eyes, of which a mosaic shows nothing sharp, are at the same place in all
    assert rates["learned_psnr", "pixelate"] > rates["psnr", "pixelate"] + 0.05
    assert rates["learned_ssim", "pixelate"] > rates["ssim", "pixelate"] + 0.1
    # of black pixels nothing but the mean face can be made, which is no person's
    assert rates["learned_psnr", "mask"] < rates["learned_psnr", "pixelate"] - 0.05
    assert rates["learned_psnr", "mask"] == control["learned_psnr", "pixelate"]


@pytest.mark.slow
def test_all_masked_faces_are_restored_to_the_same_one() -> None:
    learner, shown = restorers(people(40, 1)), people(6, 2)
    found = [
        learner.restored(anonymize(image, [BOX], MASK, HIDING), BOX, MASK)[2:78, 2:70]
        for image in shown.values()
    ]
    assert all(np.array_equal(each, found[0]) for each in found)
    assert found[0].max() > 100  # and it is a face


def test_what_is_learned_does_not_depend_on_what_is_asked_first_and_is_the_same_again() -> None:
    train, (image,) = people(40, 1), people(1, 2).values()
    region = replace(BOX, entity=Entity.TEXT)

    def asked(*variants: Variant) -> bytes:
        learner = restorers(train, box=region)
        for each in variants:
            found = learner.restored(anonymize(image, [region], each, HIDING), region, each)
        return found.tobytes()

    assert asked(MASK, PIXELATE) == asked(PIXELATE)


def test_persons_who_are_attacked_are_not_learned_from() -> None:
    train = people(60, 1)
    names = {name: f"p{number % 6}" for number, name in enumerate(sorted(train))}
    assert restorers(train, names).lack("face") == ""
    few = restorers(train, {**names, "x": "p0", "y": "p1", "z": "p2"}, ("x", "y", "z"))
    assert "30 regions in 30 train images" in few.lack("face")


def test_too_few_regions_images_or_pairs_are_said_and_give_no_number() -> None:
    assert "39 regions" in restorers(people(39, 1)).lack("face")
    assert "45 regions in 9 train images" in restorers(people(9, 1), each=5).lack("face")
    found = shown_beside(people(LEAST_REGIONS - 1, 1), people(12, 2))
    table = attack(found, "likeness")
    assert set(table["measure"]) == {"ssim", "psnr", "learned_"}
    (reason,) = table.loc[table["measure"] == "learned_", "reason"]
    assert "no restorer was learned: 39 regions in 39 train images" in reason
    again = attack(replace(found, train=None), "likeness")
    assert set(again["measure"]) == {"ssim", "psnr"}
    assert attack(found, "likeness", restored_from=0).equals(again)


def test_lines_are_mended_by_what_is_beside_them() -> None:
    """Each line has two tones in turn, at the same places; a mosaic shows their mean alone."""
    rng = np.random.default_rng(0)

    def pair(number: int) -> Pair:
        tone = float(rng.uniform(60, 200))
        line = np.where(np.arange(168) % 12 < 6, tone + 40, tone - 40)
        clear = np.repeat(line[None], 24, axis=0).astype(np.uint8)
        hidden = np.full_like(clear, round(float(clear.mean())))
        return Pair(hidden, clear, f"{number:02d}")

    restorer = learned([pair(number) for number in range(50)], "text")
    test = pair(50)
    before = signal_to_noise(test.seen.astype(np.float32), test.clear.astype(np.float32))
    after = signal_to_noise(restorer(test.seen).astype(np.float32), test.clear.astype(np.float32))
    assert after > before + 0.04


@pytest.mark.parametrize("entity", ["face", "text"])
def test_any_window_is_restored_at_its_size(entity: str) -> None:
    windows = np.random.default_rng(0).integers(0, 256, (2, LEAST_REGIONS, 12, 30), dtype=np.uint8)
    pairs = zip(*windows, strict=True)
    restorer = learned([Pair(a, b, f"{n % 10}") for n, (a, b) in enumerate(pairs)], entity)
    for shape in ((1, 1), (1, 70), (70, 2, 3), (33, 17), (9, 60, 3)):
        found = restorer(np.full(shape, 90, np.uint8))
        assert found.shape == shape and found.dtype == np.uint8


def test_signal_to_noise_and_structural_similarity_are_by_their_definitions() -> None:
    one = np.zeros((4, 4), np.float32)
    assert signal_to_noise(one, one) == 1.0
    assert signal_to_noise(one, one + 255) == 0.0
    # an error of 25.5 everywhere: 20 dB of 50
    assert signal_to_noise(one, one + 25.5) == pytest.approx(0.4)
    one, other = np.random.default_rng(0).uniform(0, 255, (2, 30, 50))
    assert similarity(one, one) == pytest.approx(1.0)
    assert similarity(one, other) < 0.1 and similarity(one, 255 - one) == 0.0


def blurred(image: np.ndarray, sigma: float) -> np.ndarray:
    kernel = gaussian(sigma)
    return cv2.sepFilter2D(image, cv2.CV_64F, kernel, kernel, borderType=cv2.BORDER_REFLECT)


@given(st.integers(8, 50), st.integers(8, 90), st.integers(0, 99), st.floats(0.5, 3.0))
@settings(max_examples=20, deadline=None)
def test_wiener_undoes_a_blur(height: int, width: int, seed: int, sigma: float) -> None:
    image = np.random.default_rng(seed).integers(0, 256, (height, width)).astype(np.float64)
    smooth = cv2.GaussianBlur(image, (0, 0), 2.0)
    seen = blurred(smooth, sigma)
    again = wiener(seen, gaussian(sigma), 1e-12)
    assert np.abs(again - smooth).max() <= np.abs(seen - smooth).max() + 1e-6
    assert np.abs(again - smooth).mean() < 0.5


def test_the_kernel_is_the_methods_and_richardson_lucy_is_nearer_than_what_was_blurred() -> None:
    image = np.random.default_rng(0).integers(0, 256, (40, 90, 3), dtype=np.uint8)
    assert np.abs(Blur().hide(image, "barcode") - blurred(image, 2.0 * 40)).max() < 0.501
    image = np.zeros((40, 40))
    image[10:30, 15:25] = 200.0
    seen = blurred(image, 2.0)
    again = richardson_lucy(seen, gaussian(2.0), 30)
    assert np.abs(again - image).mean() < 0.7 * np.abs(seen - image).mean()


def test_a_mosaic_keeps_its_means_when_it_is_smoothed() -> None:
    blocks = np.kron(np.array([[0, 200], [100, 50]], np.uint8), np.ones((20, 20), np.uint8))
    soft = smoothed(blocks, 2)
    assert soft.shape == blocks.shape and len(np.unique(soft)) > 4
    assert soft[:5, :5].mean() < soft[:5, -5:].mean()


def test_a_blurred_code_is_decoded_after_reconstruction_and_not_before() -> None:
    image = qr("gate 12", scale=4)
    region = whole(image)
    hiding = Anonymization.model_validate({"blur": {"sigma": {"barcode": 0.035}}})
    shares = {}
    for kind in (Barcodes(), Reconstruction(), Likeness()):
        loaded = kind.load(Equipment(Detection(), hiding))
        (truth,) = loaded.look(image, [region], Variant())
        for variant in (Variant("blur", 100), MASK):
            shown = anonymize(image, [region], variant, hiding)
            (found,) = loaded.look(shown, [region], variant)
            shares[kind.name, variant.method] = loaded.shares(truth, found)
    assert shares["barcodes", "blur"]["decoded"] == shares["reconstruction", "mask"]["decoded"] == 0
    assert shares["reconstruction", "blur"]["decoded"] == 1.0
    assert shares["likeness", "blur"]["ssim"] > 0.5 > shares["likeness", "mask"]["ssim"]


def test_a_blurred_zone_is_read_after_reconstruction_and_not_before() -> None:
    paper = appearance.Colours(np.full(1, 255), np.zeros(1, np.int64))
    drawn = paper.blended(appearance.zone_lines(TD3, (110, 900)))[:, :, 0].astype(np.uint8)
    image, region = np.pad(drawn, 8, constant_values=255), Region(Entity.MRZ, 8, 8, 908, 118, 1.0)
    hiding = Anonymization.model_validate({"blur": {"sigma": {"mrz": 0.07}}})
    right = {}
    for kind in (MrzReading(), Reconstruction()):
        loaded = kind.load(Equipment(Detection(), hiding))
        (truth,) = loaded.look(image, [region], Variant())
        for variant in (Variant(), Variant("blur", 100), MASK):
            shown = anonymize(image, [region], variant, hiding) if variant.method else image
            (found,) = loaded.look(shown, [region], variant)
            right[kind.name, variant.method] = loaded.shares(truth, found)["characters"]
    assert right["mrz_reading", None] == right["reconstruction", None] == 1.0
    assert right["reconstruction", "blur"] > 0.1 > right["mrz_reading", "blur"]
    assert right["reconstruction", "mask"] == 0.0
