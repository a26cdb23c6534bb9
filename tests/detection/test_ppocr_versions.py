"""PP-OCRv4 to v6 by their names, with the real files that packages bring."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from drawn_text import load, page, pages, receipt_coverage

from anonbench.core.errors import InputError
from anonbench.core.provenance import file_digest
from anonbench.core.registries.detectors import Detector
from anonbench.detection.kinds import ppocr as ppocr_model
from anonbench.detection.kinds.ppocr import PUBLISHED
from anonbench.detection.text_recognizer import LineReader
from anonbench_demo import documents

V3, V6 = "PP-OCRv3_mobile_det", "PP-OCRv6_small_det"


@pytest.fixture(scope="module", params=[name for name in PUBLISHED if name != V3])
def model(request: pytest.FixtureRequest) -> str:
    name = str(request.param)
    if ppocr_model.packaged(name) is None:
        pytest.skip(f"no weights of {name}: {PUBLISHED[name].install or 'no package brings them'}")
    return name


@pytest.fixture(scope="module")
def detector(model: str) -> Detector:
    return load(model=model)


@pytest.mark.slow
def test_same_boxes_as_rapidocr_with_the_same_thresholds(detector: Detector, model: str) -> None:
    """Its own code for the network's input and output; it ends a pixel before ours at the edges.

    It also sums with more digits, which moves a corner by a pixel now and then.
    """
    pytest.importorskip("rapidocr")
    theirs = rapidocr_detector(Path(str(ppocr_model.packaged(model))))
    drawn = [documents.draw(0, name, "0").image for name in ("invoice", "letter", "news article")]
    for image in [*pages(), *drawn]:
        height, width = image.shape[:2]
        if min(height, width) < 32 or max(height, width) > 960:
            continue  # it does not look at the first, and rapidocr 3.4 has other limits
        rgb = image if image.ndim == 3 else np.dstack([image] * 3)
        expected = theirs(np.ascontiguousarray(rgb[:, :, ::-1])).boxes
        ours = np.array([r.quad for r in detector.detect([image])[0]]).reshape(-1, 4, 2)
        ours = np.minimum(ours, (width - 1, height - 1))
        assert len(expected) == len(ours) > 0
        apart = np.abs(ours[:, None] - np.asarray(expected)[None]).max(axis=(2, 3)).min(axis=1)
        assert apart.max() <= 3
        assert np.mean(apart == 0) > 0.9


def rapidocr_detector(weights: Path) -> Any:
    """Return rapidocr's own text detector with our thresholds and PaddleOCR's normalization."""
    import rapidocr
    from rapidocr.ch_ppocr_det import TextDetector
    from rapidocr.utils.parse_parameters import ParseParams

    config = ParseParams.load(Path(rapidocr.__file__).parent / "config.yaml")
    engine = config.EngineConfig.onnxruntime
    engine.intra_op_num_threads = engine.inter_op_num_threads = 1
    options = {"limit_side_len": 960, "limit_type": "max", "use_dilation": False}
    options |= {"box_thresh": 0.6, "unclip_ratio": 1.5, "model_path": str(weights)}
    options |= {"mean": [0.485, 0.456, 0.406], "std": [0.229, 0.224, 0.225]}
    config.Det.update(options | {"engine_cfg": engine, "model_root_dir": None})
    return TextDetector(config.Det)


def test_the_package_s_file_in_a_folder_of_one_s_own(model: str, tmp_path: Path) -> None:
    copy = Path(shutil.copy(Path(str(ppocr_model.packaged(model))), tmp_path))
    assert file_digest(copy) == PUBLISHED[model].digest
    image, _ = page()
    assert load(model=model, weights=tmp_path).detect([image]) == load(model=model).detect([image])
    copy.write_bytes(copy.read_bytes()[:-1])
    with pytest.raises(InputError, match=r"damaged or of another version.*SHA-256 is not"):
        load(model=model, weights=tmp_path)


def test_its_package_s_recognizer_reads_lines_for_the_detector_mrz(model: str) -> None:
    (weights,) = Path(str(ppocr_model.packaged(model))).parent.glob("*_rec_*.onnx")
    image, _ = page()
    line = np.array([(50, 150), (330, 150), (330, 205), (50, 205)], float)
    assert LineReader(weights).read(image, line) == "Invoice 4711"


@pytest.mark.slow
def test_real_receipts_are_covered_better(detector: Detector, model: str, shared: Path) -> None:
    paths = sorted((shared / "data/sroie").glob("*.jpg"))[:5]
    if not paths:
        pytest.skip("no receipts in `shared`")
    v3 = load(model=V3)
    shares = [[receipt_coverage(path, d) for path in paths] for d in (detector, v3)]
    assert np.mean(shares[0]) > max(0.91, np.mean(shares[1]))


@pytest.mark.parametrize("name", PUBLISHED)
def test_package_is_missing(name: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(ppocr_model, "PACKAGES", ("a_package_that_is_not_installed",))
    with pytest.raises(InputError, match=rf"no ONNX weights of {name}") as caught:
        load(model=name)
    assert PUBLISHED[name].files[0] in str(caught.value)
    assert (PUBLISHED[name].install or "weights") in str(caught.value)
    file = PUBLISHED[name].files[0]
    with pytest.raises(InputError, match=rf"no inference\.onnx .*and no {file}"):
        load(model=name, weights=tmp_path)


def test_an_unknown_name_is_told_the_known_ones() -> None:
    with pytest.raises(InputError, match=rf"no ONNX weights of PP-OCRv4; .*{V3}.*{V6}"):
        load(model="PP-OCRv4")
