"""Why planned jobs would run."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from anonbench.core.jobs.checksums import PARAMETERS, write_checksum
from anonbench.workflow.plan.causes import NEW, reasons
from anonbench.workflow.plan.jobs import Job, Plan

Maker = Callable[..., Job]
Planner = Callable[..., Plan]


def made_with(path: Path, parameters: dict[str, Any]) -> Path:
    path.touch()
    write_checksum(path, **{PARAMETERS: parameters})
    return path


def causes(plan: Plan, job: Job) -> list[str]:
    """Return a job's own causes."""
    return [cause for cause, way in reasons(plan)[job].items() if way == [job]]


def test_the_beginning_of_a_chain_is_the_reason_of_all_that_follows(
    tmp_path: Path, job: Maker, plan: Planner
) -> None:
    paths = [made_with(tmp_path / name, {}) for name in ("embeddings", "scores")]
    models = made_with(tmp_path / "models", {"slice": {"k": 1}})
    train = job(1, outputs=[models], params={"slice": {"k": 2}})
    embed = job(2, "embed", outputs=paths[:1], before=[train])
    score = job(3, "score", outputs=paths[1:], before=[embed])
    explore = job(4, "explore", before=[score])
    made = plan(train, embed, score, explore)
    cause, found = "k: 1 → 2", reasons(made)
    assert found == {
        train: {cause: [train]},
        embed: {cause: [embed, train]},
        score: {cause: [score, embed, train]},
        explore: {NEW: [explore]},
    }
    assert made.needed(score) == [train, embed, score]


def test_a_users_changed_file_is_named(tmp_path: Path, job: Maker, plan: Planner) -> None:
    output = made_with(tmp_path / "boxes", {"given": [["same", "1"], ["own.csv", "a"]]})
    params = {"given": [["own.csv", "b"], ["same", "1"]]}
    made = job(1, outputs=[output], params=params, reason="inputs changed: 1, such as own.csv")
    assert causes(plan(made), made) == ["own.csv has changed"]


def test_an_output_is_gone_or_changed_or_unknown_or_the_job_is_forced(
    tmp_path: Path, job: Maker, plan: Planner
) -> None:
    good, gone, edited = (made_with(tmp_path / name, {}) for name in ("good", "gone", "edited"))
    unknown = tmp_path / "unknown"
    unknown.touch()
    gone.unlink()
    edited.write_text("edited", encoding="utf-8")
    spoilt = job(1, outputs=[good, gone, edited, unknown], reason="forced")
    assert causes(plan(spoilt, unrecorded={unknown}), spoilt) == [
        f"{gone} is gone",
        f"{edited} was changed by hand",
        f"{unknown} has no complete record of its making",
    ]
    other = job(1, outputs=[good], reason="Software environment has changed")
    assert causes(plan(other), other) == ["Software environment has changed"]
    assert causes(plan(other, unrecorded={good}), other) == [
        f"{good} has no complete record of its making"
    ]
