"""The text detector's network on OpenVINO, in bfloat16, beside ONNX Runtime's float32."""

from __future__ import annotations

import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from drawn_text import WITHOUT, covered, has_bfloat16, page, turned

from anonbench.core.errors import InputError
from anonbench.detection.kinds import Ppocr
from anonbench.detection.text import ppocr_model
from anonbench.detection.text.dbnet import DbnetDetector
from anonbench.detection.text.networks import _sigmoid, onnx_runtime, openvino_bfloat16
from anonbench_demo import documents

runs_here = pytest.mark.skipif(not has_bfloat16(), reason=WITHOUT)


@pytest.fixture(scope="module")
def weights() -> Path:
    path = ppocr_model.packaged(Ppocr().model)
    if path is None:
        pytest.skip("rapidocr_onnxruntime, whose weights are used, is not installed")
    return path


def drawn() -> list[np.ndarray]:
    names = ("invoice", "letter", "news article", "advertisement")
    slanted = turned(page()[0], 12)
    return [*(documents.draw(0, name, "0").image for name in names), slanted]


@runs_here
def test_probabilities_are_those_of_float32_but_for_bfloat16s_rounding(weights: Path) -> None:
    image = np.linspace(-2, 2, 3 * 64 * 96, dtype=np.float32).reshape(1, 3, 64, 96)
    exact = onnx_runtime(weights)(image)
    rounded = openvino_bfloat16(weights, threads=1)(image)
    assert rounded.dtype == exact.dtype == np.float32
    assert rounded.shape == exact.shape
    np.testing.assert_allclose(rounded, exact, atol=0.02)
    assert not np.array_equal(rounded, exact)


@pytest.mark.slow
@runs_here
def test_it_finds_what_float32_finds(weights: Path) -> None:
    pages = drawn()
    exact = DbnetDetector(Ppocr()).detect(pages)
    rounded = DbnetDetector(Ppocr(engine="openvino")).detect(pages)
    for image, first, second in zip(pages, exact, rounded, strict=True):
        own, other = covered(image.shape, first), covered(image.shape, second)
        assert own.sum() > 1000
        # corners move by a pixel, and a box whose mean is near `box_thresh` comes or goes
        assert (own & other).sum() > 0.9 * (own | other).sum()


@pytest.mark.slow
@runs_here
def test_what_is_found_does_not_depend_on_the_threads(weights: Path) -> None:
    pages = drawn()
    alone = DbnetDetector(Ppocr(engine="openvino"), threads=1).detect(pages)
    assert DbnetDetector(Ppocr(engine="openvino"), threads=3).detect(pages) == alone


def test_the_last_activation_ends_at_its_limits() -> None:
    logits = np.array([-np.inf, -200, -89, -1, 0, 1, 30, 200, np.inf], np.float32)
    given = logits.copy()
    with np.errstate(over="ignore"):
        true = 1 / (1 + np.exp(-logits.astype(np.float64)))
    np.testing.assert_allclose(_sigmoid(logits), true, rtol=1e-6, atol=1e-38)
    np.testing.assert_array_equal(logits, given)
    assert np.isnan(_sigmoid(np.array([np.nan], np.float32)))  # for `require_finite`


def test_a_processor_without_bfloat16_is_refused(
    monkeypatch: pytest.MonkeyPatch, weights: Path
) -> None:
    older = {"OPTIMIZATION_CAPABILITIES": ["FP32", "INT8"], "FULL_DEVICE_NAME": "a processor"}
    core = SimpleNamespace(get_property=lambda _, name: older[name])
    monkeypatch.setitem(sys.modules, "openvino", SimpleNamespace(Core=lambda: core))
    with pytest.raises(InputError, match=r"engine: .*\(a processor\) does not; set it to direct"):
        DbnetDetector(Ppocr(engine="openvino"))


def test_without_openvino_the_command_is_named(
    monkeypatch: pytest.MonkeyPatch, weights: Path
) -> None:
    monkeypatch.setitem(sys.modules, "openvino", None)
    with pytest.raises(InputError, match="pip install --no-deps openvino"):
        DbnetDetector(Ppocr(engine="openvino"))


def test_the_exact_engine_loads_nothing_of_openvino(weights: Path) -> None:
    before = set(sys.modules)
    DbnetDetector(Ppocr())
    assert not any(name.startswith("openvino") for name in set(sys.modules) - before)
