"""Resources of rules: what the adapter uses of them, and what it sets.

Where one of these tests fails on a new version of Snakemake, look at that function of
`anonbench.workflow.snakemake_adapter` before anything else.
"""

from __future__ import annotations

import inspect
from types import SimpleNamespace
from typing import Any

import pytest
from snakemake import api, cli  # noqa: F401 - first: Snakemake's modules import each other
from snakemake.exceptions import WorkflowError
from snakemake.resources import Resource, Resources
from snakemake.workflow import Workflow
from snakemake_source import source

from anonbench.workflow.snakemake_adapter.resources import set_resources


def test_a_resource_is_evaluated_as_the_adapter_does() -> None:
    known = inspect.signature(Resource.evaluate).parameters
    assert "async_run" in known or any(p.kind is p.VAR_KEYWORD for p in known.values())


def workflow(
    limit: int | None = None, by_user: dict[str, int] | None = None, threads: int | None = None
) -> Any:
    return SimpleNamespace(
        resource_settings=SimpleNamespace(
            _parsed_overwrite_resources={"train": by_user or {}},
            _parsed_overwrite_threads={} if threads is None else {"train": threads},
        ),
        global_resources={"gpu": Resource("gpu", limit)},
        is_main_process=True,
    )


def rule(run: Any, general: dict[str, int] | None = None, **resources: Any) -> Any:
    """Return a rule with resources as `Workflow.rule` sets them, the user's last."""
    by_user = run.resource_settings
    threads = resources.pop("threads", None)
    known = (general or {}) | resources | by_user._parsed_overwrite_resources["train"]
    known["_cores"] = by_user._parsed_overwrite_threads.get("train", threads or 1)
    info = SimpleNamespace(resources=((), resources) if resources else None, threads=threads)
    return SimpleNamespace(name="train", resources=Resources.from_mapping(known), ruleinfo=info)


def asked(rule: Any, name: str, attempt: int = 1) -> Any:
    known = {"input": [], "attempt": attempt, "threads": 1, "rulename": "train"}
    found = rule.resources[name].evaluate(["mine", "0"], async_run=None, **known)
    return found.value


def test_memory_and_time_have_a_default_and_grow() -> None:
    run = workflow()
    small, big = rule(run), rule(run, mem_mb=3000)
    for each in (small, big):
        set_resources(run, each, {"mem_mb": 1000, "runtime": 5})
    assert [asked(small, "mem_mb"), asked(small, "mem_mb", 3)] == [1000, 3000]
    assert [asked(big, "mem_mb"), asked(big, "mem_mb", 2)] == [3000, 6000]
    assert asked(small, "runtime", 2) == 10


def test_a_rules_default_comes_before_the_general_one() -> None:
    run = workflow()
    each = rule(run, general={"mem_mb": 77})
    set_resources(run, each, {"mem_mb": 1000, "runtime": 5})
    assert asked(each, "mem_mb") == 1000


def test_what_the_user_sets_for_a_rule_comes_first() -> None:
    run = workflow(by_user={"mem_mb": 77})
    each = rule(run)
    set_resources(run, each, {"mem_mb": 1000, "runtime": 5})
    assert [asked(each, "mem_mb"), asked(each, "runtime")] == [77, 5]


def test_a_rule_asks_for_what_its_script_needs_unless_it_says_more() -> None:
    wanted = {"mem_mb": 1000, "runtime": 5, "threads": 3, "gpu": lambda w: len(w), "mpi": None}
    run = workflow()
    plain, own = rule(run), rule(run, gpu=1, threads=2)
    by_user = rule(few := workflow(by_user={"gpu": 0}, threads=7))
    for each, where in ((plain, run), (own, run), (by_user, few)):
        set_resources(where, each, wanted)
    found = [[asked(r, name, 2) for name in ("_cores", "gpu")] for r in (plain, own, by_user)]
    assert found == [[3, 2], [2, 1], [7, 0]]  # and neither grows with the attempt
    assert asked(plain, "mpi") is None


def test_threads_are_a_resource_that_the_user_may_set() -> None:
    text = source(Workflow.rule)
    assert 'rule.resources["_cores"] = overwrite_threads' in text
    assert 'rule.resources["_cores"] = ruleinfo.threads' in text


def test_more_gpus_than_there_may_be_are_refused() -> None:
    run = workflow(limit=2)
    few, many = rule(run, gpu=2), rule(run, gpu=4)
    for each in (few, many):
        set_resources(run, each, {"mem_mb": 1000, "runtime": 5})
    assert asked(few, "gpu") == 2
    with pytest.raises(WorkflowError, match="train mine 0 wants 4 GPUs, and gpu=2"):
        asked(many, "gpu")
