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
from anonbench.training.distributed import Ranks, local, spread_like, whole, whole_norm

RANK = Path(__file__).parent / "ranks" / "stepping_rank.py"

Make = Callable[..., Recipe]


def _stepped(recipe: Recipe, shard: Path, folder: Path, processes: int) -> dict[str, Any]:
    told = folder / f"{recipe.sharding}-{processes}.json"
    output = told.with_suffix(".pt")
    values = {"recipe": recipe.model_dump_json(), "shard": str(shard), "output": str(output)}
    told.write_text(json.dumps(values), encoding="utf-8")
    launch = [sys.executable]
    if processes > 1:
        launch += ["-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={processes}"]
    done = subprocess.run(
        [*launch, str(RANK), str(told)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    result: dict[str, Any] = torch.load(output, weights_only=True)
    assert result["world"] == processes
    return result["state"]  # type: ignore[no-any-return]


@pytest.mark.slow
@pytest.mark.parametrize("centering", ["sinkhorn", "softmax"])
@pytest.mark.parametrize("sharding", ["ddp", "fsdp"])
def test_two_processes_take_the_step_of_one(
    recipe: Make, write_shard: Callable[[Path], Path], tmp_path: Path, sharding: str, centering: str
) -> None:
    def made(gpus: int) -> Recipe:
        return recipe(
            backbone={"drop_path": 0.0},
            heads={"centering": centering, "shared": centering == "sinkhorn"},
            # with parts, KoLeo's neighbours are others: those of the part, on all ranks
            losses={"koleo": 0.3 if centering == "sinkhorn" else 0.0},
            optimizer={"steps": 4, "accumulate": 2 if centering == "softmax" else 1},
            log_every=1,
            gpus=gpus,
            sharding=sharding,
        )

    shard = write_shard(tmp_path / "0.tar")
    one = _stepped(made(1), shard, tmp_path, 1)
    two = _stepped(made(2), shard, tmp_path, 2)
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
    assert torch.equal(whole({"a": [values]})["a"][0], values)
    assert torch.equal(spread_like(values, values), values)
    assert local(values) is values and whole_norm(values) is values
