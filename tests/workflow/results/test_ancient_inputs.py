"""No job hides behind an ancient input.

Snakemake looks for changed parameters, code and inputs only in jobs with no planned job before
them; those behind one are planned because it is, unless all that they read of it is ancient. Then
they would not run, whatever has changed. So wherever a job reads ancient files of another, it has
to come after that one by files that are not ancient too (their digests).
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from planned_jobs import planned_jobs

from anonbench.workflow.paths import digests

pytestmark = [pytest.mark.workflow]


def hidden(names: list[str], edges: list[tuple[int, int, bool]]) -> list[str]:
    """Return the ancient dependencies that no path of other ones stands beside."""
    after: dict[int, set[int]] = {}
    for before, job, ancient in edges:
        if not ancient:
            after.setdefault(before, set()).add(job)
    found = []
    for before, job, ancient in edges:
        reached: set[int] = set()
        new = after.get(before, set()) if ancient else set()
        while new:
            reached |= new
            new = set().union(*(after.get(each, set()) for each in new)) - reached
        if ancient and job not in reached:
            found.append(f"{names[before]} -> {names[job]}")
    return found


def test_the_check_finds_what_it_is_for() -> None:
    names = ["a", "b", "c"]
    assert hidden(names, [(0, 1, True), (1, 2, False)]) == ["a -> b"]
    assert hidden(names, [(0, 2, True), (0, 1, False), (1, 2, False)]) == []


def test_every_ancient_input_has_a_digest_beside_it(
    root: Path, miniature: dict[str, Any], tmp_path: Path
) -> None:
    jobs = planned_jobs(root, tmp_path, miniature)
    edges = [
        (int(before), number, all(ancient))
        for number, job in enumerate(jobs)
        for before, ancient in job["after"].items()
    ]
    some = [edge for job in jobs for edge in job["after"].values() if any(edge)]
    assert len(edges) > 300 and len(some) > 100
    assert hidden([job["name"] for job in jobs], edges) == []
    missing = {job["name"]: {*digests(job["ancient"])} - {*job["input"]} for job in jobs}
    assert {name: files for name, files in missing.items() if files} == {}
