"""Random numbers that only the holder of the key can repeat, and what they do."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest

from anonbench.anonymization.apply import anonymize
from anonbench.anonymization.methods.dp_pixelate import DpPixelate
from anonbench.anonymization.methods.pixelate import Blocks
from anonbench.config import Anonymization
from anonbench.core.boxes import Region
from anonbench.core.errors import InputError
from anonbench.core.vocabulary import Entity, Variant
from keyed_settings import KEYED, asked


def image(seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (24, 40, 3), dtype=np.uint8)


def hidden(name: str, settings: Anonymization, pixels: np.ndarray) -> np.ndarray:
    return settings.method(name).hide(pixels, "face")


@pytest.mark.parametrize("name", KEYED)
def test_numbers_come_from_the_key_alone(tmp_path: Path, name: str) -> None:
    one, again = (hidden(name, asked(tmp_path), image()) for _ in range(2))
    other = hidden(name, asked(tmp_path, key=b"x" * 32), image())
    assert np.array_equal(one, again)
    assert not np.array_equal(one, other)
    without = Anonymization.model_validate({name: {"key_file": tmp_path / "none.key"}})
    with pytest.raises(InputError, match=rf"anonymization\.{name}\.key_file.*openssl rand"):
        hidden(name, without, image())


def test_numbers_follow_from_all_that_the_result_depends_on(tmp_path: Path) -> None:
    """The same numbers under two strengths would be subtracted from each other."""
    noise = asked(tmp_path).method("noise")
    louder = asked(tmp_path, noise={"deviation": 81.0}).method("noise")
    changed = image()
    changed[3, 3, 0] ^= 1
    first = noise.random(image(), "face", 1000, 16)
    for method, pixels, entity in (
        (louder, image(), "face"),
        (noise, image(), "text"),
        (noise, changed, "face"),
        (noise, image().reshape(40, 24, 3), "face"),
    ):
        second = method.random(pixels, entity, 1000, 16)
        assert abs(np.corrcoef(first, second)[0, 1]) < 0.15


def test_a_short_key_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="has 5 bytes"):
        hidden("noise", asked(tmp_path, key=b"12345"), image())


def test_noise_has_its_deviation(tmp_path: Path) -> None:
    grey = np.full((200, 200), 128, np.uint8)
    noisy = hidden("noise", asked(tmp_path, noise={"deviation": 20}), grey).astype(float)
    assert abs(noisy.mean() - 128) < 0.5
    assert abs(noisy.std() - 20) < 0.5


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
    for number in range(1000):
        file.write_bytes(number.to_bytes(32, "big"))
        for row, pixels in enumerate((one, other)):
            counts[row, int(method.hide(pixels, "face")[0, 0] > 105)] += 1
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
