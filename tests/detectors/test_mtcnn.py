"""MTCNN finds drawn and real faces, as facenet-pytorch does image by image."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from anonbench.boxes import Region
from anonbench.compat import install_torchvision_ops
from anonbench.config.detectors import Detection, DetectorName, Mtcnn
from anonbench.datasets.demo import portraits
from anonbench.detectors import Detector, build
from anonbench.images import read_image
from anonbench.vocabulary import Entity


@pytest.fixture(scope="module")
def detector() -> Detector:
    return build(DetectorName.MTCNN, Detection())


@pytest.fixture(scope="module")
def faces() -> list[portraits.Drawing]:
    return [portraits.draw(0, f"someone-{index}", 0) for index in range(5)]


def overlap(a: Region, b: Region) -> float:
    """Return intersection over union."""
    width = max(0.0, min(a.x1, b.x1) - max(a.x0, b.x0))
    height = max(0.0, min(a.y1, b.y1) - max(a.y0, b.y0))
    areas = sum((r.x1 - r.x0) * (r.y1 - r.y0) for r in (a, b))
    return width * height / (areas - width * height)


def per_image_boxes(images: list[np.ndarray]) -> list[np.ndarray]:
    """Return what facenet-pytorch's own call for a single image gives: x0, y0, x1, y1, score."""
    install_torchvision_ops()
    from facenet_pytorch import MTCNN

    own = MTCNN(keep_all=True, select_largest=False)
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


def test_drawn_faces_are_found_where_they_are(
    detector: Detector, faces: list[portraits.Drawing]
) -> None:
    for drawing, found in zip(
        faces, detector.detect([drawing.image for drawing in faces]), strict=True
    ):
        assert [region.entity for region in found] == [Entity.FACE]
        assert overlap(found[0], drawing.regions[0]) > 0.6
        assert found[0].quad is None


def test_boxes_equal_those_of_facenet_pytorch_image_by_image(
    detector: Detector, faces: list[portraits.Drawing]
) -> None:
    images = [drawing.image for drawing in faces]
    images.insert(2, np.ascontiguousarray(faces[0].image[40:180, 20:150]))  # another size between
    for found, own in zip(detector.detect(images), per_image_boxes(images), strict=True):
        np.testing.assert_allclose(as_rows(found), own, atol=1e-3)


def test_batches_change_no_bit(detector: Detector, faces: list[portraits.Drawing]) -> None:
    images = [drawing.image for drawing in faces]
    together = detector.detect(images)
    assert together == [detector.detect([image])[0] for image in images]
    assert together[::-1] == detector.detect(images[::-1])


def test_grey_image_is_searched_as_rgb(detector: Detector, faces: list[portraits.Drawing]) -> None:
    grey = np.ascontiguousarray(faces[0].image[:, :, 1])
    (found,) = detector.detect([grey])
    assert found == detector.detect([np.dstack([grey] * 3)])[0]
    assert len(found) == 1


def test_two_faces_in_one_image(detector: Detector, faces: list[portraits.Drawing]) -> None:
    pair = np.hstack([faces[0].image, faces[1].image])
    (found,) = detector.detect([pair])
    assert len(found) == 2
    left, right = sorted(found, key=lambda r: r.x0)
    assert left.x1 < 178 < right.x0


def test_blank_and_tiny_images_have_no_face(detector: Detector) -> None:
    blank = np.full((120, 100, 3), 127, np.uint8)
    assert detector.detect([blank, blank[:15], blank[:1, :1], blank[:20, :20]]) == [[], [], [], []]
    assert detector.detect([]) == []


def test_boxes_are_clipped_to_the_image(detector: Detector, faces: list[portraits.Drawing]) -> None:
    face = faces[0].regions[0]
    cut = np.ascontiguousarray(faces[0].image[int(face.y0) + 8 :, int(face.x0) + 6 :])
    (found,) = detector.detect([cut])
    assert found
    for region in found:
        assert 0 <= region.x0 < region.x1 <= cut.shape[1]
        assert 0 <= region.y0 < region.y1 <= cut.shape[0]


def test_settings_reach_the_networks(faces: list[portraits.Drawing]) -> None:
    image = faces[0].image
    for settings in (Mtcnn(thresholds=(0.6, 0.7, 1.0)), Mtcnn(min_face_size=170)):
        assert build(DetectorName.MTCNN, Detection(mtcnn=settings)).detect([image]) == [[]]


def test_real_faces_equal_facenet_pytorch(detector: Detector, shared: Path) -> None:
    paths = sorted((shared / "data/celeba/img_align_celeba").glob("*.jpg"))[:24]
    paths += sorted((shared / "data/celeba_wild/img_celeba").glob("*.jpg"))[:3]
    if not paths:
        pytest.skip("no CelebA images in `shared`")
    images = [read_image(path) for path in paths]
    found = detector.detect(images)
    for regions, own in zip(found, per_image_boxes(images), strict=True):
        np.testing.assert_allclose(as_rows(regions), own, atol=1e-3)
    assert sum(map(bool, found)) >= 0.95 * len(images)
