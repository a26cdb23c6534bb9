"""Non-maximum suppression against a plain reference, and the repaired import of torchvision."""

import numpy as np
import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st

from anonbench.core.libraries.compat import install_torchvision_ops, nms

# few distinct values, so that ties, touching, equal and empty boxes are common
COORDINATE = st.sampled_from([-2.0, 0.0, 0.1, 1.0, 1.5, 3.0, 7.0, 10.0])
SCORE = st.sampled_from([0.0, 0.25, 0.5, 0.9])
THRESHOLD = st.sampled_from([0.0, 0.1, 0.3, 0.5, 0.7, 1.0])
BOX = st.tuples(COORDINATE, COORDINATE, COORDINATE, COORDINATE, SCORE)


def plain_nms(boxes: np.ndarray, scores: np.ndarray, threshold: float) -> list[int]:
    """Compare every pair, one number at a time, in the boxes' own precision."""
    zero = boxes.dtype.type(0)

    def overlap(one: np.ndarray, other: np.ndarray) -> float:
        width = max(zero, min(one[2], other[2]) - max(one[0], other[0]))
        height = max(zero, min(one[3], other[3]) - max(one[1], other[1]))
        areas = [(box[2] - box[0]) * (box[3] - box[1]) for box in (other, one)]
        with np.errstate(invalid="ignore", divide="ignore"):
            return float(width * height / (areas[0] + areas[1] - width * height))

    kept: list[int] = []
    for i in sorted(range(len(boxes)), key=lambda index: -float(scores[index])):
        if not any(overlap(boxes[i], boxes[j]) > threshold for j in kept):
            kept.append(i)
    return kept


@pytest.mark.slow
@settings(deadline=None)
@given(st.lists(BOX, max_size=25), THRESHOLD, st.sampled_from([np.float32, np.float64]))
# 7 / 10 in float32 is below 0.7 in float64: only an unrounded comparison tells
@example([(0.0, 0.0, 10.0, 1.0, 0.9), (0.0, 0.0, 7.0, 1.0, 0.8)], 0.7, np.float32)
# boxes without area do not suppress each other
@example([(0.0, 0.0, 0.0, 0.0, score) for score in (0.25, 0.9, 0.9)], 0.5, np.float32)
@example([], 0.5, np.float32)
def test_nms_equals_the_plain_reference(
    rows: list[tuple[float, ...]], threshold: float, precision: type
) -> None:
    values = np.array(rows, dtype=precision).reshape(-1, 5)
    boxes, scores = values[:, :4].copy(), values[:, 4].copy()
    boxes.reshape(-1, 2, 2).sort(axis=1)
    kept = nms(torch.from_numpy(boxes), torch.from_numpy(scores), threshold)
    assert kept.dtype == torch.int64
    assert kept.tolist() == plain_nms(boxes, scores, threshold)


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
    apart: set[int] = set()
    for group in range(3):
        members = torch.nonzero(groups == group).flatten()
        apart.update(members[nms(boxes[members], scores[members], 0.4)].tolist())
    assert set(ops.batched_nms(boxes, scores, groups, 0.4).tolist()) == apart


def test_compiled_operators_are_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.ops, "load_library", lambda _: None)  # they load
    monkeypatch.setattr(torch.library, "Library", lambda *_: pytest.fail("registered beside them"))
    assert install_torchvision_ops.__wrapped__() is False
