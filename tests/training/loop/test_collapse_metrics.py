"""What the log tells of a training: effective ranks, prototypes in use, signs of a collapse."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch

from anonbench.training.loop.collapse_metrics import collapse_signs, rank_me, used_prototypes

HEALTHY = {"teacher_entropy": 1.6, "kl": 0.7, "prototypes_used": 30.0, "feature_rank": 12.0}


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
    skewed = torch.eye(2)[[0, 0, 0, 1]]
    assert float(used_prototypes(skewed)) == pytest.approx(4 / 3**0.75)


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


def test_few_prototypes_are_few_of_those_there_are_and_nan_is_no_sign() -> None:
    row = HEALTHY | {"teacher_entropy": 0.3, "prototypes_used": 3.0}
    assert list(collapse_signs(row, 65_536, 0.5)) == ["few"]
    assert collapse_signs(row, 8, 0.5) == {}
    assert collapse_signs(dict.fromkeys(HEALTHY, float("nan")), 32, 0.5) == {}
