"""MTCNN finds drawn and real faces, as facenet-pytorch does image by image."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, ClassVar

import numpy as np
import pytest

from anonbench.config.detectors import Detection
from anonbench.core.boxes import Region
from anonbench.core.errors import InputError
from anonbench.core.libraries.compat import install_torchvision_ops
from anonbench.core.libraries.opencv import cv2
from anonbench.core.registries.detectors import Detector
from anonbench.core.vocabulary import Entity
from anonbench.datasets.images import read_image
from anonbench.detection.kinds import FaceOnnx, Mtcnn
from anonbench.detection.search import build
from anonbench_demo import portraits


@pytest.fixture(scope="module")
def detector() -> Detector:
    return build("mtcnn", Detection(speed="single"))


@pytest.fixture(scope="module")
def faces() -> list[portraits.Drawing]:
    return [portraits.draw(0, f"someone-{index}", 0) for index in range(5)]


def overlap(a: Region, b: Region) -> float:
    """Return intersection over union."""
    width = max(0.0, min(a.x1, b.x1) - max(a.x0, b.x0))
    height = max(0.0, min(a.y1, b.y1) - max(a.y0, b.y0))
    areas = sum((r.x1 - r.x0) * (r.y1 - r.y0) for r in (a, b))
    return width * height / (areas - width * height)


def per_image_boxes(images: list[np.ndarray], **settings: Any) -> list[np.ndarray]:
    """Return what facenet-pytorch's own call for a single image gives: x0, y0, x1, y1, score."""
    install_torchvision_ops()
    from facenet_pytorch import MTCNN

    own = MTCNN(keep_all=True, select_largest=False, **settings)
    rows = []
    for image in images:
        boxes, scores = own.detect(image)
        if boxes is None:
            rows.append(np.zeros((0, 5)))
        else:
            size = np.tile(image.shape[1::-1], 2)
            clipped = np.clip(boxes.astype(float), 0, size)
            rows.append(np.column_stack([clipped, scores.astype(float)]))
    return rows


def as_rows(regions: list[Region]) -> np.ndarray:
    return np.array([(r.x0, r.y0, r.x1, r.y1, r.score) for r in regions]).reshape(-1, 5)


def assert_equal_boxes(found: list[list[Region]], own: list[np.ndarray]) -> None:
    for regions, rows in zip(found, own, strict=True):
        np.testing.assert_allclose(as_rows(regions), rows, atol=0.01)


@pytest.mark.slow
@pytest.mark.parametrize("size", [(89, 109), (301, 240)])
def test_boxes_equal_those_of_facenet_pytorch_image_by_image(
    detector: Detector, faces: list[portraits.Drawing], size: tuple[int, int]
) -> None:
    images = [cv2.resize(face.image, size, interpolation=cv2.INTER_AREA) for face in faces]
    images.insert(2, np.ascontiguousarray(faces[0].image[40:180, 20:150]))  # another size between
    found = detector.detect(images)
    assert sum(map(bool, found)) >= 3
    assert_equal_boxes(found, per_image_boxes(images))
    assert found[::-1] == detector.detect(images[::-1])


def test_other_settings_equal_facenet_pytorch(faces: list[portraits.Drawing]) -> None:
    settings = Mtcnn(thresholds=(0.5, 0.3, 0.1), min_face_size=33)
    images = [drawing.image for drawing in faces]
    found = build("mtcnn", Detection(mtcnn=settings, speed="single")).detect(images)
    own = per_image_boxes(images, thresholds=[0.5, 0.3, 0.1], min_face_size=33)
    assert_equal_boxes(found, own)


@pytest.mark.slow
def test_a_face_across_tiles_of_a_large_image_is_found(faces: list[portraits.Drawing]) -> None:
    large = np.full((1600, 1500, 3), 127, np.uint8)
    large[200:1508, 210:1278] = cv2.resize(faces[0].image, (1068, 1308))
    (found,) = build("mtcnn", Detection(speed="quick")).detect([large])
    truth = faces[0].regions[0]
    x0, x1 = 6 * truth.x0 + 210, 6 * truth.x1 + 210
    scaled = replace(truth, x0=x0, x1=x1, y0=6 * truth.y0 + 200, y1=6 * truth.y1 + 200)
    assert max(overlap(region, scaled) for region in found) > 0.6


def test_margin_grows_about_the_centre(detector: Detector, faces: list[portraits.Drawing]) -> None:
    grown = build("mtcnn", Detection(mtcnn=Mtcnn(margin=1.2), speed="single"))
    (plain,), (wide,) = detector.detect([faces[0].image]), grown.detect([faces[0].image])
    assert wide[0].x1 - wide[0].x0 == pytest.approx(1.2 * (plain[0].x1 - plain[0].x0))
    assert wide[0].y0 + wide[0].y1 == pytest.approx(plain[0].y0 + plain[0].y1)


def test_blank_and_tiny_images_have_no_face(detector: Detector) -> None:
    blank = np.full((120, 100, 3), 127, np.uint8)
    assert detector.detect([blank, blank[:15], blank[:1, :1], blank[:20, :20]]) == [[], [], [], []]
    assert detector.detect([]) == []
    for side in (19, 47):  # 12 / 47 * 47 is less than 12: not even the largest scale is one
        tall = build("mtcnn", Detection(mtcnn=Mtcnn(min_face_size=max(20, side))))
        assert tall.detect([blank[:side]]) == [[]]


@pytest.mark.slow
def test_real_faces_equal_facenet_pytorch(detector: Detector, shared: Path) -> None:
    paths = sorted((shared / "data/celeba/img_align_celeba").glob("*.jpg"))[:16]
    paths += sorted((shared / "data/celeba_wild/img_celeba").glob("*.jpg"))[:3]
    if not paths:
        pytest.skip("no CelebA images in `shared`")
    images = [read_image(path) for path in paths]
    found, own = detector.detect(images), per_image_boxes(images)
    assert_equal_boxes(found, own)
    assert sum(map(bool, found)) >= 0.95 * len(images)


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
