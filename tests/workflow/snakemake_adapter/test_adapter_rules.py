"""Rules: what the adapter uses of them, and what it sets.

Where one of these tests fails on a new version of Snakemake, look at that function of
`anonbench.workflow.snakemake_adapter` before anything else.
"""

from __future__ import annotations

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
from snakemake.workflow import Workflow

from anonbench.workflow.snakemake_adapter.rules import own_rules, remove_rules


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
        (Rule, ("is_producer", "get_wildcards", "expand_input")),
        (Resource, ("value",)),
    ],
)
def test_names_are_there(owner: type, names: tuple[str, ...]) -> None:
    for name in names:
        assert hasattr(owner, name), OTHER.format(f"{owner.__name__} has no {name}")


@pytest.mark.parametrize("name", ["_rules", "global_resources", "module_globals", "default_target"])
def test_attributes_are_set(name: str) -> None:
    text = Path(inspect.getfile(Workflow)).read_text(encoding="utf-8")
    problem = OTHER.format(f"snakemake.workflow sets no {name}")
    assert re.search(rf"(self|rule)\.{name}\b.* = ", text), problem


def test_rules_of_a_foreign_snakefile_are_left_alone() -> None:
    mine: dict[str, Any] = {}
    rules = [SimpleNamespace(module_globals=mine), SimpleNamespace(module_globals={})]
    assert own_rules(SimpleNamespace(rules=rules), mine) == rules[:1]


def test_removed_rules_are_gone() -> None:
    run = SimpleNamespace(_rules={"a": 1, "b": 2})
    remove_rules(run, ["a"])
    assert run._rules == {"b": 2}
