"""The methods and their strengths against plain computations, and what holds for all."""

import math
from contextlib import nullcontext
from itertools import permutations, product
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import settings as examples
from hypothesis import strategies as st
from scipy.ndimage import gaussian_filter
from threadpoolctl import threadpool_limits

from anonbench.anonymization.apply import layers
from anonbench.anonymization.audit import Failure
from anonbench.anonymization.audit.pixels import check_layers
from anonbench.anonymization.audit.regions import read_regions
from anonbench.anonymization.checked import anonymize
from anonbench.anonymization.methods import BUILT_IN, Blur, Mask, Pixelate
from anonbench.anonymization.methods.blur import Sigma
from anonbench.anonymization.methods.dp_pixelate import DpPixelate
from anonbench.anonymization.methods.pixelate import Blocks
from anonbench.config import Anonymization
from anonbench.core.boxes import Region, box_table
from anonbench.core.errors import InputError
from anonbench.core.registries.methods import with_colours
from anonbench.core.vocabulary import Entity, Variant
from anonbench.evaluation.privacy.attacks.kinds.reconstruction import undone
from keyed_settings import KEYED, asked

SIDES = st.integers(1, 40)
COARSE = ["pixelate", "blur", "box_blur", "median", "dp_pixelate"]
KEEP_NOTHING = [each.name for each in BUILT_IN if each.information_left == "none"]


def pixels(height: int, width: int, colour: bool, seed: int = 0) -> np.ndarray:
    shape = (height, width, 3) if colour else (height, width)
    return np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)


@pytest.mark.parametrize("colour", [True, False])
@pytest.mark.parametrize(
    ("height", "blocks", "rows", "columns"),
    [(40, 4, 4, 6), (39, 3.9, 3, 6), (40, 1, 1, 1), (40, 0.5, 1, 1)],
)
def test_pixelate_gives_blocks_their_mean(
    height: int, blocks: float, rows: int, columns: int, colour: bool
) -> None:
    """Blocks of uneven sizes are computed by the audit, too, on images of any size."""
    image, sides = pixels(height, 60, colour), (height // rows, 60 // columns)
    result = Pixelate.model_validate({"blocks": {"face": blocks}}).hide(image, Entity.FACE)
    tiles = image.reshape(rows, sides[0], columns, sides[1], -1)
    means = tiles.mean(axis=(1, 3)).repeat(sides[0], axis=0).repeat(sides[1], axis=1)
    assert np.abs(result - means.reshape(image.shape)).max() < 0.51


@pytest.mark.parametrize(("height", "width", "blocks"), [(255, 3279, 9), (2402, 101, 2)])
def test_no_block_of_a_large_region_is_too_small(height: int, width: int, blocks: int) -> None:
    """Sizes at which fixed-point arithmetic moved a border by a pixel."""
    settings = Pixelate.model_validate({"blocks": {"face": blocks}})
    result = settings.hide(pixels(height, width, False), Entity.FACE).astype(int)
    asked = -(-min(height, width) // blocks)
    for axis in (0, 1):
        edges = np.flatnonzero(np.any(np.diff(result, axis=axis), axis=1 - axis)) + 1
        assert np.diff([0, *edges, result.shape[axis]]).min() >= asked


@given(SIDES, SIDES, st.booleans(), st.floats(0.1, 2.0), st.integers(0, 9))
@example(40, 61, True, 2.0, 0)
@example(19, 23, False, 2.0, 0)
def test_blur_is_mirrored(height: int, width: int, colour: bool, share: float, seed: int) -> None:
    """Narrow kernels are summed, of wide ones the few cosines that they leave."""
    image = pixels(height, width, colour, seed)
    result = Blur(sigma=Sigma(text=share)).hide(image, Entity.TEXT)
    sigma = max(1.5, share * min(height, width))
    expected = gaussian_filter(image.astype(float), sigma, mode="reflect", truncate=8, axes=(0, 1))
    assert np.abs(result - expected).max() < 0.51


def test_the_number_of_threads_is_seen_in_no_blurred_pixel() -> None:
    """Products of large matrices add up in another order; in single precision this fails."""
    image, made = pixels(1500, 1000, False), []
    for threads in (1, 2):
        with threadpool_limits(threads):
            made.append(Blur().hide(image, Entity.FACE))
    assert np.array_equal(*made)


@pytest.mark.parametrize("name", COARSE)
@pytest.mark.parametrize("entity", [Entity.FACE, Entity.TEXT])
def test_a_large_region_is_hidden_as_much_as_a_small_one(
    tmp_path: Path, name: str, entity: Entity
) -> None:
    """Twenty times as large: a kernel limited to 255 pixels showed large faces and letters."""
    method = asked(tmp_path, dp_pixelate={"epsilon": 1e9}).method(name)
    small = np.kron(pixels(8, 10, True), np.ones((8, 8, 1), np.uint8))
    large = small.repeat(20, axis=0).repeat(20, axis=1)
    once = np.asarray(method.hide(small, entity), float)
    seen = method.hide(large, entity).reshape(64, 20, 80, 20, 3).mean(axis=(1, 3))
    assert np.abs(seen - once).mean() < 3.0


@pytest.mark.parametrize("name", [name for name in COARSE if name != "median"])
def test_code_words_of_a_low_barcode_are_averaged(tmp_path: Path, name: str) -> None:
    """A Code 128 of 12 modules' height was read from 4 blocks across it, by trying code words.

    A median still shows which colour prevails.
    """
    method = asked(tmp_path, dp_pixelate={"epsilon": 1e9}).method(name)
    words = np.tile(np.repeat([0, 255], [5, 6]), 8).repeat(6)  # of 11 modules of 6 pixels
    code = np.tile(words.astype(np.uint8), (12 * 6, 1))
    assert np.ptp(method.hide(code, Entity.BARCODE)) < 64


@pytest.mark.parametrize("name", KEEP_NOTHING)
@pytest.mark.parametrize("colour", [True, False])
@given(
    x=st.integers(1, 55), y=st.integers(0, 45), width=st.integers(1, 30), height=st.integers(1, 30)
)
@examples(max_examples=15)
def test_what_a_region_shows_has_no_part_in_the_result(
    settings: Anonymization, name: str, colour: bool, x: int, y: int, width: int, height: int
) -> None:
    """Two images that differ only inside of their regions cannot be told apart."""
    one = pixels(50, 60, colour)
    regions = [
        Region(Entity.FACE, x, y, x + width, y + height, 1.0),
        Region(Entity.TEXT, min(x + width, 59), y, x + width + 9, y + 5, 1.0),
        Region(Entity.TEXT, 30, 20, 50, 40, 1.0, (34, 20, 50, 34, 46, 40, 30, 26)),
    ]
    variant = Variant(name, 100)
    inside = anonymize(np.full((50, 60), 255, np.uint8), regions, Variant("mask", 100)) == 0
    if name == "inpaint":  # boxes of slanted regions count as a whole
        inside[20:40, 30:50] = True
        plain = [*regions[:2], Region(Entity.TEXT, 30, 20, 50, 40, 1.0)]
        assert not anonymize(np.ones((50, 60), np.uint8), plain, Variant("mask", 100))[inside].any()
        regions = plain
    other = one.copy()
    other[inside] = pixels(50, 60, colour, seed=1)[inside]
    shown = [anonymize(image, regions, variant, settings) for image in (one, other)]
    assert np.array_equal(*shown)


def test_inpainting_continues_what_is_around_or_is_grey(settings: Anonymization) -> None:
    slope = np.tile(np.linspace(20, 220, 60), (50, 1)).astype(np.uint8)
    spoilt = slope.copy()
    spoilt[10:40, 20:40] = 0
    part, whole = Region(Entity.FACE, 20, 10, 40, 40, 1.0), Region(Entity.FACE, 0, 0, 60, 50, 1.0)
    filled, grey = (
        anonymize(spoilt, [region], Variant("inpaint", 100), settings) for region in (part, whole)
    )
    assert np.abs(filled.astype(int) - slope)[10:40, 20:40].mean() < 20
    assert np.all(grey == 128)


def test_the_mean_mask_is_the_mean_and_a_pixels_one_does_not_tell_itself() -> None:
    for colour in (True, False):
        image = pixels(9, 13, colour)
        result = Mask(colour="mean").hide(image, "face")
        assert np.abs(result - image.mean(axis=(0, 1))).max() <= 0.5
        assert (result == result[0, 0]).all()
    alone = np.zeros((20, 20), np.uint8)
    alone[5, 5] = 255
    settings = Anonymization.model_validate({"mask": {"colour": "mean"}})
    region = Region(Entity.FACE, 5, 5, 6, 6, 1.0)
    assert anonymize(alone, [region], Variant("mask", 100), settings)[5, 5] == 16


def test_a_method_without_a_colour_gets_one_that_no_other_has() -> None:
    own = {each.name: each.line_colour for each in BUILT_IN}
    built_in = with_colours(own)
    assert len(set(built_in.values())) == len(own)
    assert built_in == {name: colour or built_in[name] for name, colour in own.items()}
    added = with_colours(own | {"stripes": "", "dots": ""})
    assert len(set(added.values())) == len(own) + 2 and "" not in added.values()
    taken = with_colours({"one": added["stripes"], "other": ""})
    assert taken["one"] != taken["other"]


IMAGE = pixels(24, 40, True)


@pytest.mark.parametrize("name", KEYED)
def test_numbers_come_from_the_key_alone(tmp_path: Path, name: str) -> None:
    def made(*key: bytes) -> np.ndarray:
        return asked(tmp_path, *key).method(name).hide(IMAGE, Entity.FACE)

    assert np.array_equal(made(), made())
    assert not np.array_equal(made(), made(b"x" * 32))
    with pytest.raises(InputError, match="has 5 bytes"):
        made(b"12345")
    without = Anonymization.model_validate({name: {"key_file": tmp_path / "none.key"}})
    with pytest.raises(InputError, match=rf"anonymization\.{name}\.key_file.*openssl rand"):
        without.method(name).hide(IMAGE, Entity.FACE)
    with pytest.raises(Failure, match="key of its random numbers cannot be read"):
        without.method(name).drawn_again(IMAGE.transpose(2, 0, 1), Entity.FACE, 1, 8)


def test_numbers_follow_from_all_that_the_result_depends_on(tmp_path: Path) -> None:
    """The same numbers under two strengths would be subtracted from each other."""
    noise = asked(tmp_path).method("noise")
    louder = asked(tmp_path, noise={"deviation": 81.0}).method("noise")
    changed = IMAGE.copy()
    changed[3, 3, 0] ^= 1
    first = noise.random(IMAGE, "face", 1000, 16)
    for method, seen, entity in (
        (louder, IMAGE, "face"),
        (noise, IMAGE, "text"),
        (noise, changed, "face"),
        (noise, IMAGE.reshape(40, 24, 3), "face"),
    ):
        second = method.random(seen, entity, 1000, 16)
        assert abs(np.corrcoef(first, second)[0, 1]) < 0.15


@pytest.mark.parametrize(("channels", "epsilon"), [(1, 50.0), (3, 200.0)])
def test_the_scale_of_the_laplace_noise(tmp_path: Path, channels: int, epsilon: float) -> None:
    """Mean absolute deviation is the scale: 255 · m · channels / (area of a block · epsilon)."""
    chosen = {"epsilon": epsilon, "pixels": 16, "blocks": {"face": 40}}
    method = asked(tmp_path, dp_pixelate=chosen).dp_pixelate
    shape = (160, 160, 3) if channels == 3 else (160, 160)
    result = method.hide(np.full(shape, 128, np.uint8), "face")[::4, ::4].astype(float)
    scale = 255 * 16 * channels / (16 * epsilon)
    expected = scale * (1 - math.exp(-128 / scale))  # cut at the ends of the range
    assert np.abs(result - 128).mean() == pytest.approx(expected, rel=0.12)


@pytest.mark.slow
def test_epsilon_bounds_how_well_two_versions_are_told_apart(tmp_path: Path) -> None:
    """Odds of each result, over many keys, for two regions that differ in m pixels."""
    one = np.full((8, 8), 100, np.uint8)
    other = one.copy()
    other[0, :4] = 255
    counts = np.zeros((2, 2))
    file = tmp_path / "changing.key"
    method = DpPixelate(key_file=file, epsilon=1.0, pixels=4, blocks=Blocks(face=1))
    for number in range(500):
        file.write_bytes(number.to_bytes(32, "big"))
        for row, region in enumerate((one, other)):
            counts[row, int(method.hide(region, "face")[0, 0] > 105)] += 1
    ratios = counts[0] / counts[1]
    assert np.all(ratios < math.e * 1.15)
    assert np.all(ratios > 1 / (math.e * 1.15))
    assert ratios[0] > 1.2, "it is not noise alone"


def test_a_random_crop_of_the_whole_image_shows_one_rectangle_of_it(tmp_path: Path) -> None:
    """Whatever region it was asked for by, and wherever that is."""
    places = np.indices((60, 90), np.uint8)
    picture = np.stack([*places, np.zeros((60, 90), np.uint8)], axis=2)
    settings = asked(tmp_path, shape={"face": "image"}, random_crop={"share": 0.5})
    seen = []
    for box in ((5, 5, 20, 20), (50, 30, 85, 55)):
        face = Region(Entity.FACE, *map(float, box), score=0.9)
        shown = anonymize(picture, [face], Variant("random_crop", 100), settings)
        rows, columns = (np.unique(shown[..., channel]) for channel in (0, 1))
        assert (len(rows), len(columns)) == (30, 45)
        assert (np.diff(rows) == 1).all() and (np.diff(columns) == 1).all()
        seen.append(shown)
    np.testing.assert_array_equal(*seen)


REGIONS = [Region("face", 6.0, 4.0, 54.0, 58.0, 1.0)]
NOISE = pixels(64, 64, True)
OWN: dict[str, Any] = {
    "pixelate": {"blocks": {"face": 3}},
    "blur": {"sigma": {"face": 0.3}},
    "mask": {"colour": [255, 255, 255]},
    "swirl": {"turns": 0.6},
}
SETTINGS = Anonymization.model_validate(
    {
        "strengths": {method: {"other": own} for method, own in OWN.items()}
        | {"layers": {"both": {"methods": ["pixelate_other", "blur"]}}}
    }
)


def audited(name: str, pixels: np.ndarray, *between: np.ndarray) -> dict[str, int]:
    (regions,) = read_regions(box_table({"a": REGIONS}, 0)).values()
    return check_layers(NOISE, pixels, regions, Variant(name, 100), SETTINGS, between)


@pytest.mark.parametrize("method", OWN)
def test_a_strength_hides_as_its_method_with_its_parameters(method: str) -> None:
    names = method, f"{method}_other"
    plain, other = (anonymize(NOISE, REGIONS, Variant(each, 100), SETTINGS) for each in names)
    asked = Anonymization.model_validate({method: OWN[method]})
    assert np.array_equal(other, anonymize(NOISE, REGIONS, Variant(method, 100), asked))
    assert np.array_equal(plain, anonymize(NOISE, REGIONS, Variant(method, 100)))
    for (made, name), pixels in zip(
        product(names, repeat=2), (plain, plain, other, other), strict=True
    ):
        with nullcontext() if made == name else pytest.raises(Failure):
            audited(name, pixels)


def test_layers_of_strengths_are_hidden_and_audited_one_by_one() -> None:
    first, last = layers(NOISE, REGIONS, Variant("layers_both", 100), SETTINGS)
    coarse, plain = (
        anonymize(NOISE, REGIONS, Variant(name, 100), SETTINGS)
        for name in ("pixelate_other", "pixelate")
    )
    assert np.array_equal(first, coarse)
    assert audited("layers_both", last, first)["regions"] == 1
    with pytest.raises(Failure):
        audited("layers_both", last, plain)


def test_an_attacker_undoes_the_strength_that_was_applied() -> None:
    smooth = np.asarray(np.add.outer(np.arange(64.0), np.arange(64.0)) + 60, np.uint8)
    whole = [Region("face", 0.0, 0.0, 64.0, 64.0, 1.0)]
    variant = Variant("blur_other", 100)
    hidden = anonymize(smooth, whole, variant, SETTINGS)

    def error(undoing: Variant) -> float:
        (restored,) = undone(hidden, whole[0], undoing, SETTINGS)
        return float(np.abs(restored.astype(float) - smooth).mean())

    assert error(variant) < error(Variant("blur", 100))
    (as_it_is,) = undone(hidden, whole[0], Variant("given_deface", 100), SETTINGS)
    assert np.array_equal(as_it_is, hidden)


@pytest.mark.parametrize(("face", "text"), list(permutations(("pixelate_fine", "pixelate"))))
def test_strengths_of_one_method_stay_apart_by_entity(face: str, text: str) -> None:
    strengths = {"pixelate": {"fine": {"blocks": {"face": 9, "text": 9}}}}
    settings = Anonymization.model_validate(
        {"strengths": strengths, "by_entity": {"face": face, "text": text}}
    )
    regions = [
        Region("face", 2.0, 2.0, 40.0, 40.0, 1.0),
        Region("text", 30.0, 30.0, 60.0, 60.0, 1.0),
    ]
    made = anonymize(NOISE, regions, Variant("by_entity", 100), settings)  # which is audited
    only = anonymize(NOISE, [regions[0]], Variant(face, 100), settings)
    assert np.array_equal(made[2:28, 2:28], only[2:28, 2:28])
