"""MTCNN finds drawn and real faces, as facenet-pytorch does image by image."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from anonbench.config.detectors import Detection
from anonbench.core.boxes import Region
from anonbench.core.libraries.compat import install_torchvision_ops
from anonbench.core.libraries.opencv import cv2
from anonbench.core.registries.detectors import Detector
from anonbench.datasets.images import read_image
from anonbench.detection.kinds import Mtcnn
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
