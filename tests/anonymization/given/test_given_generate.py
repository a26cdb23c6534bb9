"""Pictures by a network: a stand-in with fixed random weights, in place of a generator of faces."""

from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest
import zxingcpp
from PIL import Image

from anonbench.anonymization.given.generate import HIDDEN, generate_pictures, redrawn_image
from anonbench.core.boxes import Region
from anonbench.core.errors import InputError
from anonbench.datasets.given import belonging, pictures_in
from image_files import qr

REGIONS = [
    Region("face", 10.0, 12.0, 30.0, 36.0, 1.0),
    Region("face", 26.0, 30.0, 44.0, 46.0, 1.0, (26.0, 34.0, 40.0, 30.0, 44.0, 42.0, 30.0, 46.0)),
]
BOXES = np.zeros((60, 50), bool)
BOXES[12:36, 10:30] = BOXES[30:46, 26:44] = True


class StandIn:
    """A convolution that sees the crop and its mask, at the one size that such networks have."""

    def __init__(self) -> None:
        self.weights = np.random.default_rng(0).normal(0, 0.3, (3, 4, 3, 3))
        self.seen: list[tuple[np.ndarray, np.ndarray]] = []

    def __call__(self, crop: np.ndarray, hidden: np.ndarray) -> np.ndarray:
        self.seen.append((crop, hidden))
        planes = np.dstack([crop, 255 * hidden.astype(np.uint8)])
        small = cv2.resize(planes, (32, 32), interpolation=cv2.INTER_AREA).astype(np.float64)
        drawn = [
            sum(cv2.filter2D(small[..., i], -1, self.weights[o, i]) for i in range(4))
            for o in range(3)
        ]
        levels = np.clip(np.dstack(drawn), 0, 255).astype(np.uint8)
        return cv2.resize(levels, crop.shape[1::-1], interpolation=cv2.INTER_LINEAR)


def picture(colour: bool = True) -> np.ndarray:
    return np.random.default_rng(1).integers(0, 256, (60, 50, 3)[: 2 + colour], dtype=np.uint8)


@pytest.mark.parametrize("colour", [True, False])
def test_what_regions_show_has_no_part_in_the_picture(colour: bool) -> None:
    one = picture(colour)
    other = one.copy()
    other[BOXES] = 255 - other[BOXES]
    drawn = redrawn_image(one, REGIONS, StandIn())
    assert np.array_equal(drawn[BOXES], redrawn_image(other, REGIONS, StandIn())[BOXES])
    assert np.array_equal(drawn[~BOXES], one[~BOXES])
    assert (drawn[BOXES] != one[BOXES]).mean() > 0.9
    assert drawn.shape == one.shape


def test_the_network_sees_surroundings_and_where_all_regions_are() -> None:
    network = StandIn()
    redrawn_image(picture(), REGIONS, network)
    (crop, hidden), _ = network.seen
    assert crop.shape == (48, 40, 3) and hidden.shape == (48, 40)  # twice the region
    assert np.array_equal(hidden, BOXES[0:48, 0:40])
    assert (crop[hidden] == HIDDEN).all()
    assert np.array_equal(crop[~hidden], picture()[0:48, 0:40][~hidden])


def test_anything_but_a_crop_is_refused() -> None:
    for wrong in (lambda c, h: c[:-1], lambda c, h: c.astype(float), lambda c, h: None):
        with pytest.raises(InputError, match=r"the network returned .* instead of uint8 \[48"):
            redrawn_image(picture(), REGIONS[:1], wrong)  # type: ignore[arg-type]


@pytest.mark.parametrize("context", [0.0, 0.5, float("nan")])
def test_a_crop_without_its_region_is_refused(context: float) -> None:
    with pytest.raises(InputError, match=r"context: .* is less than the region"):
        redrawn_image(picture(), REGIONS, StandIn(), context)


@pytest.mark.parametrize("detectors", ["zxing", ["none"], []])
def test_unknown_detectors_are_refused(tmp_path: Path, detectors: list[str]) -> None:
    (tmp_path / "in").mkdir()
    Image.fromarray(picture()).save(tmp_path / "in/a.png")
    with pytest.raises(InputError, match=r"^detector"):
        generate_pictures(tmp_path / "in", tmp_path / "out", StandIn(), detectors)


def test_pictures_are_those_that_a_data_set_looks_for(tmp_path: Path) -> None:
    photos = tmp_path / "photos"
    (photos / "deep").mkdir(parents=True)
    drawn = np.full((200, 320), 255, np.uint8)
    bars = qr("gate 12", scale=4, margin=0)
    drawn[40 : 40 + bars.shape[0], 40 : 40 + bars.shape[1]] = bars
    first = Image.fromarray(drawn)
    first.save(photos / "deep" / "code.png")
    first.save(photos / "moving.gif", save_all=True, append_images=[Image.new("L", (320, 200), 99)])
    Image.fromarray(np.full((50, 50, 3), 99, np.uint8)).save(photos / "plain.bmp")
    (photos / "broken.png").write_bytes(b"no image")
    found = generate_pictures(photos, tmp_path / "drawn", StandIn(), ["zxing"])
    assert (found.written, found.regions) == (2, 2), "of an animation the first frame"
    reasons = {each.name: each.reason for each in found.left_out}
    assert reasons.keys() == {"broken.png", "plain.bmp"}
    assert reasons["plain.bmp"] == "nothing was found in it"
    names = pictures_in(tmp_path / "drawn")
    images = pd.DataFrame({"id": ["deep/code", "plain"], "path": ["deep/code.png", "plain.bmp"]})
    assert belonging(images, names, "network").tolist() == ["deep/code.png", None]
    picture = tmp_path / "drawn" / "deep" / "code.png"
    before = picture.read_bytes()
    assert not zxingcpp.read_barcodes(Image.open(picture))
    generate_pictures(photos, tmp_path / "drawn", StandIn(), ["zxing"])
    assert picture.read_bytes() == before
    with pytest.raises(InputError, match="folder of the originals"):
        generate_pictures(photos, photos / "drawn", StandIn(), ["zxing"])
