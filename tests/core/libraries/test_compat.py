"""Non-maximum suppression against a plain reference, and the repaired import of torchvision."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from anonbench.core.libraries.compat import install_torchvision_ops, nms

# few distinct values, so that ties, touching, equal and empty boxes are common
COORDINATE = st.sampled_from([-2.0, 0.0, 0.1, 1.0, 1.5, 3.0, 7.0, 10.0])
SCORE = st.sampled_from([0.0, 0.25, 0.5, 0.9])
THRESHOLD = st.sampled_from([0.0, 0.1, 0.3, 0.5, 0.7, 1.0])
BOX = st.tuples(COORDINATE, COORDINATE, COORDINATE, COORDINATE, SCORE)


def plain_nms(boxes: np.ndarray, scores: np.ndarray, threshold: float) -> list[int]:
    """Compare every pair, one number at a time, in the boxes' own precision."""
    kept: list[int] = []
    zero = boxes.dtype.type(0)
    for i in sorted(range(len(boxes)), key=lambda index: -float(scores[index])):
        for j in kept:
            width = max(zero, min(boxes[i, 2], boxes[j, 2]) - max(boxes[i, 0], boxes[j, 0]))
            height = max(zero, min(boxes[i, 3], boxes[j, 3]) - max(boxes[i, 1], boxes[j, 1]))
            area_i = (boxes[i, 2] - boxes[i, 0]) * (boxes[i, 3] - boxes[i, 1])
            area_j = (boxes[j, 2] - boxes[j, 0]) * (boxes[j, 3] - boxes[j, 1])
            shared = width * height
            with np.errstate(invalid="ignore", divide="ignore"):
                overlap = shared / (area_j + area_i - shared)
            if float(overlap) > threshold:
                break
        else:
            kept.append(i)
    return kept


@pytest.mark.slow
@settings(deadline=None)
@given(st.lists(BOX, max_size=25), THRESHOLD, st.sampled_from([np.float32, np.float64]))
def test_nms_equals_the_plain_reference(
    rows: list[tuple[float, ...]], threshold: float, precision: type
) -> None:
    values = np.array(rows, dtype=precision).reshape(-1, 5)
    values[:, :2], values[:, 2:4] = (
        np.minimum(values[:, :2], values[:, 2:4]),
        np.maximum(values[:, :2], values[:, 2:4]),
    )
    boxes, scores = values[:, :4].copy(), values[:, 4].copy()
    kept = nms(torch.from_numpy(boxes), torch.from_numpy(scores), threshold)
    assert kept.dtype == torch.int64
    assert kept.tolist() == plain_nms(boxes, scores, threshold)


def test_nms_on_many_boxes_equals_the_plain_reference() -> None:
    draw = np.random.default_rng(5)
    for _ in range(20):
        corner = draw.uniform(0, 60, (120, 2))
        boxes = np.hstack([corner, corner + draw.uniform(0, 30, (120, 2))]).astype(np.float32)
        scores = draw.uniform(size=120).astype(np.float32)
        kept = nms(torch.from_numpy(boxes), torch.from_numpy(scores), 0.5)
        assert kept.tolist() == plain_nms(boxes, scores, 0.5)


def test_an_overlap_equal_to_the_threshold_stays() -> None:
    # 7 / 10 in float32 is below 0.7 in float64: only an unrounded comparison tells
    boxes = torch.tensor([[0.0, 0.0, 10.0, 1.0], [0.0, 0.0, 7.0, 1.0]])
    scores = torch.tensor([0.9, 0.8])
    assert nms(boxes, scores, 0.7).tolist() == [0, 1]
    assert nms(boxes, scores, 0.69).tolist() == [0]


def test_boxes_without_area_do_not_suppress_each_other() -> None:
    boxes = torch.zeros(3, 4)
    assert nms(boxes, torch.tensor([0.1, 0.9, 0.9]), 0.5).tolist() == [1, 2, 0]
    assert nms(torch.zeros(0, 4), torch.zeros(0), 0.5).tolist() == []


@pytest.mark.slow
def test_torchvision_calls_the_installed_operator() -> None:
    replaced = install_torchvision_ops()
    assert install_torchvision_ops() is replaced
    ops = pytest.importorskip("torchvision.ops")
    corner = torch.rand(200, 2, generator=torch.Generator().manual_seed(0))
    boxes = torch.cat([corner, corner + 0.3], dim=1)
    scores = torch.linspace(0, 1, 200)
    groups = torch.arange(200) % 3
    assert torch.equal(ops.nms(boxes, scores, 0.4), nms(boxes, scores, 0.4))
    kept = set(ops.batched_nms(boxes, scores, groups, 0.4).tolist())
    apart = set()
    for group in range(3):
        members = torch.nonzero(groups == group).flatten()
        apart |= set(members[nms(boxes[members], scores[members], 0.4)].tolist())
    assert kept == apart


@pytest.mark.slow
def test_packages_that_need_torchvision_import_after_installation() -> None:
    code = """
import importlib, importlib.util
from anonbench.core.libraries.compat import install_torchvision_ops
install_torchvision_ops()
for package in ("torchvision", "facenet_pytorch", "timm"):
    if importlib.util.find_spec(package) is not None:
        importlib.import_module(package)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_compiled_operators_are_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "anonbench.core.libraries.compat._compiled_operators_missing", lambda: False
    )
    monkeypatch.setattr(
        torch.library, "Library", lambda *_: pytest.fail("registered beside compiled operators")
    )
    assert install_torchvision_ops.__wrapped__() is False
