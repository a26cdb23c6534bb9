"""A template's boxes land where they belong, or nowhere."""

from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest

from anonbench.core.boxes import Region, rectangle
from anonbench.core.errors import InputError
from anonbench.core.vocabulary import Entity
from anonbench.datasets.images import encode
from anonbench.detection.kinds import template
from anonbench.detection.kinds.template import TemplateDetector
from anonbench.detection.template_matching import is_in_any, moved

WIDTH, HEIGHT = 560, 360
BOXES = {Entity.FACE: (20, 70, 150, 240), Entity.TEXT: (200, 90, 520, 120)}
KINDS = ("licence", "permit", "passport")


def card(kind: str, person: int, paper: int = 235) -> np.ndarray:
    """Return a document, uint8 [H, W]: print of its kind, and in the boxes what is a person's."""
    random = np.random.default_rng(sum(map(ord, kind)))
    image = np.full((HEIGHT, WIDTH), paper, np.uint8)
    for _ in range(60):
        points = random.integers(0, (WIDTH, HEIGHT), (3, 2)).astype(np.int32)
        cv2.polylines(image, [points], False, (int(random.integers(170, 215)),), 1, cv2.LINE_AA)
    for row in range(20, HEIGHT, 26):
        for left in range(10, WIDTH - 60, 110):
            word = "".join(random.choice(list("abcdefghijklmnoprstuvw"), 6))
            at = (left + int(random.integers(40)), row)
            cv2.putText(image, word, at, cv2.FONT_HERSHEY_SIMPLEX, 0.45, (60,), 1, cv2.LINE_AA)
    own = np.random.default_rng(person)
    for x0, y0, x1, y1 in BOXES.values():
        blocks = own.integers(0, 255, ((y1 - y0) // 10, (x1 - x0) // 10)).astype(np.uint8)
        image[y0:y1, x0:x1] = cv2.resize(blocks, (x1 - x0, y1 - y0))
    return image


def view(angle: float, scale: float, bend: float = 0.0) -> np.ndarray:
    """Return the transformation, [3, 3], of a card turned by `angle` degrees, scaled, bent."""
    corners = rectangle(0, 0, WIDTH, HEIGHT)
    turn = np.deg2rad(angle)
    spin = np.array([(np.cos(turn), np.sin(turn)), (-np.sin(turn), np.cos(turn))])
    ends = (corners - corners.mean(axis=0)) @ spin * scale
    ends *= 1 + bend * np.array([1, -1, 0.5, -0.5])[:, None]
    ends += 40 - ends.min(axis=0)
    matrix: np.ndarray = cv2.getPerspectiveTransform(
        corners.astype(np.float32), ends.astype(np.float32)
    )
    return matrix


def photo(image: np.ndarray, matrix: np.ndarray, noise: float = 4.0) -> np.ndarray:
    """Return an image seen under a transformation, on a dark table, uneven light, noise."""
    ends = moved(rectangle(0, 0, WIDTH, HEIGHT), matrix)
    width, height = (int(value) + 40 for value in ends.max(axis=0))
    half = np.array([(1, 0, 0.5), (0, 1, 0.5), (0, 0, 1)])  # OpenCV counts from pixels' middles
    inner = np.linalg.inv(half) @ matrix @ half
    seen = cv2.warpPerspective(image, inner, (width, height), borderValue=80)
    lit = seen * np.linspace(0.7, 1.0, width) + np.random.default_rng(0).normal(
        0, noise, seen.shape
    )
    result: np.ndarray = np.clip(lit, 0, 255).astype(np.uint8)
    return result


def annotate(folder: Path, names: tuple[str, ...] = KINDS) -> Path:
    rows = [(f"{name}.png", str(e), *box) for name in names for e, box in BOXES.items()]
    frame = pd.DataFrame(rows, columns=["path", "entity", "x0", "y0", "x1", "y1"])
    frame.to_csv(folder / "annotations.csv", index=False)
    return folder


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("templates")
    for kind in KINDS:
        (folder / f"{kind}.png").write_bytes(encode(card(kind, 0)))
    return annotate(folder)


@pytest.fixture(scope="module")
def detector(folder: Path) -> TemplateDetector:
    return TemplateDetector(folder)


def truth(matrix: np.ndarray) -> dict[Entity, np.ndarray]:
    return {entity: moved(rectangle(*box), matrix) for entity, box in BOXES.items()}


def misses(found: list[Region], matrix: np.ndarray) -> float:
    """Return the greatest distance of a corner, in pixels; both regions must be there."""
    corners = {region.entity: np.array(region.quad).reshape(4, 2) for region in found}
    assert corners.keys() == BOXES.keys() and len(found) == len(BOXES)
    return max(
        float(np.linalg.norm(corners[entity] - true, axis=1).max())
        for entity, true in truth(matrix).items()
    )


@pytest.mark.slow
@pytest.mark.parametrize(
    ("kind", "angle", "scale", "bend"),
    [
        ("licence", 0, 1, 0),
        ("licence", 180, 1.3, 0),
        ("permit", -35, 0.8, 0),
        ("passport", 10, 1, 0.06),
    ],
)
def test_boxes_land_where_they_belong(
    detector: TemplateDetector, kind: str, angle: float, scale: float, bend: float
) -> None:
    matrix = view(angle, scale, bend)
    image = photo(card(kind, 7), matrix)
    (found,) = detector.detect([image])
    assert misses(found, matrix) <= 2.0
    assert all(0.75 <= region.score <= 1 for region in found)
    found_template = detector.find(image)
    assert [known.name for known, *_ in found_template] == [kind]


@pytest.mark.parametrize(("factor", "levels", "is_negative"), [(1, 20, False), (4, 255, True)])
def test_size_polarity_and_grey_range_are_no_matter(
    detector: TemplateDetector, factor: int, levels: int, is_negative: bool
) -> None:
    matrix = view(0, 1)
    scan = photo(card("permit", 7), matrix, noise=6)
    image = cv2.resize(scan, None, fx=factor, fy=factor, interpolation=cv2.INTER_CUBIC)
    image = (100 + np.rint(image * (levels / 255))).astype(np.uint8) if levels < 255 else image
    (found,) = detector.detect([255 - image if is_negative else image])
    assert misses(found, np.diag([factor, factor, 1.0]) @ matrix) <= factor * 2.0


def test_colour_and_other_paper_are_no_matter(detector: TemplateDetector) -> None:
    matrix = view(5, 1)
    grey = photo(card("permit", 7, paper=180), matrix)
    (found,) = detector.detect([np.stack([grey, grey // 2, grey // 3], axis=2)])
    assert misses(found, matrix) <= 2.0


def test_small_cards_of_a_large_photograph_are_found(detector: TemplateDetector) -> None:
    image = np.full((3000, 4000), 120, np.uint8)
    for x, y, matrix in (places := [(300, 200, view(12, 0.7, 0.03)), (2600, 1700, view(-4, 0.8))]):
        seen = photo(card("permit", 7), matrix)
        image[y : y + seen.shape[0], x : x + seen.shape[1]] = seen
    (found,) = detector.detect([image])
    for x, y, matrix in places:
        near = [region for region in found if (region.x0 < 1500) == (x < 1500)]
        assert misses(near, np.array([(1, 0, x), (0, 1, y), (0, 0, 1)]) @ matrix) <= 3.0


@pytest.mark.slow
def test_regions_are_cut_at_the_edge_and_those_outside_left_out(detector: TemplateDetector) -> None:
    image = card("passport", 7)[:, 100:]
    (found,) = detector.detect([image])
    face, text = sorted(found, key=lambda region: region.entity)
    assert face.x0 == 0 and abs(face.x1 - 50) <= 2 and abs(text.x0 - 100) <= 2
    (found,) = detector.detect([card("passport", 7)[:, 160:]])
    assert [region.entity for region in found] == [Entity.TEXT]


@pytest.mark.slow
def test_what_no_template_fits_has_no_regions(detector: TemplateDetector) -> None:
    for image in (
        card("a fourth kind", 7),
        np.zeros((1, 1), np.uint8),
        np.full((300, 400, 3), 255, np.uint8),
        np.random.default_rng(0).integers(0, 255, (400, 500), dtype=np.uint8),
        np.ascontiguousarray(card("licence", 7)[:, ::-1]),  # a mirror's image
    ):
        assert detector.detect([image]) == [[]]


@pytest.mark.slow
def test_headline_not_enough(detector: TemplateDetector, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two kinds that share their upper third, as all documents of one publisher may."""
    image = card("a fourth kind", 7)
    image[:120] = card("licence", 7)[:120]
    assert detector.detect([image]) == [[]]
    monkeypatch.setattr(template, "ALIKE", 0.0)
    assert detector.detect([image]) != [[]]  # so that it is the comparison that tells


@pytest.mark.slow
def test_results_depend_on_the_image_alone(folder: Path, detector: TemplateDetector) -> None:
    images = [photo(card(kind, 7), view(20, 0.9, 0.03)) for kind in KINDS[:2]]
    images.append(np.zeros((50, 50), np.uint8))
    together = detector.detect(images)
    assert together == [detector.detect([image])[0] for image in images]
    assert together == TemplateDetector(folder).detect(images[::-1])[::-1]
    assert [bool(found) for found in together] == [True, True, False]


def test_what_is_a_persons_is_neither_matched_nor_compared(detector: TemplateDetector) -> None:
    for kind in KINDS:
        ((known, _, _),) = detector.find(card(kind, 7))
        quads = list(truth(np.eye(3)).values())
        assert len(known.features.points) > 100
        assert not is_in_any(known.features.points, quads).any()
        for x0, y0, x1, y1 in BOXES.values():
            assert not known.compared[y0:y1, x0:x1].any()
        assert known.compared.mean() > 0.5


PERMIT = encode(card("permit", 0))


@pytest.mark.parametrize(
    ("files", "said"),
    [
        ({}, "there is no image in"),
        ({"a.png": PERMIT, "annotations.csv": None}, "none of annotations.json, annotations.csv"),
        ({"annotations.json": b"{}"}, "several of annotations.json, annotations.csv"),
        ({"zebra.png": PERMIT}, "has no boxes of zebra (1 such"),
        ({"permit.jpg": PERMIT}, "two images named permit"),
        ({"permit.png": PERMIT[:500]}, "permit.png: truncated or damaged"),
        (
            {"permit.png": encode(card("permit", 0)[:200])},
            "row 1 (image permit.png), y1: 240 is outside the image, which has 560 × 200",
        ),
        (
            {"permit.png": encode(np.full((HEIGHT, WIDTH), 255, np.uint8))},
            "permit has too little structure outside its boxes",
        ),
    ],
)
def test_wrong_folders_refused(tmp_path: Path, files: dict[str, bytes | None], said: str) -> None:
    annotate(tmp_path, ("permit",))
    for name, content in (({"permit.png": PERMIT} if files else {}) | files).items():
        if content is None:
            (tmp_path / name).unlink()
        else:
            (tmp_path / name).write_bytes(content)
    with pytest.raises(InputError) as error:
        TemplateDetector(tmp_path)
    assert said in str(error.value) and str(tmp_path) in str(error.value)
