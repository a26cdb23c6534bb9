"""Faces by an ONNX model: how the outputs are read, and what a wrong file is told.

SCRFD runs with real weights where they are at hand; YuNet's are not, so OpenCV runs a model with
the same input and outputs that finds red cells.
"""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import cv2
import numpy as np
import pytest

from anonbench.config.detectors import Detection, DetectorName
from anonbench.core.boxes import Region
from anonbench.core.errors import InputError
from anonbench.core.registries.detectors import Detector
from anonbench.core.vocabulary import Entity
from anonbench.detection.kinds import FaceOnnx
from anonbench.detection.search import build
from anonbench_demo import portraits
from onnx_file import red_cells

FIELD = "detection.face_onnx.weights"


def make(threads: int = 1, speed: Any = "single", **settings: Any) -> Detector:
    settings_of_all = Detection(face_onnx=FaceOnnx(**settings), speed=speed)
    return build(DetectorName.FACE_ONNX, settings_of_all, threads)


class OneFace:
    """A model with SCRFD's outputs: a face and, as another anchor, the same face less likely."""

    def __init__(self, *_: Any, **__: Any) -> None:
        self.shapes: list[tuple[int, ...]] = []

    def get_inputs(self) -> list[SimpleNamespace]:
        return [SimpleNamespace(name="image")]

    def run(self, _: None, inputs: dict[str, np.ndarray]) -> list[np.ndarray]:
        height, width = inputs["image"].shape[2:]
        self.shapes.append(inputs["image"].shape)
        counts = [2 * (height // stride) * (width // stride) for stride in (8, 16, 32)]
        scores = [np.zeros((count, 1), np.float32) for count in counts]
        sides = [np.zeros((count, 4), np.float32) for count in counts]
        place = 2 * (2 * (width // 16) + 3)  # row 2, column 3, so about (48, 32)
        scores[1][[place, place + 1], 0] = 0.6, 0.9
        sides[1][[place, place + 1]] = (1, 1, 1, 1), (1, 1, 1, 1.25)
        return [*scores, *sides]


@pytest.fixture
def one_face(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.setattr("onnxruntime.InferenceSession", OneFace)
    path = tmp_path / "model.onnx"
    path.touch()
    return path


def test_scrfd_boxes_are_distances_from_an_anchor_times_the_stride(one_face: Path) -> None:
    detector: Any = make(weights=one_face, limit_side_len=128)
    image = np.zeros((160, 256, 3), np.uint8)  # half of it, 80 by 128, is padded to 96 by 128
    (found,) = detector.detect([image])
    (region,) = found
    assert region.entity is Entity.FACE and region.score == pytest.approx(0.9)
    # (48 − 16, 32 − 16, 48 + 16, 32 + 20), twice as large
    assert (region.x0, region.y0, region.x1, region.y1) == (64, 32, 128, 104)
    assert detector._detector._detector._model._session.shapes[-1] == (1, 3, 96, 128)


def test_threshold_overlap_and_margin(one_face: Path) -> None:
    image = np.zeros((80, 128, 3), np.uint8)
    common = {"weights": one_face, "limit_side_len": 128}
    assert make(**common, threshold=0.95).detect([image]) == [[]]
    assert len(make(**common, overlap=0.95).detect([image])[0]) == 2
    (region,) = make(**common, margin=2.0).detect([image])[0]
    assert (region.x0, region.y0, region.x1, region.y1) == (16, 0, 80, 70)


@pytest.fixture
def yunet(tmp_path: Path) -> Path:
    """Return a file with YuNet's input and outputs: it finds red cells of 16 pixels."""
    path = tmp_path / "red_cells.onnx"
    path.write_bytes(red_cells())
    return path


def with_cells(height: int, width: int, *cells: tuple[int, int, int]) -> np.ndarray:
    """Return a black image with cells (row, column, redness)."""
    image = np.zeros((height, width, 3), np.uint8)
    for row, column, redness in cells:
        image[16 * row : 16 * row + 16, 16 * column : 16 * column + 16, 0] = redness
    return image


def boxes(regions: list[Region]) -> list[tuple[float, float, float, float]]:
    return [(r.x0, r.y0, r.x1, r.y1) for r in regions]


def test_yunet_boxes_are_those_of_opencv(yunet: Path) -> None:
    detector = make(kind="yunet", weights=yunet, limit_side_len=128, threshold=0.5)
    model = cv2.FaceDetectorYN.create(str(yunet), "", (64, 64), 0.5, 0.4, 5000)
    images = [with_cells(96, 128, (3, 5, 255), (1, 1, 180)), with_cells(128, 80, (6, 2, 200))]
    for image, regions in zip(images, detector.detect(images), strict=True):
        model.setInputSize(image.shape[1::-1])
        _, faces = model.detect(image[:, :, ::-1].copy())  # blue first
        expected = [(x, y, x + width, y + height) for x, y, width, height in faces[:, :4].tolist()]
        assert boxes(regions) == expected
        assert [region.score for region in regions] == faces[:, 14].tolist()
        assert all(region.entity is Entity.FACE for region in regions)


def test_yunet_boxes_at_the_image_s_own_scale(yunet: Path) -> None:
    detector = make(kind="yunet", weights=yunet, limit_side_len=128)
    image = with_cells(96, 128, (3, 5, 255), (1, 1, 204))
    large = image.repeat(2, axis=0).repeat(2, axis=1)
    blue = image[:, :, ::-1].copy()
    found = detector.detect([large, blue, image[:90, :121]])
    assert boxes(found[0]) == [(144, 80, 208, 144), (16, 16, 80, 80)]
    assert [region.score for region in found[0]] == pytest.approx([1.0, 0.8])
    assert found[1] == []
    assert len(found[2]) == 2  # sides that are no multiple of 32


def test_yunet_threshold_and_overlap(yunet: Path) -> None:
    options = {"kind": "yunet", "weights": yunet, "limit_side_len": 128}
    image = with_cells(96, 128, (3, 4, 255), (3, 5, 204))  # the boxes share a third of their union
    assert len(make(**options).detect([image])[0]) == 2
    (kept,) = make(**options, overlap=0.3).detect([image])[0]
    assert kept.score == 1.0
    (kept,) = make(**options, threshold=0.9).detect([image])[0]
    assert boxes([kept]) == [(56, 40, 88, 72)]


@pytest.mark.parametrize("kind", ["scrfd", "yunet"])
def test_what_is_no_model_is_told_with_the_setting(kind: str, tmp_path: Path) -> None:
    text = tmp_path / "note.onnx"
    text.write_text("not a model")
    for weights, said in ((None, "is empty"), (tmp_path / "gone", "no file"), (text, kind)):
        with pytest.raises(InputError, match=f"^{FIELD}: .*{said}") as caught:
            make(kind=kind, weights=weights)
        assert "\n" not in str(caught.value)


def test_a_model_with_other_outputs_is_refused(shared: Path) -> None:
    weights = shared / "weights/ppocrv3/det/inference.onnx"
    with pytest.raises(InputError, match=rf"^{FIELD}: .* is no scrfd model .*outputs"):
        make(weights=weights)
    with pytest.raises(InputError, match=f"^{FIELD}: .* is no yunet model"):
        make(kind="yunet", weights=shared / "weights/face/scrfd_2.5g_bnkps.onnx")


@pytest.fixture
def scrfd(shared: Path) -> Path:
    path = shared / "weights/face/scrfd_2.5g_bnkps.onnx"
    if not path.is_file():
        pytest.skip("no SCRFD model in `shared`")
    return path


def test_scrfd_finds_drawn_faces_whatever_the_batch_and_the_threads(scrfd: Path) -> None:
    detector = make(weights=scrfd)
    faces = [portraits.draw(0, f"someone-{index}", 0) for index in range(3)]
    images = [face.image for face in faces]
    found = detector.detect(images)
    for face, regions in zip(faces, found, strict=True):
        (region,), truth = regions, face.regions[0]
        middle = (region.x0 + region.x1) / 2, (region.y0 + region.y1) / 2
        assert truth.x0 < middle[0] < truth.x1 and truth.y0 < middle[1] < truth.y1
        assert 0.6 < (region.x1 - region.x0) / (truth.x1 - truth.x0) < 1.6
    assert found[::-1] == detector.detect(images[::-1])
    assert found == make(threads=2, weights=scrfd).detect(images)


def test_scrfd_takes_grey_and_odd_images(scrfd: Path) -> None:
    detector = make(weights=scrfd, limit_side_len=200)
    grey = portraits.draw(0, "someone", 0).image[:, :, 1]
    assert detector.detect([grey]) == detector.detect([np.dstack([grey] * 3)])
    assert len(detector.detect([grey])[0]) == 1
    blank = np.full((1, 900), 127, np.uint8)
    assert detector.detect([blank, blank.T, blank[:, :1]]) == [[], [], []]
    assert detector.detect([]) == []


def test_views_reach_small_and_turned_cells(yunet: Path) -> None:
    """Eight times too large an image for one piece, of which one cell is 16 pixels."""
    image = with_cells(640, 512, (20, 5, 255))
    options = {"kind": "yunet", "weights": yunet, "limit_side_len": 80, "threshold": 0.8}
    assert make(**options).detect([image]) == [[]]
    for speed in ("quick", "thorough"):
        found = make(speed=speed, **options).detect([image])[0]
        assert any(r.x0 < 88 < r.x1 and r.y0 < 328 < r.y1 for r in found)
