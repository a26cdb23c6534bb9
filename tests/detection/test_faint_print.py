"""Faint print is found beside dark lines, whose fringe is none, and at the edge of an image."""

import cv2
import numpy as np
import pytest
from drawn_text import Finds, Looks, covered

from anonbench.config.detectors import Detection
from anonbench.core.boxes import Region
from anonbench.core.vocabulary import Entity
from anonbench.detection.kinds import Ppocr
from anonbench.detection.kinds import ppocr as ppocr_model
from anonbench.detection.search import build
from anonbench.detection.text_search import faint_print


@pytest.mark.parametrize("is_white", [False, True])
def test_pale_lines_close_to_dark_ones_are_found(is_white: bool) -> None:
    """A dark stroke makes what is near it no faint print: 20 of 31 lines on real pages stayed."""
    if ppocr_model.packaged(Ppocr().model) is None:
        pytest.skip("rapidocr_onnxruntime, whose weights are used, is not installed")
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
