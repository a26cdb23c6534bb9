"""The metrics log: speed, TensorBoard, signs of a collapse, and warnings that are said once."""

import logging
import math
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

from anonbench.config.training import Recipe
from anonbench.training.loop import metrics_log as journal_module
from anonbench.training.loop.metrics_log import (
    SPEED_COLUMNS,
    MetricsLog,
    collapse_signs,
    rank_me,
    used_prototypes,
)

Make = Callable[..., Recipe]
CPU = torch.device("cpu")


HEALTHY = {"teacher_entropy": 1.6, "kl": 0.7, "prototypes_used": 30.0, "feature_rank": 12.0}


def row(step: int, **changes: float) -> dict[str, float]:
    return {"step": step, "loss": 3.214, **HEALTHY, "ibot": float("nan"), **changes}


def test_speed(tmp_path: Path, recipe: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    monkeypatch.setattr(journal_module.time, "perf_counter", lambda: sum(now))
    made = recipe(tensorboard=False)  # batches of 8
    metrics_log = MetricsLog(tmp_path / "new", made, CPU, 0)

    def slow() -> Iterator[int]:
        for number in range(2):
            now.append(0.5)
            yield number

    for _ in metrics_log.timed(slow()):
        now.append(1.5)
    assert metrics_log.write(row(2)) == "loss 3.21, 4 images/s"
    now.append(1.0)
    metrics_log.write(row(5))
    metrics_log.close()
    speed = pd.read_csv(tmp_path / "new" / "speed.csv")
    assert tuple(speed.columns) == SPEED_COLUMNS
    assert speed["step"].tolist() == [2, 5]
    assert speed["images_per_second"].tolist() == [4.0, 24.0]
    assert speed["waiting"].tolist() == [0.25, 0.0]
    assert (speed["memory_gb"] > 0.05).all()


def test_going_on_keeps_the_lines_before(tmp_path: Path, recipe: Make) -> None:
    made = recipe(tensorboard=False)
    first = MetricsLog(tmp_path, made, CPU, 0)
    for step in (2, 4, 6):
        first.write(row(step))
    with (tmp_path / "speed.csv").open("a") as file:
        file.write("3,1.0,")  # torn
    second = MetricsLog(tmp_path, made, CPU, 4)
    second.write(row(6))
    after = (tmp_path / "speed.csv").read_text().splitlines()
    assert [line.split(",")[0] for line in after] == ["step", "2", "4", "6"]
    MetricsLog(tmp_path, made, CPU, 0)
    assert (tmp_path / "speed.csv").read_text() == ",".join(SPEED_COLUMNS) + "\n"


def _scalars(folder: Path) -> dict[str, list[tuple[int, float]]]:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    events = EventAccumulator(str(folder))
    events.Reload()
    return {
        tag: [(event.step, event.value) for event in events.Scalars(tag)]
        for tag in events.Tags()["scalars"]
    }


def test_tensorboard(tmp_path: Path, recipe: Make) -> None:
    first = MetricsLog(tmp_path, recipe(), CPU, 0)
    for step in (2, 4):
        first.write(row(step, ibot=0.25))
    first.close()
    second = MetricsLog(tmp_path, recipe(), CPU, 2)
    second.write(row(4, loss=2.0))
    second.close()
    scalars = _scalars(tmp_path)
    assert [step for step, _ in scalars["training/loss"]] == [2, 4]
    np.testing.assert_allclose([v for _, v in scalars["training/loss"]], [3.214, 2.0], rtol=1e-6)
    assert scalars["training/ibot"] == [(2, 0.25)]
    names = {f"training/{name}" for name in row(0)} - {"training/step"}
    speed = {f"speed/{name}" for name in SPEED_COLUMNS} - {"speed/step"}
    assert set(scalars) == names | speed


def test_each_warning_once(recipe: Make, caplog: pytest.LogCaptureFixture) -> None:
    metrics_log = MetricsLog(None, recipe(optimizer={"steps": 100}), CPU, 0)
    with caplog.at_level(logging.WARNING):
        metrics_log.write(row(5, prototypes_used=1.0))
        assert caplog.records == []
        metrics_log.write(row(10, prototypes_used=1.0))
        metrics_log.write(row(20, prototypes_used=1.0, feature_rank=1.1))
    messages = [record.getMessage() for record in caplog.records]
    assert len(messages) == 2
    assert messages[0].startswith("step 10: a batch's images share 1.0 of 32 prototypes")
    assert messages[1].startswith("step 20: the features have an effective rank of 1.1")


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_memory_of_a_gpu(tmp_path: Path, recipe: Make) -> None:
    device = torch.device("cuda", 0)
    metrics_log = MetricsLog(tmp_path, recipe(tensorboard=False), device, 0)
    torch.zeros(1 << 28, dtype=torch.uint8, device=device)
    metrics_log.write(row(1))
    metrics_log.write(row(2))
    memory: Any = pd.read_csv(tmp_path / "speed.csv")["memory_gb"]
    assert memory[0] >= 0.26 > memory[1]


def test_rank_and_prototypes_of_what_is_known() -> None:
    assert rank_me(torch.eye(8)) == pytest.approx(8.0, rel=1e-4)
    same = torch.ones(10, 4)
    assert rank_me(same) == pytest.approx(1.0, abs=1e-4)
    assert rank_me(torch.diag(torch.tensor([3.0, 1.0]))) == pytest.approx(
        math.exp(0.75 * math.log(4 / 3) + 0.25 * math.log(4)), rel=1e-5
    )
    assert rank_me(torch.randn(16, 8, dtype=torch.bfloat16)) > 4
    assert rank_me(torch.zeros(4, 4)) == 0.0
    assert math.isnan(rank_me(torch.tensor([[1.0, float("inf")]])))
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
