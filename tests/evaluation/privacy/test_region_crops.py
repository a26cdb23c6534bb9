"""Crops of regions, and eyes, nose and mouth of faces: where they are."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest

from anonbench.anonymization.apply import anonymize
from anonbench.config import Anonymization
from anonbench.core.boxes import Region
from anonbench.core.numeric.seeding import rng
from anonbench.core.vocabulary import Entity, Method, Variant
from anonbench.evaluation.privacy.crops import Cut, Landmarks, crop, read_crops
from image_sets import write_set

SLANTED = Region(Entity.TEXT, 10, 10, 50, 40, 0.9, (10, 20, 48, 10, 50, 28, 12, 40))
UPRIGHT = Region(Entity.FACE, 5.5, 5, 20, 25, 0.9)


def picture(name: str) -> np.ndarray:
    return rng("crop", name).integers(0, 256, (60, 70, 3), dtype=np.uint8)


def test_nothing_outside_a_region_is_seen() -> None:
    image, other = picture("a"), picture("b")
    hidden = [
        anonymize(each, [SLANTED], Variant(Method.MASK, 100), Anonymization())
        for each in (image, other)
    ]
    assert not (crop(hidden[0], SLANTED, 1.0)).any()
    np.testing.assert_array_equal(*(crop(each, SLANTED, 1.0) for each in hidden))
    assert not np.array_equal(crop(image, SLANTED, 1.0), crop(other, SLANTED, 1.0))


def test_an_upright_region_is_its_pixels() -> None:
    image = picture("a")
    np.testing.assert_array_equal(crop(image, UPRIGHT, 1.0), image[5:25, 5:20])
    np.testing.assert_array_equal(crop(image[..., 0], UPRIGHT, 1.0), image[5:25, 5:20, 0])


def test_a_box_outside_its_image_is_empty() -> None:
    assert crop(picture("a"), Region(Entity.FACE, 200, 5, 220, 25, 0.9), 1.0).shape == (1, 1, 3)


def test_crops_come_in_the_order_asked_for_and_in_every_size(tmp_path: Path) -> None:
    drawn = {"a": picture("a"), "b": picture("b")[..., 0]}
    images = write_set(tmp_path / "0.tar", drawn)
    regions = {name: [SLANTED, UPRIGHT] for name in ("a", "b")}
    wanted = pd.DataFrame({"id": ["b", "a", "a"], "order": [1, 0, 1], "margin": [1.0, 1.0, 2.0]})
    wanted["context"] = 0.0
    found = read_crops(images, regions, wanted, [Cut(16), Cut(24)])
    assert {cut: values.shape for cut, values in found.items()} == {
        Cut(side): (3, side, side, 3) for side in (16, 24)
    }
    grey = found[Cut(16)][0]
    assert (grey == grey[..., :1]).all()
    assert abs(grey.mean() - picture("b")[5:25, 5:20, 0].mean()) < 5
    assert abs(found[Cut(24)][2].mean() - crop(picture("a"), UPRIGHT, 2.0).mean()) < 5


FACE = Region(Entity.FACE, 20, 10, 68, 70, 0.9)
OTHER = Region(Entity.FACE, 70, 40, 95, 75, 0.9)


@pytest.fixture(scope="module")
def landmarks() -> Landmarks:
    return Landmarks()


@pytest.fixture(scope="module")
def drawn() -> np.ndarray:
    page = rng("landmarks").uniform(0, 255, (9, 11, 3)).astype(np.float32)
    resized = cv2.resize(page, (110, 90), interpolation=cv2.INTER_CUBIC)
    return np.clip(resized, 0, 255).astype(np.uint8)


def test_a_face_is_found_alike_beside_any_others(landmarks: Landmarks, drawn: np.ndarray) -> None:
    both = landmarks.find(drawn, [OTHER, FACE])
    assert both.shape == (2, 5, 2)
    np.testing.assert_array_equal(both[1], landmarks.find(drawn, [FACE])[0])
    assert landmarks.find(drawn, []).shape == (0, 5, 2)


def test_points_move_with_the_face(landmarks: Landmarks, drawn: np.ndarray) -> None:
    around = np.zeros((150, 170, 3), np.uint8)
    around[30:120, 40:150] = drawn
    moved = Region(Entity.FACE, FACE.x0 + 40, FACE.y0 + 30, FACE.x1 + 40, FACE.y1 + 30, 0.9)
    np.testing.assert_allclose(
        landmarks.find(around, [moved])[0], landmarks.find(drawn, [FACE])[0] + (40, 30)
    )


def test_a_face_at_the_edge_and_a_grey_one_have_points(
    landmarks: Landmarks, drawn: np.ndarray
) -> None:
    edge = Region(Entity.FACE, -8, 60, 12, 95, 0.9)
    assert np.isfinite(landmarks.find(drawn, [edge])).all()
    grey = drawn[..., 0]
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
