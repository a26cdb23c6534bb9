"""Faces by an ONNX model: how the outputs are read, and what a wrong file is told."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any, ClassVar

import numpy as np
import pytest

from anonbench.config.detectors import Detection
from anonbench.core.errors import InputError
from anonbench.core.registries.detectors import Detector
from anonbench.core.vocabulary import Entity
from anonbench.detection.kinds import FaceOnnx
from anonbench.detection.search import build
from anonbench_demo import portraits

FIELD = "detection.face_onnx.weights"


def make(threads: int = 1, speed: Any = "single", **settings: Any) -> Detector:
    settings_of_all = Detection(face_onnx=FaceOnnx(**settings), speed=speed)
    return build("face_onnx", settings_of_all, threads)


class OneFace:
    """A model with SCRFD's outputs: a face and, as another anchor, the same face less likely."""

    shapes: ClassVar[list[tuple[int, ...]]] = []

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


@pytest.fixture(scope="module")
def scrfd(shared: Path) -> Path:
    path = shared / "weights/face/scrfd_2.5g_bnkps.onnx"
    if not path.is_file():
        pytest.skip("no SCRFD model in `shared`")
    return path


@pytest.fixture
def one_face(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.setattr("onnxruntime.InferenceSession", lambda *_, **__: OneFace())
    path = tmp_path / "model.onnx"
    path.touch()
    return path


def test_scrfd_boxes_are_distances_from_an_anchor_times_the_stride(one_face: Path) -> None:
    detector = make(weights=one_face, limit_side_len=128)
    image = np.zeros((160, 256, 3), np.uint8)  # half of it, 80 by 128, is padded to 96 by 128
    (found,) = detector.detect([image])
    (region,) = found
    assert region.entity is Entity.FACE and region.score == pytest.approx(0.9)
    # (48 − 16, 32 − 16, 48 + 16, 32 + 20), twice as large
    assert (region.x0, region.y0, region.x1, region.y1) == (64, 32, 128, 104)
    assert OneFace.shapes[-1] == (1, 3, 96, 128)


def test_threshold_overlap_and_margin(one_face: Path) -> None:
    image = np.zeros((80, 128, 3), np.uint8)
    common = {"weights": one_face, "limit_side_len": 128}
    assert make(**common, threshold=0.95).detect([image]) == [[]]
    assert len(make(**common, overlap=0.95).detect([image])[0]) == 2
    (region,) = make(**common, margin=2.0).detect([image])[0]
    assert (region.x0, region.y0, region.x1, region.y1) == (16, 0, 80, 70)


def test_what_is_no_model_is_told_with_the_setting(tmp_path: Path, shared: Path) -> None:
    text = tmp_path / "note.onnx"
    text.write_text("not a model")
    other = shared / "weights/ppocrv3/det/inference.onnx"
    cases = ((None, "is empty"), (tmp_path / "gone", "no file"), (text, "SCRFD"), (other, "SCRFD"))
    for weights, said in cases:
        with pytest.raises(InputError, match=f"^{FIELD}: .*{said}") as caught:
            make(weights=weights)
        assert "\n" not in str(caught.value)


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
