"""Two processes against one: the same losses, gradients and states on the same global batch."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pandas as pd
import pytest
import torch
from ranks import stepping_rank

import preloaded
from anonbench.config.training import Recipe
from anonbench.datasets.image_sets.shards import ImageSet
from image_sets import write_set

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
def stepped(recipe: Make, original: ImageSet, tmp_path_factory: pytest.TempPathFactory) -> States:
    """Return what each case came to in this process and in two, which are started once for all."""
    folder = tmp_path_factory.mktemp("stepped")
    write_set(folder / "0.tar", {image_id: original.read(image_id) for image_id in original.ids})
    states: States = {case: [] for case in CENTERINGS}
    for processes in (1, 2):
        told = {case: folder / f"{case}-{processes}.json" for case in CENTERINGS}
        for case, file in told.items():
            made = _made(recipe, case, processes).model_dump_json()
            shard, output = str(folder / "0.tar"), str(file.with_suffix(".pt"))
            file.write_text(json.dumps({"recipe": made, "shard": shard, "output": output}))
        if processes == 1:
            stepping_rank.main(told.values())
        else:
            launch = [sys.executable, "-m", "torch.distributed.run", "--standalone"]
            launch += ["--nproc-per-node=2", "-m", stepping_rank.__name__, *map(str, told.values())]
            path = os.pathsep.join(sys.path)
            given = os.environ | {"PYTHONPATH": path, "PYTHON_EXEC": preloaded.python()}
            done = subprocess.run(launch, env=given, capture_output=True, text=True, check=False)
            assert done.returncode == 0, done.stderr
        for case, file in told.items():
            result: dict[str, Any] = torch.load(file.with_suffix(".pt"), weights_only=True)
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
