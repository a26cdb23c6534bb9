"""Large prints of fingers and palms, and faint print beside dark lines: hidden, others not."""

import cv2
import numpy as np
import pytest
from drawn_text import Finds, Looks, covered, packaged

from anonbench.config.detectors import Detection
from anonbench.core.boxes import Region
from anonbench.core.vocabulary import Entity
from anonbench.detection import doubts
from anonbench.detection.kinds.ink import InkDetector
from anonbench.detection.search import build
from anonbench.detection.text_search import faint_print
from anonbench.detection.views import Reach, Views
from anonbench.detection.watermarks import watermarks

DOWN, ACROSS = np.mgrid[-400:400, -350:350]
KINDS = {
    "whorl": np.hypot(1.3 * ACROSS, DOWN + 20),
    "loop": np.where(DOWN < -60, np.hypot(ACROSS, DOWN + 60), np.abs(ACROSS)) + 0.2 * DOWN,
    "arch": DOWN + 60 * np.exp(-np.square(ACROSS / 90)),
    "palm": np.hypot(ACROSS + 40, DOWN + 210),
}


def print_of(kind: str, period: float = 9.0, dark: int = 30, paper: int = 240) -> np.ndarray:
    """A print of 340 by 420 pixels with blots and gaps, uint8 [800, 700]."""
    blots = np.random.default_rng(0).normal(0, 0.5, (20, 18))
    pressed = cv2.resize(blots, ACROSS.shape[::-1], interpolation=cv2.INTER_CUBIC)
    ink = 1 / (1 + np.exp(-5 * (np.sin(2 * np.pi / period * KINDS[kind]) + pressed)))
    ink[np.hypot(ACROSS / 170, DOWN / 210) > 1] = 0
    return (paper - (paper - dark) * ink).astype(np.uint8)


def ink_of(image: np.ndarray) -> list[Region]:
    (found,) = InkDetector(Finds()).detect([image])
    return list(found)


def is_doubtful(image: np.ndarray, regions: list[Region]) -> bool:
    kinds = [str(entity) for entity in Entity]
    return doubts.RIDGES in doubts.doubts_of(image, regions, kinds)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("negative", [False, True])
@pytest.mark.parametrize("scale", [1, 3])
def test_all_of_a_large_print_is_ink(kind: str, negative: bool, scale: int) -> None:
    """They were doubtful and in sight; the file of another device has other pixels."""
    image = print_of(kind)
    true = np.hypot(ACROSS / 170, DOWN / 210) <= 1
    image = (255 - image if negative else image).repeat(scale, 0).repeat(scale, 1)
    found = ink_of(image)
    hidden = covered(image.shape, found)
    assert hidden[true.repeat(scale, 0).repeat(scale, 1)].all()
    assert hidden.mean() < 0.45, "and little else"
    assert is_doubtful(image, []) and not is_doubtful(image, found)


def test_a_coloured_print_that_covers_less_of_its_place_is_ink() -> None:
    image = np.dstack([print_of("whorl", dark=each) for each in (90, 150, 180)])
    assert covered(image.shape, ink_of(image))[image[..., 0] < 150].all()


def test_a_few_stripes_are_doubtful_and_stay() -> None:
    """In 1,771 photographs, six places with shirts or curls look as a part of a print."""
    image = print_of("whorl", period=21.0, dark=60)
    assert not ink_of(image) and is_doubtful(image, [])


def test_another_print_in_pale_ink_keeps_the_doubt() -> None:
    """Whether all of a print is hidden cannot be told beside such lines."""
    for paper, expected in ((205, False), (218, True)):
        image = np.hstack([print_of("whorl"), print_of("loop", dark=200, paper=paper)])
        found = ink_of(image)
        assert max(region.x1 for region in found) < 700
        assert is_doubtful(image, found) is expected


@pytest.mark.parametrize("is_white", [False, True])
def test_pale_lines_close_to_dark_ones_are_found(is_white: bool) -> None:
    """A dark stroke makes what is near it no faint print: 20 of 31 lines on real pages stayed."""
    packaged()
    image = np.full((440, 640), 255, np.uint8)
    pale = np.zeros(image.shape, np.uint8)
    for row in range(4):
        for layer, y, text, size, ink in (
            (image, 40, "Kontoauszug Nummer", 1.0, 0),
            (pale, 67, "Erika Mustermann", 0.6, 255),
            (image, 97, "Blatt 3 vom Januar", 1.0, 0),
        ):
            place = (30, y + 100 * row)
            cv2.putText(layer, text, place, cv2.FONT_HERSHEY_SIMPLEX, size, (ink,), 2, cv2.LINE_AA)
    image = np.minimum(image, 255 - np.uint8(10) * (pale > 99))
    image = 255 - image if is_white else image
    (found,) = build("ppocr", Detection()).detect([image])
    assert covered(image.shape, found)[pale > 99].mean() > 0.95


def test_faint_lines_that_reach_beyond_the_image_are_found() -> None:
    image = np.full((60, 400), 255, np.uint8)
    cv2.putText(image, "Erika Mustermann", (0, 20), cv2.FONT_HERSHEY_SIMPLEX, 0.6, (251,), 2)
    line = Region(Entity.TEXT, -3, -2, 190, 26, 0.9, (-3, -2, 190, -2, 190, 26, -3, 26))
    assert line in faint_print(image, [], Finds(line))
    solid, looked = np.full((60, 400), 255, np.uint8), Looks(lambda _: [line])
    solid[20:30, 50:300] = 251
    assert not [*faint_print(solid, [], looked)] and not looked.shapes, "a bar is no line"


def test_a_thin_strip_beside_a_dark_line_is_its_fringe() -> None:
    image = np.full((180, 400), 255, np.uint8)
    cv2.putText(image, "Erika Mustermann", (100, 80), cv2.FONT_HERSHEY_SIMPLEX, 0.6, (251,), 2)
    image[48:61] = image[87:100] = 0
    dark = [Region(Entity.TEXT, 0, y, 400, y + 13, 0.9) for y in (48, 87)]
    for known, height, count in (([], 17, 0), (dark, 17, 1), (dark, 9, 0)):
        beside = Region(Entity.TEXT, 20, 20, 200, 20 + height, 0.9)
        assert len([*faint_print(image, known, Finds(beside))]) == count


@pytest.mark.parametrize("slant", [0, 20, 45, 90])
@pytest.mark.parametrize("is_white", [False, True])
def test_a_large_pale_watermark_behind_print_is_found(slant: int, is_white: bool) -> None:
    """A model saw only the print: of 42 drawn names on real pages, 33 had stayed in parts."""
    packaged()
    print_, mark = np.full((900, 900), 255, np.uint8), np.zeros((900, 900), np.uint8)
    for row in range(12):
        place = (60, 90 + 65 * row)
        cv2.putText(print_, "Kontoauszug Nummer 7 vom Januar", place, 0, 0.9, (0,), 2, cv2.LINE_AA)
    cv2.putText(mark, "Erika Mustermann", (90, 470), 2, 2.5, (255,), 6, cv2.LINE_AA)
    turn = cv2.getRotationMatrix2D((450, 450), slant, 1)
    is_mark = cv2.warpAffine(mark, turn, (900, 900)) > 99
    image = np.minimum(print_, 255 - np.uint8(12) * is_mark)
    image = 255 - image if is_white else image
    (found,) = build("ppocr", Detection()).detect([image])
    hidden = covered(image.shape, found)
    assert hidden[is_mark].mean() > 0.95
    assert hidden.mean() < 0.6, "and no more than the lines"


def test_shades_are_no_watermark() -> None:
    """They have many contrasts; letters of a watermark have one."""
    rows, columns = np.mgrid[:400, :600]
    shade = columns % 40 * ((rows > 150) & (rows < 240))
    looked = Looks(lambda _: [])
    views = Views(looked, Reach(1000, 1000, 100))
    assert not [*watermarks((235 - shade).astype(np.uint8), views)] and not looked.shapes
    even = np.where(shade > 13, 223, 235).astype(np.uint8)
    assert not [*watermarks(even, views)] and looked.shapes, "stripes of one contrast are looked at"
