"""Eyes, nose and mouth of faces: where they are, and that nothing else moves them."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from anonbench.core.boxes import Region
from anonbench.core.numeric.seeding import rng
from anonbench.core.vocabulary import Entity
from anonbench.evaluation.privacy.crops import Landmarks

FACE = Region(Entity.FACE, 20, 10, 68, 70, 0.9)
OTHER = Region(Entity.FACE, 70, 40, 95, 75, 0.9)


@pytest.fixture(scope="module")
def landmarks() -> Landmarks:
    return Landmarks()


@pytest.fixture(scope="module")
def image() -> np.ndarray:
    page = rng("landmarks").uniform(0, 255, (9, 11, 3)).astype(np.float32)
    resized = cv2.resize(page, (110, 90), interpolation=cv2.INTER_CUBIC)
    return np.clip(resized, 0, 255).astype(np.uint8)


def test_a_face_is_found_alike_beside_any_others(landmarks: Landmarks, image: np.ndarray) -> None:
    both = landmarks.find(image, [OTHER, FACE])
    assert both.shape == (2, 5, 2)
    np.testing.assert_array_equal(both[1], landmarks.find(image, [FACE])[0])
    assert landmarks.find(image, []).shape == (0, 5, 2)


def test_points_move_with_the_face(landmarks: Landmarks, image: np.ndarray) -> None:
    around = np.zeros((150, 170, 3), np.uint8)
    around[30:120, 40:150] = image
    moved = Region(Entity.FACE, FACE.x0 + 40, FACE.y0 + 30, FACE.x1 + 40, FACE.y1 + 30, 0.9)
    np.testing.assert_allclose(
        landmarks.find(around, [moved])[0], landmarks.find(image, [FACE])[0] + (40, 30)
    )


def test_a_face_at_the_edge_and_a_grey_one_have_points(
    landmarks: Landmarks, image: np.ndarray
) -> None:
    edge = Region(Entity.FACE, -8, 60, 12, 95, 0.9)
    assert np.isfinite(landmarks.find(image, [edge])).all()
    grey = image[..., 0]
    np.testing.assert_array_equal(
        landmarks.find(grey, [FACE]), landmarks.find(np.repeat(grey[..., None], 3, 2), [FACE])
    )


def test_eyes_of_aligned_photographs_are_where_they_were_aligned_to(
    landmarks: Landmarks, shared: Path
) -> None:
    """CelebA's own alignment puts the eyes at (69, 111) and (108, 111) of 178 × 218 pixels."""
    folder = shared / "data/celeba/img_align_celeba"
    if not folder.is_dir():
        pytest.skip("no CelebA beside the checkout")
    paths = sorted(folder.glob("*.jpg"))[:60]
    face = Region(Entity.FACE, 24, 32, 65, 88, 0.9)  # the images are at half size
    points = [landmarks.find(cv2.imread(str(path))[..., ::-1], [face])[0] for path in paths]
    eyes = np.median(np.array(points)[:, :2], axis=0)
    np.testing.assert_allclose(eyes, [(34.5, 55.5), (54, 55.5)], atol=1.5)
