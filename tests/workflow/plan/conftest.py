"""Plans without a workflow."""

from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from anonbench.config import Recipe
from anonbench.core.vocabulary import Split
from anonbench.workflow.planned_jobs import Job, Plan


def expected(stage: str, *of: object) -> float:
    raise ValueError(f"no formula for {stage} {of}")


@pytest.fixture
def job() -> Callable[..., Job]:
    def make(number: int, stage: str = "train", **own: Any) -> Job:
        values = {"outputs": [Path(f"to-be-made/{number}")], "minutes": 10.0, "planned": True}
        return Job(stage, stage, {"dataset": "ids", "seed": str(number)}, **values | own)

    return make


@pytest.fixture
def plan(tmp_path: Path) -> Callable[..., Plan]:
    def make(*jobs: Job, **options: Any) -> Plan:
        started: Any = SimpleNamespace(
            settings=SimpleNamespace(results=tmp_path),
            counts={"ids": dict.fromkeys(Split, 100)},
            experiment=SimpleNamespace(datasets={"ids": SimpleNamespace()}),
        )
        estimates: Any = defaultdict(lambda: SimpleNamespace(seconds=expected, recipe=Recipe()))
        for name, seconds in options.pop("seconds", {}).items():
            estimates[name] = SimpleNamespace(seconds=lambda *of, own=seconds: own)
        return Plan(jobs, started, estimates, **options)

    return make
