"""Doubts about a searched image: each holds where its bound is passed, and not before."""

import cv2
import numpy as np
import pytest
from PIL import Image, ImageDraw

from anonbench.config import Detection
from anonbench.core.boxes import Region
from anonbench.core.vocabulary import Entity
from anonbench.detection import doubts
from anonbench.detection.search import Search
from anonbench.detection.views import Reach, Views

ALL = [str(entity) for entity in Entity]


def noise(height: int = 120, width: int = 160) -> np.ndarray:
    """Grey levels from 0 to 255, without edges in colour only."""
    return np.random.default_rng(0).integers(0, 256, (height, width)).astype(np.uint8)


def box(entity: Entity, x0: float, y0: float, width: float, height: float, score: float = 0.9):
    return Region(entity, x0, y0, x0 + width, y0 + height, score)


FACE = box(Entity.FACE, 10, 10, 40, 50)


def of(image: np.ndarray, *regions: Region, kinds: list[str] = ALL) -> list[str]:
    return doubts.doubts_of(image, regions, kinds)


def test_doubts_are_outside_of_the_measured_ranges(monkeypatch: pytest.MonkeyPatch) -> None:
    assert of(noise(), FACE) == []
    assert of(np.full((60, 60), 200, np.uint8)) == [], "a blank page shows nothing"
    assert of(noise() // 2, FACE) == [doubts.FEW_LEVELS]
    assert of(noise() // 2 * 2, FACE) == []
    for side, expected in ((23, [doubts.SMALL_FACES]), (24, [])):
        assert of(noise(), FACE, box(Entity.FACE, 90, 60, side, 30)) == expected
    weak = box(Entity.FACE, 10, 10, 40, 50, 0.5)
    assert of(noise(), weak) == [doubts.WEAK_ONLY]
    assert of(noise(), weak, FACE) == []
    monkeypatch.setattr(doubts, "MOST_PIXELS", 120 * 160 - 1)
    assert of(noise(), FACE) == [doubts.LARGE]


def test_a_page_without_a_sharp_edge_is_doubtful() -> None:
    page = np.full((400, 600), 230, np.uint8)
    for row in range(8):
        place = (20, 40 + 45 * row)
        cv2.putText(page, "Maria 4711", place, cv2.FONT_HERSHEY_SIMPLEX, 1.2, (0,), 2, cv2.LINE_AA)
    for sigma, expected in ((0.5, []), (1, []), (3, [doubts.BLURRED])):
        blurred = cv2.GaussianBlur(page, (0, 0), sigma)
        assert of(np.clip(1.4 * blurred.astype(int) - 100, 0, 255).astype(np.uint8)) == expected


def test_lines_out_of_focus_in_a_sharp_photograph_are_doubtful() -> None:
    photograph = noise(400, 600)
    photograph[100:300, 100:500] = 220
    for row in range(3):
        place = (120, 150 + 50 * row)
        cv2.putText(photograph, "Maria 4711", place, cv2.FONT_HERSHEY_SIMPLEX, 1.0, (0,), 2)
    lines = [box(Entity.TEXT, 115, 125 + 50 * row, 180, 30) for row in range(3)]
    assert of(photograph, FACE, *lines) == []
    blurred = photograph.copy()
    blurred[120:280, 110:480] = cv2.GaussianBlur(photograph[120:280, 110:480], (0, 0), 3)
    assert of(blurred, FACE, *lines) == [doubts.BLURRED]
    assert of(blurred, FACE, *lines[:2]) == [], "a sign behind a person"


def screen(image: np.ndarray, periods: tuple[float, float], angle: float = 0.3) -> np.ndarray:
    """Draw the grid of a screen's pixels on a photograph of it."""
    y, x = np.indices(image.shape[:2])
    ways = x * np.cos(angle) + y * np.sin(angle), y * np.cos(angle) - x * np.sin(angle)
    waves = (np.sin(2 * np.pi * way / each) for way, each in zip(ways, periods, strict=True))
    light = 0.76 + 0.12 * sum(waves)
    return (image * light.reshape(light.shape + (1,) * (image.ndim - 2))).astype(np.uint8)


def test_a_photographed_screen_is_doubtful_and_a_page_with_a_pattern_is_not() -> None:
    page = np.full((600, 600), 230, np.uint8)
    page[:, :200] = noise(600, 200)
    assert of(page, FACE) == []
    assert of(screen(page, (2.2, 2.4)), FACE) == [doubts.SCREEN]
    assert of(screen(page, (5.1, 5.3)), FACE) == [doubts.SCREEN]
    assert of(screen(page, (40, 45)), FACE) == [], "as coarse as lines of text"
    part = page.copy()
    part[450:, :250] = screen(page, (2.2, 2.4))[450:, :250]
    assert of(part, FACE) == [], "a printed picture"
    blinds = screen(page, (3.1, 1e9))
    assert of(blinds, FACE) == [], "in one direction only"


def test_heights_of_lines() -> None:
    lines = [box(Entity.TEXT, 60, 10 * n, 50, 9) for n in range(9)]
    speck, slanted = box(Entity.TEXT, 0, 0, 6, 6), (60.0, 0.0, 90.0, 30.0, 85.0, 35.0, 55.0, 5.0)
    assert of(noise(), FACE, *lines, speck) == [], "one of ten is a speck"
    assert of(noise(), FACE, *lines, speck, speck) == [doubts.LINE_HEIGHTS]
    line = Region(Entity.TEXT, 55.0, 0.0, 90.0, 35.0, 0.9, slanted)
    assert of(noise(), FACE, line) == [doubts.LINE_HEIGHTS], "7 pixels, though its box has 35"
    assert of(noise(450, 450), FACE, box(Entity.TEXT, 0, 0, 450, 410)) == [doubts.LINE_HEIGHTS]


def test_text_without_a_face_is_doubtful_in_a_photograph_and_not_on_paper() -> None:
    line = box(Entity.TEXT, 20, 100, 60, 12)
    assert of(noise(), line) == [doubts.TEXT_ONLY]
    assert of(noise(), line, box(Entity.INK, 5, 60, 60, 20)) == [doubts.TEXT_ONLY], "ink is no face"
    assert of(noise(), line, FACE) == of(noise(), line, box(Entity.BARCODE, 0, 0, 30, 30)) == []
    assert of(noise(), line, kinds=["text"]) == [], "faces were not searched for"
    paper = np.full((120, 160), 240, np.uint8)
    paper[60:] = noise()[60:]
    assert of(paper, line) == [doubts.TEXT_ONLY], "half of it is paper"
    paper[60:80] = 240
    assert of(paper, line) == []
    assert of(noise(), box(Entity.TEXT, 0, 0, 160, 19)) == [], "so much of it is text"


def test_lines_in_two_colours_of_one_grey_level() -> None:
    image = Image.new("RGB", (300, 200), (200, 60, 60))
    ImageDraw.Draw(image).text((40, 80), "Erika Mustermann", fill=(40, 141, 60), font_size=24)
    for each in (image, image.convert("L")):
        pixels = np.asarray(each).copy()
        pixels[0, 0] = 255
        assert (doubts.COLOUR_ONLY in of(pixels, FACE)) is (each is image)
        assert doubts.COLOUR_ONLY not in of(pixels, FACE, box(Entity.TEXT, 35, 75, 220, 35))


class Nothing:
    """A detector that finds nothing."""

    def detect(self, images):
        return [[] for _ in images]


def test_a_search_says_its_views_and_doubts(monkeypatch: pytest.MonkeyPatch) -> None:
    search = Search(["zxing", "boxes"], Detection())
    found = search.searched(noise(300, 400))
    assert found.how["grey"] == [0, 255] and found.how["doubts"] == []
    assert found.how["views"] == {
        "zxing": {"scales": [2.0, 1.0], "tiles": [1, 1], "turns": [0, 30, 60]}
    }
    views = Views(Nothing(), Reach(whole=100, tile=80, overlap=10)).views((150, 400, 3))
    assert views == {"scales": [1.0, 0.5, 0.25], "tiles": [12, 3, 1], "turns": [0]}
