"""The contract with Snakemake: every undocumented name that the adapter relies on is there."""

from __future__ import annotations

import importlib.util
import inspect
import re
from importlib import metadata
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from snakemake.api import Workflow
from snakemake.exceptions import WorkflowError
from snakemake.resources import Resource, Resources
from snakemake.rules import Rule
from snakemake.settings.types import ResourceSettings

from anonbench.workflow import snakemake_adapter as adapter

OTHER = (
    f"Snakemake {metadata.version('snakemake')} is none that anonbench.workflow.snakemake_adapter "
    "knows: {}"
)


@pytest.mark.parametrize(
    ("owner", "names"),
    [
        (Workflow, ("rules", "source_path", "is_main_process")),
        (Rule, ("set_params", "is_producer", "get_wildcards", "expand_input", "benchmark")),
        (Resource, ("value", "evaluate")),
        (ResourceSettings, ("_parsed_overwrite_resources",)),
    ],
)
def test_names_are_there(owner: type, names: tuple[str, ...]) -> None:
    for name in names:
        assert hasattr(owner, name), OTHER.format(f"{owner.__name__} has no {name}")


@pytest.mark.parametrize(
    ("module", "names"),
    [
        (
            "workflow",
            ("_rules", "_dag", "global_resources", "ruleinfo", "module_globals", "default_target"),
        ),
        ("rules", ("log_modifier", "benchmark_modifier", "rule")),
        ("resources", ("raw",)),
    ],
)
def test_attributes_are_set(module: str, names: tuple[str, ...]) -> None:
    found = importlib.util.find_spec(f"snakemake.{module}")
    assert found is not None and found.origin is not None
    text = Path(found.origin).read_text(encoding="utf-8")
    for name in names:
        assert re.search(rf"(self|rule)\.{name}\b.* = ", text), OTHER.format(
            f"snakemake.{module} sets no {name}"
        )


def test_a_resource_is_evaluated_as_the_adapter_does() -> None:
    known = inspect.signature(Resource.evaluate).parameters
    assert "async_run" in known or any(p.kind is p.VAR_KEYWORD for p in known.values())


def workflow(limit: int | None = None, by_user: dict[str, int] | None = None) -> Any:
    return SimpleNamespace(
        resource_settings=SimpleNamespace(_parsed_overwrite_resources={"train": by_user or {}}),
        global_resources={"gpu": Resource("gpu", limit)},
        is_main_process=True,
    )


def rule(run: Any, general: dict[str, int] | None = None, **resources: Any) -> Any:
    """Return a rule with resources as `Workflow.rule` sets them, the user's last."""
    known = (general or {}) | resources | run.resource_settings._parsed_overwrite_resources["train"]
    info = SimpleNamespace(resources=((), resources) if resources else None)
    return SimpleNamespace(name="train", resources=Resources.from_mapping(known), ruleinfo=info)


def asked(rule: Any, name: str, attempt: int = 1) -> Any:
    known = {"input": [], "attempt": attempt, "threads": 1, "rulename": "train"}
    found = rule.resources[name].evaluate(["mine", "0"], async_run=None, **known)
    return found.value


def test_memory_and_time_have_a_default_and_grow() -> None:
    run = workflow()
    small, big = rule(run), rule(run, mem_mb=3000)
    for each in (small, big):
        adapter.set_resources(run, each, {"mem_mb": 1000, "runtime": 5})
    assert [asked(small, "mem_mb"), asked(small, "mem_mb", 3)] == [1000, 3000]
    assert [asked(big, "mem_mb"), asked(big, "mem_mb", 2)] == [3000, 6000]
    assert asked(small, "runtime", 2) == 10


def test_a_rules_default_comes_before_the_general_one() -> None:
    run = workflow()
    each = rule(run, general={"mem_mb": 77})
    adapter.set_resources(run, each, {"mem_mb": 1000, "runtime": 5})
    assert asked(each, "mem_mb") == 1000


def test_what_the_user_sets_for_a_rule_comes_first() -> None:
    run = workflow(by_user={"mem_mb": 77})
    each = rule(run)
    adapter.set_resources(run, each, {"mem_mb": 1000, "runtime": 5})
    assert [asked(each, "mem_mb"), asked(each, "runtime")] == [77, 5]


def test_more_gpus_than_there_may_be_are_refused() -> None:
    run = workflow(limit=2)
    few, many = rule(run, gpu=2), rule(run, gpu=4)
    for each in (few, many):
        adapter.set_resources(run, each, {"mem_mb": 1000, "runtime": 5})
    assert asked(few, "gpu") == 2
    with pytest.raises(WorkflowError, match="train mine 0 wants 4 GPUs, and gpu=2"):
        asked(many, "gpu")


def test_rules_of_a_foreign_snakefile_are_left_alone() -> None:
    mine: dict[str, Any] = {}
    rules = [SimpleNamespace(module_globals=mine), SimpleNamespace(module_globals={})]
    assert adapter.own_rules(SimpleNamespace(rules=rules), mine) == rules[:1]


def test_removed_rules_are_gone() -> None:
    run = SimpleNamespace(_rules={"a": 1, "b": 2})
    adapter.remove_rules(run, ["a"])
    assert run._rules == {"b": 2}


def test_code_is_a_parameter_where_jobs_are_planned(root: Path) -> None:
    script = root / "workflow/scripts/heatmap.py"
    values = {}
    for is_main in (True, False):
        found: dict[str, Any] = {}
        run = SimpleNamespace(is_main_process=is_main)
        adapter.set_code(run, SimpleNamespace(set_params=found.update), script)
        values[is_main] = found["code"](None)
    assert len(values[True]) == 64 and values[False] == ""


def test_a_benchmark_is_named_as_the_log() -> None:
    log = SimpleNamespace(paths=("<logs>/figure/trend_{dataset}.log",))
    each = SimpleNamespace(log_modifier="prefix", ruleinfo=SimpleNamespace(log=log))
    adapter.benchmark_like_log(each)
    assert each.benchmark == "<benchmarks>/figure/trend_{dataset}.tsv"
    assert each.benchmark_modifier == "prefix"
