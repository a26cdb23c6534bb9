"""PP-OCR finds drawn text, with weights from every place that they may come from."""

from __future__ import annotations

import logging
import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest
from drawn_text import covered, load, page, pages, turned

from anonbench.config.detectors import Detection
from anonbench.core.errors import InputError
from anonbench.core.provenance import file_digest
from anonbench.core.registries.detectors import Detector
from anonbench.core.vocabulary import Entity
from anonbench.detection.kinds import Ppocr
from anonbench.detection.kinds import ppocr as ppocr_model
from anonbench.detection.search import build

V3 = Ppocr().model


@pytest.fixture(scope="module")
def weights() -> Path:
    path = ppocr_model.packaged(V3)
    if path is None:
        pytest.skip("rapidocr_onnxruntime, whose weights are used, is not installed")
    return path


@pytest.fixture(scope="module")
def detector(weights: Path) -> Detector:
    return load()


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


def test_small_pale_lines_at_a_slant_are_found_as_on_a_level_page(weights: Path) -> None:
    level = np.full((700, 900, 3), 235, np.uint8)
    for row in range(9):
        text = "Erika Mustermann 4711 geboren am 12.03.1977"
        level[240 + 24 * row : 260 + 24 * row, 250:650] = 210 + row  # as the print of a card
        place = (260, 255 + 24 * row)
        cv2.putText(level, text, place, cv2.FONT_HERSHEY_SIMPLEX, 0.45, (140,) * 3, 1, cv2.LINE_AA)
    image = turned(level, 40)
    ink = image.max(axis=2) < 175
    (once,), (found,) = load().detect([image]), build("ppocr", Detection()).detect([image])
    assert covered(image.shape, once)[ink].mean() < 0.8
    assert covered(image.shape, found)[ink].mean() > 0.97
    assert build("ppocr", Detection()).detect([level, image])[1] == found


def test_fine_print_of_a_page_with_ordinary_lines_is_found(weights: Path) -> None:
    image = np.full((1000, 800, 3), 255, np.uint8)
    letters = np.full((60, 1200), 255, np.uint8)
    place, text = (20, 40), "Petra Moretti 14.11.1968 IBAN DE4711"
    cv2.putText(letters, text, place, cv2.FONT_HERSHEY_SIMPLEX, 1.2, (0,), 3, cv2.LINE_AA)
    image[100:160, 40:640] = letters[:, :600, None]
    small = cv2.resize(letters, (140, 7), interpolation=cv2.INTER_AREA)
    image[702:709, 100:240] = small[..., None]
    ink = image.max(axis=2) < 160
    ink[:600] = False
    (found,) = build("ppocr", Detection()).detect([image])
    assert covered(image.shape, found)[ink].mean() > 0.97


def test_text_on_a_photographed_screen_is_found_as_on_paper(weights: Path) -> None:
    image = np.full((900, 900, 3), 210, np.uint8)
    for row in range(9):
        place = (120, 155 + 60 * row)
        text = "Erika Mustermann 4711 geboren am 12.03.1977"
        cv2.putText(image, text, place, cv2.FONT_HERSHEY_SIMPLEX, 0.4, (140,) * 3, 1, cv2.LINE_AA)
    ink = image.max(axis=2) < 175
    y, x = np.indices(ink.shape)
    pixels = (np.sin(2 * np.pi * way / 2.2) for way in (x + 0.06 * y, y - 0.06 * x))
    shown = np.clip(image * (0.9 + 0.2 * sum(pixels)[..., None]), 0, 255).astype(np.uint8)
    (once,), (found,) = load().detect([shown]), build("ppocr", Detection()).detect([shown])
    assert covered(image.shape, once)[ink].mean() < 0.8
    assert covered(image.shape, found)[ink].mean() > 0.97


@pytest.mark.slow
def test_thresholds_reach_the_model(weights: Path) -> None:
    image, _ = page()

    def area(**settings: float) -> float:
        found = load(**settings).detect([image])[0]
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


def test_damaged_wheel(weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    damaged = tmp_path / "model.onnx"
    data = bytearray(weights.read_bytes())
    data[len(data) // 2] ^= 1
    damaged.write_bytes(data)
    monkeypatch.setattr(ppocr_model, "packaged", lambda _: damaged)
    with pytest.raises(InputError, match=r"damaged.*pip install.*rapidocr_onnxruntime==1\.2\.13"):
        load()


def test_folder_of_weights(weights: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    onnx = Path(shutil.copy(weights, tmp_path / "inference.onnx"))
    with caplog.at_level(logging.INFO):
        other = load(weights=tmp_path)
    assert ppocr_model.PUBLISHED[V3].digest in caplog.text
    assert other.detect([page()[0]]) == load().detect([page()[0]])
    onnx.write_bytes(onnx.read_bytes()[:100_000])
    with pytest.raises(InputError, match="cannot load"):
        load(weights=tmp_path)


@pytest.mark.slow
def test_neither_threads_nor_neighbours_change_what_is_found(weights: Path) -> None:
    alone = [load().detect([image])[0] for image in pages()]
    assert len({len(regions) for regions in alone}) > 2  # so that a wrong order would show
    for threads in (2, 40):
        detector = build("ppocr", Detection(speed="single"), threads)
        assert detector.detect(pages()) == alone
        assert detector.detect([]) == []


def test_text_at_the_edge_is_covered_to_the_last_pixel(weights: Path) -> None:
    """rapidocr's own last step ends every box a pixel before the edge."""
    image, lines = page()
    column = int(np.nonzero(lines[0])[1].max())
    (found,) = load(unclip_ratio=2.5).detect([np.ascontiguousarray(image[:, :column])])
    assert max(region.x1 for region in found) == column


@pytest.mark.slow
def test_of_several_models_what_any_finds_counts() -> None:
    names = ("PP-OCRv3_mobile_det", "PP-OCRv6_small_det")
    if any(ppocr_model.packaged(name) is None for name in names):
        pytest.skip("rapidocr 3.10.0 or rapidocr_onnxruntime, whose weights are used, is missing")
    for image in pages()[:4]:
        alone = [load(model=name).detect([image])[0] for name in names]
        (both,) = load(model=names).detect([image])
        mask = cv2.dilate(covered(image.shape, both).astype(np.uint8), np.ones((3, 3))) > 0
        assert all(not (covered(image.shape, found) & ~mask).any() for found in alone)
        assert 0 < len(both) < sum(map(len, alone))


def test_a_model_of_another_kind_is_refused(shared: Path, tmp_path: Path) -> None:
    recognizer = shared / "weights/ppocrv3/rec/inference.onnx"
    if not recognizer.is_file():
        pytest.skip("no recognizer in `shared`")
    shutil.copy(recognizer, tmp_path)
    with pytest.raises(InputError, match="is not a text detector"):
        load(weights=tmp_path)
