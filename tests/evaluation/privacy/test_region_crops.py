"""Crops of regions, and aligned faces: where they are, and that nothing else is seen."""

from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest
from threadpoolctl import threadpool_limits

from anonbench.anonymization.checked import anonymize
from anonbench.config import Anonymization, Privacy
from anonbench.core.boxes import Region, box_table
from anonbench.core.numeric.seeding import rng
from anonbench.core.numeric.similarity import unit_rows
from anonbench.core.vocabulary import Entity, Method, Variant
from anonbench.evaluation.privacy import crops as module
from anonbench.evaluation.privacy.crops import (
    TEMPLATE,
    TEMPLATE_SIDE,
    Cut,
    Landmarks,
    aligned,
    crop,
    find_points,
    read_crops,
)
from anonbench.evaluation.privacy.published import Published
from anonbench.evaluation.privacy.reidentification import reidentify
from anonbench.training.data.preprocess import Preprocess
from image_sets import write_set

FACE = Region(Entity.FACE, 30, 20, 130, 150, 0.9)


def turned(angle: float, scale: float, shift: tuple[float, float]) -> np.ndarray:
    """Return the template's points turned about its middle, scaled and moved."""
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    return (TEMPLATE - TEMPLATE_SIDE / 2) @ turn.T * scale + TEMPLATE_SIDE / 2 + shift


@pytest.mark.parametrize("scale", [0.4, 3.7])
def test_eyes_nose_and_mouth_come_to_their_places(scale: float) -> None:
    points = turned(0.4, scale, (40.0, 30.0))
    points -= points.min(axis=0) - 30 * scale
    height, width = np.ceil(points.max(axis=0) + 30 * scale).astype(int)[::-1]
    seen = np.zeros((height, width, 3), np.uint8)
    for point in points:
        cv2.circle(
            seen, point.round().astype(int).tolist(), max(1, round(3 * scale)), (255,) * 3, -1
        )
    crop = cv2.resize(aligned(seen, points, 112), (112, 112), interpolation=cv2.INTER_AREA)
    _, _, _, centres = cv2.connectedComponentsWithStats((crop[..., 0] > 100).astype(np.uint8))
    found = sorted(map(tuple, centres[1:]))
    assert len(found) == 5
    np.testing.assert_allclose(found, sorted(map(tuple, TEMPLATE)), atol=1.5)


def test_of_one_colour_nothing_is_left_to_see_and_large_faces_are_shrunk_by_means() -> None:
    """Neither the face's place in its box nor the box's shape shows in a masked face."""
    masked = np.full((90, 61, 3), (7, 0, 250), np.uint8)
    for pixels in (masked, masked[..., 2]):
        seen = aligned(pixels, turned(0.9, 0.6, (3.0, 12.0)), 56)
        assert seen.ndim == pixels.ndim and (seen == pixels[0, 0]).all()
    # of all pixels: else every ninth would be seen, and of this pattern what those happen to be
    y, x = np.indices((900, 900))
    seen = np.where((x + y) % 2, 255, 0).astype(np.uint8)
    crop = Preprocess(112, "imagenet", "squash").fit(aligned(seen, turned(0.3, 7, (300, 300)), 112))
    assert crop.std() < 5


class Pictures:
    """One picture and its masked version."""

    def __init__(self, variant: Variant | None = None, beside: int = 0) -> None:
        page = rng("page").integers(1, 256, (170, 160, 3), dtype=np.uint8)
        page[:, :20] += np.uint8(beside)
        self._image = anonymize(page, [FACE], variant or Variant(), Anonymization())

    def read(self, image_id: str) -> np.ndarray:
        return self._image


def test_only_faces_are_aligned_and_only_where_they_are_asked_for_so() -> None:
    line = Region(Entity.TEXT, 10, 150, 150, 165, 0.9)
    far = Region(Entity.FACE, 500, 10, 520, 30, 0.9)
    regions = {"a": [FACE, line, far]}
    wanted = pd.DataFrame({"id": "a", "order": [0, 1, 2, 0], "margin": 1.0})
    wanted["context"] = [0.0, 0.0, 0.0, 2.0]
    points = find_points(Pictures(), regions, wanted)
    assert list(points) == [("a", 0)]
    cuts = [Cut(32), Cut(32, aligned=True)]
    # beside the face nothing is seen, and of a masked one nothing at all
    (plain, straight), (_, other), (_, masked) = (
        read_crops(pictures, regions, wanted, cuts, points).values()
        for pictures in (Pictures(), Pictures(beside=90), Pictures(Variant("mask", 100)))
    )
    assert not np.array_equal(plain[0], straight[0]) and not masked[0].any()
    np.testing.assert_array_equal(plain[1:], straight[1:])
    np.testing.assert_array_equal(other[0], straight[0])


PEOPLE = {f"v{number:02d}": f"a {number // 3}" for number in range(12)}
PUPILS = {f"t{number:02d}": f"b {number // 3}" for number in range(36)}
ANGLES = {name: rng("turn", name).uniform(-0.8, 0.8) for name in PEOPLE | PUPILS}
EYE = (slice(46, 58), slice(33, 44))
"""Rows and columns of the eye on the left, in the template."""


@dataclass(frozen=True)
class Turned:
    """Photographs of faces with one white eye, each turned by its own angle."""

    ids: list[str]
    least: int = 0
    """Grey level of black, by which a version differs from the originals."""

    def read(self, image_id: str) -> np.ndarray:
        upright = np.zeros((112, 112, 3), np.uint8)
        upright[EYE] = 255
        middle = TEMPLATE_SIDE / 2
        turn = cv2.getRotationMatrix2D((middle, middle), np.degrees(-ANGLES[image_id]), 1.0)
        image = np.full((112, 140, 3), 90, np.uint8)
        image[:, 14:126] = np.maximum(cv2.warpAffine(upright, turn, (112, 112)), self.least)
        image[0, 0] = [*PEOPLE, *PUPILS].index(image_id)
        return image


class KnownPoints:
    """Stands for MTCNN's last network, and knows where the points are."""

    def __init__(self, seen: list[int]) -> None:
        self.seen = seen

    def find(self, image: np.ndarray, face: Region) -> np.ndarray:
        assert image[50, 20:120].min() == 0  # the original
        number = int(image[0, 0, 0])
        self.seen.append(number)
        return turned(list(ANGLES.values())[number], 1.0, (14.0, 0.0))


class Upright:
    """Compares pixels of faces, all of which it expects to have the white eye in its place."""

    side, aligned = 112, True

    def __init__(self) -> None:
        self.count = 0

    def embed(self, crops: np.ndarray) -> np.ndarray:
        assert (crops[:, EYE[0], EYE[1]].mean(axis=(1, 2, 3)) > 200).all()
        self.count += len(crops)
        values = crops[:, ::16, ::16].reshape(len(crops), -1).astype(np.float32)
        return unit_rows(values)


def test_points_are_those_of_the_original(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[int] = []
    monkeypatch.setattr(module, "Landmarks", lambda: KnownPoints(seen))
    face = Region(Entity.FACE, 20, 0, 120, 112, 0.9)
    model, clear, pupils = Upright(), Turned(sorted(PEOPLE)), sorted(PUPILS)
    shown = Published(
        clear,
        {Variant("mask", 100): replace(clear, least=40)},
        box_table({name: [face] for name in PEOPLE | PUPILS}, seed=0),
        PEOPLE | PUPILS,
        Turned(pupils),
        {"mask": Turned(pupils, 60)},
    )
    asked = Privacy(attackers=("supervised",)), Anonymization()
    with threadpool_limits(1, user_api="blas"):
        table = reidentify(shown, {}, [Entity.FACE], model, *asked, seed=0)
    assert set(table.loc[table["attacker"] == "supervised", "reason"]) == {""}
    assert model.count == 2 * len(ANGLES)  # each as it is, and in its other version
    assert sorted(seen) == list(range(len(ANGLES)))


SLANTED = Region(Entity.TEXT, 10, 10, 50, 40, 0.9, (10, 20, 48, 10, 50, 28, 12, 40))
UPRIGHT = Region(Entity.FACE, 5.5, 5, 20, 25, 0.9)


def picture(name: str) -> np.ndarray:
    return rng("crop", name).integers(0, 256, (60, 70, 3), dtype=np.uint8)


def test_nothing_outside_a_region_is_seen() -> None:
    image, other = picture("a"), picture("b")
    for each in (image, other):
        masked = anonymize(each, [SLANTED], Variant(Method.MASK, 100), Anonymization())
        assert not crop(masked, SLANTED, 1.0).any()
    assert not np.array_equal(crop(image, SLANTED, 1.0), crop(other, SLANTED, 1.0))
    # an upright region is its pixels
    for image in (picture("a"), picture("a")[..., 0]):
        np.testing.assert_array_equal(crop(image, UPRIGHT, 1.0), image[5:25, 5:20])
    assert crop(picture("a"), Region(Entity.FACE, 200, 5, 220, 25, 0.9), 1.0).shape == (1, 1, 3)


def test_crops_come_in_the_order_asked_for_and_in_every_size(tmp_path: Path) -> None:
    images = write_set(tmp_path / "0.tar", {"a": picture("a"), "b": picture("b")[..., 0]})
    regions = {name: [SLANTED, UPRIGHT] for name in ("a", "b")}
    wanted = pd.DataFrame({"id": ["b", "a", "a"], "order": [1, 0, 1], "margin": [1.0, 1.0, 2.0]})
    found = read_crops(images, regions, wanted.assign(context=0.0), [Cut(16), Cut(24)])
    shapes = {cut.side: values.shape for cut, values in found.items()}
    assert shapes == {side: (3, side, side, 3) for side in (16, 24)}
    grey = found[Cut(16)][0]
    assert (grey == grey[..., :1]).all()
    assert abs(grey.mean() - picture("b")[5:25, 5:20, 0].mean()) < 5
    assert abs(found[Cut(24)][2].mean() - crop(picture("a"), UPRIGHT, 2.0).mean()) < 5


FRONTAL = Region(Entity.FACE, 20, 10, 68, 70, 0.9)


@pytest.fixture(scope="module")
def landmarks() -> Landmarks:
    return Landmarks()


def test_points_move_with_the_face_to_the_edge_and_in_grey(
    landmarks: Landmarks,
) -> None:
    page = rng("landmarks").uniform(0, 255, (9, 11, 3)).astype(np.float32)
    resized = cv2.resize(page, (110, 90), interpolation=cv2.INTER_CUBIC)
    drawn = np.clip(resized, 0, 255).astype(np.uint8)
    around = np.pad(drawn, ((30, 30), (40, 20), (0, 0)))
    box = FRONTAL.x0 + 40, FRONTAL.y0 + 30, FRONTAL.x1 + 40, FRONTAL.y1 + 30
    found = landmarks.find(around, Region(Entity.FACE, *box, 0.9))
    np.testing.assert_allclose(found, landmarks.find(drawn, FRONTAL) + np.array((40, 30)))
    edge = Region(Entity.FACE, -8, 60, 12, 95, 0.9)
    assert np.isfinite(landmarks.find(drawn, edge)).all()
    grey = drawn[..., 0]
    found = (landmarks.find(image, FRONTAL) for image in (grey, np.repeat(grey[..., None], 3, 2)))
    np.testing.assert_array_equal(*found)


def test_eyes_of_aligned_photographs(landmarks: Landmarks, shared: Path) -> None:
    """CelebA's own alignment puts the eyes at (69, 111) and (108, 111) of 178 × 218 pixels."""
    folder = shared / "data/celeba/img_align_celeba"
    if not folder.is_dir():
        pytest.skip("no CelebA beside the checkout")
    paths = sorted(folder.glob("*.jpg"))[:60]
    face = Region(Entity.FACE, 24, 32, 65, 88, 0.9)  # the images are at half size
    points = [landmarks.find(cv2.imread(str(path))[..., ::-1], face) for path in paths]
    eyes = np.median(np.array(points)[:, :2], axis=0)
    np.testing.assert_allclose(eyes, [(34.5, 55.5), (54, 55.5)], atol=1.5)
