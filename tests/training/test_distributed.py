"""Two processes against one: the same losses, gradients and states on the same global batch."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import torch

from anonbench.config.training import Recipe
from anonbench.training.distributed import Ranks

RANK = Path(__file__).parent / "ranks" / "stepping_rank.py"

CENTERINGS = ("sinkhorn", "softmax")
Make = Callable[..., Recipe]
States = dict[str, list[dict[str, Any]]]


def _made(recipe: Make, centering: str, gpus: int) -> Recipe:
    return recipe(
        backbone={"drop_path": 0.0},
        heads={"centering": centering, "shared": centering == "sinkhorn"},
        # with parts, KoLeo's neighbours are others: those of the part, on all ranks
        losses={"koleo": 0.3 if centering == "sinkhorn" else 0.0},
        optimizer={"steps": 4, "accumulate": 2 if centering == "softmax" else 1},
        log_every=1,
        gpus=gpus,
    )


@pytest.fixture(scope="module")
def stepped(
    recipe: Make, write_shard: Callable[[Path], Path], tmp_path_factory: pytest.TempPathFactory
) -> States:
    """Return what each case came to in one process and in two, which are started once for all."""
    folder = tmp_path_factory.mktemp("stepped")
    shard = write_shard(folder / "0.tar")
    states: States = {case: [] for case in CENTERINGS}
    for processes in (1, 2):
        asked, outputs = [], []
        for case in CENTERINGS:
            told = folder / f"{case}-{processes}.json"
            made = _made(recipe, case, processes).model_dump_json()
            outputs.append(told.with_suffix(".pt"))
            values = {"recipe": made, "shard": str(shard), "output": str(outputs[-1])}
            told.write_text(json.dumps(values), encoding="utf-8")
            asked.append(str(told))
        launch = [sys.executable]
        if processes > 1:
            launch += ["-m", "torch.distributed.run", "--standalone"]
            launch += [f"--nproc-per-node={processes}"]
        done = subprocess.run(
            [*launch, str(RANK), *asked], capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        for case, output in zip(CENTERINGS, outputs, strict=True):
            result: dict[str, Any] = torch.load(output, weights_only=True)
            assert result["world"] == processes
            states[case].append(result["state"])
    return states


@pytest.mark.slow
@pytest.mark.parametrize("centering", CENTERINGS)
def test_two_processes_take_the_step_of_one(stepped: States, centering: str) -> None:
    one, two = stepped[centering]
    logs = [pd.DataFrame(state["log"]) for state in (one, two)]
    terms = ["loss", "dino", "ibot", "gradient_norm", "teacher_entropy"]
    terms += ["koleo"] if centering == "sinkhorn" else []
    first = [log[terms].iloc[0].to_list() for log in logs]
    assert first[1] == pytest.approx(first[0], rel=1e-5)
    for log in logs:  # the further ones drift apart by rounding, a thousand times as much at most
        assert log["step"].tolist() == [1, 2, 3, 4]
    later = [log[terms].iloc[-1].to_list() for log in logs]
    assert later[1] == pytest.approx(later[0], rel=1e-2)
    assert two["student"].keys() == one["student"].keys()
    for name, value in one["teacher"].items():
        assert two["teacher"][name].shape == value.shape
        assert torch.allclose(two["teacher"][name], value, atol=2e-3), name


def test_a_single_process_exchanges_nothing() -> None:
    ranks, values = Ranks(), torch.arange(6.0).view(2, 3)
    for exchanged in (ranks.sum(values), ranks.mean(values), ranks.logsumexp(values)):
        assert torch.equal(exchanged, values)
    assert ranks.gather(values) is values
    assert ranks.any(True, False) == [True, False]
