"""Rules: what the adapter uses of them, and what it sets.

Where one of these tests fails on a new version of Snakemake, look at that function of
`anonbench.workflow.snakemake_adapter` before anything else.
"""

from __future__ import annotations

import importlib.util
import inspect
import re
from importlib import metadata
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from snakemake import api, cli  # noqa: F401 - first: Snakemake's modules import each other
from snakemake.output_index import OutputIndex
from snakemake.resources import Resource
from snakemake.rules import Rule
from snakemake.settings.types import ResourceSettings
from snakemake.workflow import Workflow

from anonbench.workflow.snakemake_adapter.planning import dry_run
from anonbench.workflow.snakemake_adapter.rules import (
    name_log,
    own_rules,
    remove_rules,
    set_code,
    set_parameters,
)


def test_producers_of_a_file_are_found_by_this_method() -> None:
    assert list(inspect.signature(OutputIndex).parameters) == ["rules"]
    assert list(inspect.signature(OutputIndex.match_producers).parameters) == ["self", "targetfile"]


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
        (ResourceSettings, ("_parsed_overwrite_resources", "_parsed_overwrite_threads")),
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


def test_rules_of_a_foreign_snakefile_are_left_alone() -> None:
    mine: dict[str, Any] = {}
    rules = [SimpleNamespace(module_globals=mine), SimpleNamespace(module_globals={})]
    assert own_rules(SimpleNamespace(rules=rules), mine) == rules[:1]


def test_removed_rules_are_gone() -> None:
    run = SimpleNamespace(_rules={"a": 1, "b": 2})
    remove_rules(run, ["a"])
    assert run._rules == {"b": 2}


def test_code_is_a_parameter(root: Path) -> None:
    found: dict[str, Any] = {}
    script = root / "workflow/scripts/learning.py"
    made = SimpleNamespace(params=None)
    rule = SimpleNamespace(name="learning", ruleinfo=made, set_params=found.update)
    set_code(rule, script)
    assert re.fullmatch("[0-9a-f]{64}", found["code"](None))
    made.params = (), {"code": {}}
    with pytest.raises(ValueError, match="rule learning: the parameter `code`"):
        set_code(rule, script)


_LOOK = ("--dry-run", "--quiet", "rules", "progress", "--workflow-profile", "none", "--cores", "1")


@pytest.mark.workflow
def test_only_what_asks_whether_it_is_done_is_left_its_outputs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    text = (
        "rule all:\n    output: 'a.txt', big=ensure('b', non_empty=True)\n    script: 'script.py'\n"
    )
    for script, stay in (("if not cache.is_done():\n    ...\n", True), ("is_done = 1\n", False)):
        (tmp_path / "script.py").write_text(script, encoding="utf-8")
        (tmp_path / "Snakefile").write_text(
            f"{text}from pathlib import Path\n"
            "from anonbench.workflow.snakemake_adapter.rules import set_code\n"
            "_script = Path(workflow.source_path('script.py'))\n"
            "set_code(next(iter(workflow.rules)), _script)\n",
            encoding="utf-8",
        )
        found = dry_run(
            [*_LOOK, "--snakefile", str(tmp_path / "Snakefile")],
            lambda workflow: [dict(f.flags) for job in workflow.dag.jobs for f in job.output],
        )
        assert ["update" in flags for flags in found] == [stay, stay]
        assert "ensure" in found[1]


def test_a_parameter_that_a_rule_names_itself_stays() -> None:
    found: dict[str, Any] = {}
    info = SimpleNamespace(params=((), {"slice": "own"}))
    each = SimpleNamespace(ruleinfo=info, set_params=lambda **given: found.update(given))
    set_parameters(each, {"slice": "general", "system": None})
    assert found == {"system": None}
    info.params = None
    set_parameters(each, {"slice": "general"})
    assert found == {"system": None, "slice": "general"}


@pytest.mark.parametrize(
    ("first", "script", "log"),  # the rule is called as its script is, and `_all` behind it
    [
        ("figures/trend_{dataset}_{trend}.png", "trend.py", "figure/trend_{dataset}_{trend}"),
        ("paper/claims.csv", "claims.py", "paper/claims"),
        ("report.html", "report.py", "report/report_all"),
        (["portraits/a/b.parquet", "c"], "rankings.py", "rankings/rankings_all"),
        ("{dataset}/policy.csv", "policy.py", "policy/{dataset}"),
        (
            "{dataset}/models/unadapted/s{seed}/b.pt",
            "train.py",
            "train/{dataset}/unadapted/s{seed}",
        ),
        ("{dataset}/detect/{split}/{shard}.boxes.parquet", "d.py", "d/{dataset}/{split}/{shard}"),
    ],
)
def test_a_log_is_named_as_what_is_made_and_a_benchmark_as_the_log(
    first: str | list[str], script: str, log: str
) -> None:
    logs: list[str] = []
    own = first if isinstance(first, str) else first[0]
    for place in ("<results>", "results"):
        path = f"{place}/{own}"
        outputs = {"first": path if isinstance(first, str) else [path], "second": "other"}
        each = made_by(script, outputs, logs)
        name_log(each, "results")
        assert each.benchmark == f"<benchmarks>/{log}.tsv"
        assert each.log_modifier == each.benchmark_modifier == "prefix"
    assert logs == [f"<logs>/{log}.log"] * 2


def test_a_rule_that_is_called_as_its_script_has_no_folder_of_its_own() -> None:
    logs: list[str] = []
    name_log(made_by("report.py", {"p": "<results>/report.html"}, logs, ""), "results")
    assert logs == ["<logs>/report.log"]


def made_by(
    script: str, outputs: dict[str, Any], logs: list[str], suffix: str = "_all"
) -> SimpleNamespace:
    """Return a rule as far as its log is named."""
    return SimpleNamespace(
        name=Path(script).stem + suffix,
        script=f"../scripts/{script}",
        output_modifier="prefix",
        ruleinfo=SimpleNamespace(log=None, output=SimpleNamespace(paths=(), kwpaths=outputs)),
        set_log=logs.append,
    )


def test_a_rule_may_name_its_log_and_have_no_benchmark() -> None:
    log = SimpleNamespace(paths=("<logs>/rankings/portraits.log",))
    each = SimpleNamespace(log_modifier="prefix", ruleinfo=SimpleNamespace(log=log))
    name_log(each, "results", benchmarked=False)
    assert not hasattr(each, "benchmark")
    name_log(each, "results")
    assert each.benchmark == "<benchmarks>/rankings/portraits.tsv"
    assert each.benchmark_modifier == "prefix"
