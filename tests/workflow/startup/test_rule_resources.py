"""Resources of rules: those that grow, and GPUs that there may be."""

from __future__ import annotations

from typing import Any

import pytest
from snakemake import api, cli  # noqa: F401 - first: Snakemake's modules import each other
from snakemake.exceptions import WorkflowError
from snakemake.resources import Resource, Resources

from anonbench.workflow.rule_resources import gpus_within, growing


def asked(resource: Any, attempt: int = 1) -> Any:
    """Return what Snakemake hands to a job."""
    known = {"input": [], "attempt": attempt, "threads": 1, "rulename": "train"}
    resources = Resources.from_mapping({"of_job": resource})
    return resources["of_job"].evaluate(["mine", "0"], **known).value


def test_memory_and_time_grow_with_each_attempt() -> None:
    assert [asked(growing(1000)), asked(growing(1000), 3)] == [1000, 3000]
    assert asked(growing(lambda w: 5 * len(w)), 2) == 20


def test_more_gpus_than_there_may_be_are_refused() -> None:
    assert [asked(gpus_within(limit, 2), 2) for limit in (2, None)] == [2, 2]
    assert asked(gpus_within(2, lambda w: len(w) - 1)) == 1
    for many in (4, lambda w: 4):
        with pytest.raises(WorkflowError, match="train mine 0 wants 4 GPUs, and gpu=2"):
            asked(gpus_within(2, many))


def test_there_is_no_limit_where_none_is_given() -> None:
    assert Resources.from_mapping({}).get("gpu").value is None
    assert Resources.from_mapping({"gpu": 2}).get("gpu").value == Resource("gpu", 2).value
