"""What the log tells of a training: effective ranks, prototypes in use, signs of a collapse."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch

from anonbench.training.loop.collapse_metrics import collapse_signs, rank_me, used_prototypes

HEALTHY = {"teacher_entropy": 1.6, "kl": 0.7, "prototypes_used": 30.0, "feature_rank": 12.0}


def _numpy_rank(features: np.ndarray) -> float:
    values = np.linalg.svd(features.astype(np.float64), compute_uv=False)
    shares = values / values.sum() + 1e-7
    return float(np.exp(-(shares * np.log(shares)).sum()))


def test_rank_agrees_with_numpy() -> None:
    random = np.random.default_rng(0)
    for shape in ((48, 32), (8, 32), (32, 1)):
        features = random.normal(size=shape) * random.uniform(0.1, 3, shape[1])
        expected = _numpy_rank(features)
        assert rank_me(torch.from_numpy(features)) == pytest.approx(expected, rel=1e-5)


def test_rank_of_what_is_known() -> None:
    assert rank_me(torch.eye(8)) == pytest.approx(8.0, rel=1e-4)
    same = torch.ones(10, 4)
    assert rank_me(same) == pytest.approx(1.0, abs=1e-4)
    assert rank_me(torch.diag(torch.tensor([3.0, 1.0]))) == pytest.approx(
        math.exp(0.75 * math.log(4 / 3) + 0.25 * math.log(4)), rel=1e-5
    )
    assert rank_me(torch.randn(16, 8, dtype=torch.bfloat16)) > 4
    assert rank_me(torch.zeros(4, 4)) == 0.0
    assert math.isnan(rank_me(torch.tensor([[1.0, float("inf")]])))


def test_prototypes_in_use() -> None:
    one_each = torch.eye(8)[torch.arange(32) % 4]
    assert float(used_prototypes(one_each)) == pytest.approx(4.0)
    assert float(used_prototypes(torch.full((3, 8), 1 / 8))) == pytest.approx(8.0)
    assert float(used_prototypes(torch.eye(8)[[5, 5, 5]])) == pytest.approx(1.0)
    skewed = torch.eye(2)[[0, 0, 0, 1]]
    assert float(used_prototypes(skewed)) == pytest.approx(4 / 3**0.75)
    assert isinstance(used_prototypes(skewed), torch.Tensor)


@pytest.mark.parametrize(
    ("change", "kind", "setting"),
    [
        ({"teacher_entropy": 0.99 * math.log(32), "kl": 0.01}, "uniform", "teacher_temperature"),
        ({"prototypes_used": 3.3}, "few", "heads.centering"),
        ({"feature_rank": 1.4}, "flat", "losses.koleo"),
    ],
)
def test_each_sign(change: dict[str, Any], kind: str, setting: str) -> None:
    assert collapse_signs(HEALTHY, 32, 0.5) == {}
    signs = collapse_signs(HEALTHY | change, 32, 0.1)
    assert list(signs) == [kind]
    assert setting in signs[kind]
    assert collapse_signs(HEALTHY | change, 32, 0.09) == {}


def test_a_uniform_teacher_is_a_sign_only_where_the_student_has_matched_it() -> None:
    row = HEALTHY | {"teacher_entropy": math.log(32), "kl": 0.2}
    assert collapse_signs(row, 32, 0.5) == {}


def test_few_prototypes_are_few_of_those_there_are() -> None:
    row = HEALTHY | {"teacher_entropy": 0.3, "prototypes_used": 3.0}
    assert list(collapse_signs(row, 65_536, 0.5)) == ["few"]
    assert collapse_signs(row, 8, 0.5) == {}


def test_what_is_not_a_number_is_no_sign() -> None:
    assert collapse_signs(dict.fromkeys(HEALTHY, float("nan")), 32, 0.5) == {}
