"""The direct engine of PP-OCR: equal to PaddleOCR bit by bit, and each of its steps by hand."""

from __future__ import annotations

import copy
import subprocess
import sys
import tracemalloc
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from drawn_text import covered, page, turned

from anonbench.config.detectors import Detection, DetectorName
from anonbench.core.boxes import Region
from anonbench.core.errors import InputError
from anonbench.core.registries.detectors import Detector
from anonbench.datasets.images import read_image
from anonbench.detection.kinds import Ppocr
from anonbench.detection.registry import build
from anonbench.detection.text import ppocr_model
from anonbench.detection.text.dbnet import DbnetDetector
from anonbench.detection.text.dbnet_boxes import Thresholds, text_boxes
from anonbench.detection.text.dbnet_input import Definition, input_size, read_definition, to_input
from anonbench_demo import documents

WHEEL: Any = ppocr_model.definition_of("PP-OCRv3_mobile_det")
THRESHOLDS = Thresholds(pixel=0.3, box=0.6, unclip_ratio=1.5, max_candidates=1000)


def load(threads: int = 1, **settings: object) -> Detector:
    if ppocr_model.packaged("PP-OCRv3_mobile_det") is None:
        pytest.skip("rapidocr_onnxruntime, whose weights are used, is not installed")
    detection = Detection(speed="single", ppocr=Ppocr.model_validate(settings))
    return build(DetectorName.PPOCR, detection, threads)


@pytest.fixture(scope="module")
def direct() -> Detector:
    return load()


@pytest.fixture(scope="module")
def paddleocr() -> Detector:
    return load(engine="paddleocr")


def drawn_pages() -> list[np.ndarray]:
    image, _ = page(ink=(160, 30, 90))
    grey = np.ascontiguousarray(image[:, :, 1])
    random = np.random.default_rng(4)
    noisy = np.clip(image + random.normal(0, 30, image.shape), 0, 255).astype(np.uint8)
    return [
        image,
        255 - image,
        noisy,
        grey,
        *(turned(image, degrees) for degrees in (-90, -45, -12, 3, 30)),
        cv2.resize(image, (2900, 1811)),  # larger than is looked at
        cv2.resize(grey, (128, 96)),
        image[40:60, 50:400],  # not as high as the network needs, and not contiguous
        grey[60:90, 60:80],
        *(np.full(size, 77, np.uint8) for size in ((1, 1), (5, 900), (64, 64))),
    ]


def same_regions(first: list[list[Region]], second: list[list[Region]], least: int) -> None:
    assert first == second
    assert sum(map(len, first)) >= least


@pytest.mark.slow
def test_same_regions_as_paddleocr_on_drawn_pages(direct: Detector, paddleocr: Detector) -> None:
    pages = drawn_pages()
    same_regions(direct.detect(pages), paddleocr.detect(pages), least=25)


@pytest.mark.slow
def test_same_regions_as_paddleocr_on_generated_documents(
    direct: Detector, paddleocr: Detector
) -> None:
    names = ("invoice", "letter", "news article", "advertisement", "handwritten")
    pages = [documents.draw(0, name, "0").image for name in names]
    same_regions(direct.detect(pages), paddleocr.detect(pages), least=50)


@pytest.mark.slow
def test_same_regions_as_paddleocr_on_real_images(
    direct: Detector, paddleocr: Detector, shared: Path
) -> None:
    folders = {"rvl_cdip/images": 8, "sroie": 2, "id": 4}
    paths = [
        path
        for folder, count in folders.items()
        for path in sorted(
            p for p in (shared / "data" / folder).rglob("*") if p.suffix in (".jpg", ".png", ".tif")
        )[:: 36 // count][:count]
    ]
    if len(paths) < 6:
        pytest.skip("no pages, receipts or documents in `shared`")
    images = [read_image(path) for path in paths]
    same_regions(direct.detect(images), paddleocr.detect(images), least=200)


@pytest.mark.slow
@pytest.mark.parametrize(
    "settings",
    [
        {"limit_side_len": 500},
        {"limit_side_len": 10},
        {"thresh": 0.0, "box_thresh": 0.0},
        {"thresh": 0.05, "box_thresh": 0.2, "unclip_ratio": 0.4},
        {"unclip_ratio": 4.0},
    ],
)
def test_same_regions_as_paddleocr_with_other_settings(settings: dict[str, Any]) -> None:
    image, _ = page()
    pages = [image, turned(image, 20)]
    found = load(**settings).detect(pages)
    assert found == load(engine="paddleocr", **settings).detect(pages)


@pytest.mark.slow
def test_neither_threads_nor_neighbours_change_what_is_found(direct: Detector) -> None:
    pages = drawn_pages()
    alone = [direct.detect([image])[0] for image in pages]
    assert len({len(regions) for regions in alone}) > 2  # so that a wrong order would show
    for threads in (2, 3, 40):
        assert load(threads).detect(pages) == alone
    assert load(2).detect([]) == []


def test_denormals_are_flushed_in_the_workers_alone_and_that_changes_no_bit() -> None:
    checked: Any = load()
    detector = checked._detector
    assert isinstance(detector, DbnetDetector)
    tiny = np.full(3, 1e-39, np.float32)
    assert (
        detector._workers.submit(np.multiply, tiny, np.float32(0.5)).result().tolist() == [0.0] * 3
    )
    assert (tiny * np.float32(0.5) > 0).all()
    definition = read_definition(WHEEL)
    for image in drawn_pages()[:4]:
        tensor = to_input(image, 960, definition)
        flushed = detector._workers.submit(detector.probabilities, tensor).result()
        assert np.array_equal(flushed, detector.probabilities(tensor))


def test_paddleocr_is_not_imported() -> None:
    code = (
        "import sys; from anonbench.config.detectors import Detection, DetectorName; "
        "from anonbench.detection.registry import build\n"
        "try: build(DetectorName.PPOCR, Detection())\n"
        "except Exception: pass\n"
        "assert 'anonbench.detection.text.dbnet' in sys.modules\n"
        "assert not {'paddleocr', 'paddlex', 'paddle'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_longer_sides_than_paddleocr_can_name(direct: Detector) -> None:
    image, _ = page()
    long = np.full((400, 40_000), 255, np.uint8)
    long[:, 38_000:38_640] = image[:, :, 0]
    ((found,),) = direct.detect([long])  # at 960 pixels the three lines are a blot
    assert 37_800 < found.x0 < 38_100 < 38_500 < found.x1 < 38_800


@pytest.mark.slow
def test_large_scans_leave_nothing_large_behind(direct: Detector) -> None:
    small, lines = page()
    scan = cv2.resize(np.ascontiguousarray(small[:, :, 0]), (10_000, 10_000))
    tracemalloc.start()
    try:
        (found,) = direct.detect([scan])
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 40e6  # the scan itself holds 100 MB, three channels would 300
    mask = covered(scan.shape, found)[12::25, 7::15][:, :640]
    assert [mask[pixels].mean() > 0.9 for pixels in lines] == [True] * 3


@pytest.mark.parametrize(
    ("height", "width", "limit", "expected"),
    [
        (1000, 754, 960, (960, 736)),  # 754 · 0.96 = 723.84; 723 / 32 = 22.6
        (500, 300, 960, (512, 288)),  # not enlarged: 15.6 and 9.4 thirty-seconds
        (48, 80, 960, (64, 64)),  # halves to even numbers: 1.5 to 2, 2.5 to 2
        (10, 2000, 960, (32, 960)),
        (161, 1920, 960, (64, 960)),  # 80.5, cut to 80, is 2.5
        (1, 1, 960, (32, 32)),
        (1000, 1000, 1000, (992, 992)),  # 31.25
    ],
)
def test_input_size(height: int, width: int, limit: int, expected: tuple[int, int]) -> None:
    assert input_size(height, width, limit) == expected


def test_input_is_normalized_blue_first() -> None:
    image = np.zeros((32, 64, 3), np.uint8)
    image[:, :] = (255, 102, 51)
    tensor = to_input(image, 960, read_definition(WHEEL))
    assert tensor.shape == (1, 3, 32, 64)
    assert tensor.dtype == np.float32
    blue, green, red = (0.2 - 0.485) / 0.229, (0.4 - 0.456) / 0.224, (1.0 - 0.406) / 0.225
    np.testing.assert_allclose(tensor[0, :, 5, 7], [blue, green, red], rtol=1e-6)


def test_input_of_a_grey_image_equals_that_of_three_equal_channels() -> None:
    definition = read_definition(WHEEL)
    random = np.random.default_rng(1)
    for size in ((700, 1200), (1920, 1920), (1000, 754), (333, 77)):  # one of them halves
        grey = random.integers(0, 256, size, dtype=np.uint8)
        rgb = np.repeat(grey[:, :, None], 3, axis=2)
        np.testing.assert_array_equal(
            to_input(grey, 960, definition), to_input(rgb, 960, definition)
        )


def test_box_of_a_map_by_hand() -> None:
    """The rectangle through the pixel centres of 40 x 10 is 39 x 9: area 351, outline 96.

    So it grows by 351 · 1.5 / 96 = 5.48 pixels to each side.
    """
    probabilities = np.zeros((64, 96), np.float32)
    probabilities[20:30, 10:50] = 0.75
    ((corners, score),) = text_boxes(probabilities, 128, 96, THRESHOLDS)
    assert score == 0.75
    expected = np.array([(4.52, 14.52), (54.48, 14.52), (54.48, 34.48), (4.52, 34.48)])
    np.testing.assert_allclose(corners, expected * (1, 2), atol=1.01)
    np.testing.assert_array_equal(corners, np.rint(corners))


def test_same_boxes_as_paddleocr_of_random_maps() -> None:
    """Blots of all shapes and slants, with holes, at the edges, and many too small."""
    processors = pytest.importorskip("paddlex.inference.models.text_detection.processors")
    random = np.random.default_rng(0)
    boxes = 0
    for _ in range(60):
        h, w = (int(side) * 32 for side in random.integers(1, 12, 2))
        height, width = (int(side) for side in random.integers(10, 3000, 2))
        noise = random.random((h, w)).astype(np.float32)
        blurred = cv2.GaussianBlur(noise, (0, 0), random.uniform(0.5, 5))
        probabilities = cv2.normalize(blurred, None, 0.0, 1.0, cv2.NORM_MINMAX)
        pixel, box, ratio = (
            float(random.uniform(*span)) for span in ((0.2, 0.8),) * 2 + ((0.1, 3),)
        )
        shape = np.array([height, width, h / height, w / width])
        theirs = processors.DBPostProcess()([probabilities[None, None]], [shape], pixel, box, ratio)
        ours = text_boxes(probabilities, height, width, Thresholds(pixel, box, ratio, 1000))
        assert [corners.tolist() for corners, _ in ours] == theirs[0][0].tolist()
        assert [score for _, score in ours] == theirs[1][0]
        boxes += len(ours)
    assert boxes > 500


def test_boxes_end_at_the_image() -> None:
    probabilities = np.full((32, 64), 0.9, np.float32)
    ((corners, _),) = text_boxes(probabilities, 320, 640, THRESHOLDS)
    assert corners.tolist() == [[0, 0], [640, 0], [640, 320], [0, 320]]


def test_what_is_no_box() -> None:
    probabilities = np.zeros((64, 96), np.float32)
    probabilities[20:30, 10:50] = 0.5  # mean below 0.6
    probabilities[40:42, 10:50] = 0.9  # one pixel high from centre to centre
    assert text_boxes(probabilities, 64, 96, THRESHOLDS) == []
    probabilities[20:30, 10:50] = 0.3  # not above the threshold of pixels
    low = Thresholds(pixel=0.3, box=0.1, unclip_ratio=1.5, max_candidates=1000)
    assert text_boxes(probabilities[:40].copy(), 64, 96, low) == []


def test_no_more_contours_than_candidates() -> None:
    probabilities = np.zeros((96, 96), np.float32)
    for y in (10, 40, 70):
        probabilities[y : y + 10, 10:80] = 0.9
    assert len(text_boxes(probabilities, 96, 96, THRESHOLDS)) == 3
    two = Thresholds(pixel=0.3, box=0.6, unclip_ratio=1.5, max_candidates=2)
    assert len(text_boxes(probabilities, 96, 96, two)) == 2


def test_definition_is_read() -> None:
    definition = copy.deepcopy(WHEEL)
    steps = definition["PreProcess"]["transform_ops"]
    steps[0] = {"DecodeImage": {"img_mode": "RGB"}}
    steps[3]["NormalizeImage"] = {"mean": [0.5, 0, 0.2], "std": [0.5, 1, 0.1], "scale": 0.5}
    definition["PostProcess"]["max_candidates"] = 7
    assert read_definition(definition) == Definition(
        planes=(0, 1, 2), factors=(1.0, 0.5, 5.0), offsets=(-1.0, 0.0, -2.0), max_candidates=7
    )


@pytest.mark.parametrize(
    ("section", "options"),
    [
        ("PostProcess", {"name": "PSEPostProcess"}),
        ("PostProcess", {"name": "DBPostProcess", "use_dilation": True}),
        ("PostProcess", {"name": "DBPostProcess", "box_type": "poly"}),
        ("PostProcess", {"name": "DBPostProcess", "score_mode": "slow"}),
        ("PostProcess", {"name": "DBPostProcess", "something": 1}),
        ("PostProcess", {"name": "DBPostProcess", "max_candidates": "many"}),
        ("PostProcess", None),
        ("DecodeImage", {"img_mode": "GRAY"}),
        ("DecodeImage", {"img_mode": "BGR", "channel_first": True}),
        ("DetResizeForTest", {"image_shape": [640, 640]}),
        ("NormalizeImage", {"mean": [0.5] * 3, "std": [0.5] * 3, "scale": 1, "order": "chw"}),
        ("NormalizeImage", {"mean": [0.5] * 3, "std": [0.5, 0.0, 0.5], "scale": 1}),
        ("NormalizeImage", {"mean": [0.5], "std": [0.5], "scale": 1}),
        ("NormalizeImage", {"mean": [0.5] * 3, "std": [0.5] * 3, "scale": "__import__('os')"}),
        ("NormalizeImage", None),
        ("Rotate", {"degrees": 90}),
    ],
)
def test_unknown_steps_name_the_other_engine(section: str, options: object) -> None:
    definition = copy.deepcopy(WHEEL)
    if section == "PostProcess":
        definition[section] = options
    else:
        steps = {
            name: o
            for step in definition["PreProcess"]["transform_ops"]
            for name, o in step.items()
        }
        steps[section] = options
        definition["PreProcess"]["transform_ops"] = [{name: o} for name, o in steps.items()]
    with pytest.raises(
        InputError,
        match=rf"{section if section != 'Rotate' else 'PreProcess'}.*engine to paddleocr",
    ):
        read_definition(definition)


@pytest.mark.parametrize(
    "preparation", [None, {}, {"transform_ops": [{"ToCHWImage": None}]}, {"transform_ops": ["x"]}]
)
def test_missing_steps_name_the_other_engine(preparation: object) -> None:
    with pytest.raises(InputError, match=r"PreProcess.*engine to paddleocr"):
        read_definition(WHEEL | {"PreProcess": preparation})


def test_model_of_another_kind_is_refused(shared: Path, tmp_path: Path) -> None:
    """The recognition model turns an image into rows of letters, not into a map."""
    recognition = shared / "weights/ppocrv3/rec/inference.onnx"
    (tmp_path / "inference.onnx").write_bytes(recognition.read_bytes())
    (tmp_path / "inference.yml").write_text(str(WHEEL).replace("None", "null"))
    with pytest.raises(InputError, match="no text detector"):
        load(weights=tmp_path)
