"""Lines of text that an image's edge cuts are found as far as they are in sight."""

import cv2
import numpy as np
import pytest
from drawn_text import Looks, covered, packaged

from anonbench.config.detectors import Detection
from anonbench.core.boxes import Region
from anonbench.core.vocabulary import Entity
from anonbench.detection.search import build
from anonbench.detection.text_search import cut_lines


@pytest.mark.parametrize("height", [16, 48])
@pytest.mark.parametrize("quarters", range(4))
def test_the_visible_half_of_a_name_at_an_edge_is_hidden(quarters: int, height: int) -> None:
    """Burnt into radiographs at their edge, a name stayed readable."""
    packaged()
    image = np.random.default_rng(0).normal(60, 4, (700, 900)).clip(0, 255).astype(np.uint8)
    scale = height / 22  # of the font, whose capitals are 22 pixels high
    for text, top in (("Hernandez Maria", False), ("ID 29361589", True)):
        place = (150, height // 2) if top else (150, 700 + height // 2)
        cv2.putText(image, text, place, cv2.FONT_HERSHEY_SIMPLEX, scale, (250,), 3, cv2.LINE_AA)
    image = np.ascontiguousarray(np.rot90(image, quarters))
    found = build("ppocr", Detection()).detect([image])[0]
    assert covered(image.shape, found)[image > 200].mean() > 0.95


def test_a_line_is_moved_from_the_mirrored_strip_to_its_edge() -> None:
    height, width = 300, 400
    image = np.zeros((height, width, 3), np.uint8)
    for quarters in range(4):
        turned = np.rot90(image, quarters)
        turned[:15, 100:180] = 255

    def look(strip: np.ndarray) -> list[Region]:
        xs, middle = np.nonzero(strip.any(axis=(0, 2)))[0], len(strip) / 2
        assert np.array_equal(strip, strip[::-1]), "a strip and its mirror image"
        ends = ((middle - 15, middle + 15), (middle + 1, middle + 20))  # the second is whole
        return [Region(Entity.TEXT, xs.min(), y0, xs.max() + 1, y1, 0.9) for y0, y1 in ends]

    found = {(line.x0, line.y0, line.x1, line.y1) for line in cut_lines(image, Looks(look))}
    sides = {(-15, 120, 15, 200), (385, 100, 415, 180)}
    assert found == sides | {(100, -15, 180, 15), (220, 285, 300, 315)}


def test_of_a_large_image_edges_are_searched_at_smaller_scales_too() -> None:
    looks = Looks(lambda _: [Region(Entity.TEXT, 10, 60, 50, 70, 0.9)])
    image = np.zeros((3000, 4000), np.uint8)
    assert not [*cut_lines(image, looks)] and not looks.shapes  # edges of one tone cut no letters
    image[:, :1000] = 255
    image[:1000] = 255
    lines = [*cut_lines(image, looks)]
    assert {max(shape) for shape in looks.shapes} == {4000, 3000, 2000, 1500, 1000, 750}
    assert max(line.y1 - line.y0 for line in lines) == 160
