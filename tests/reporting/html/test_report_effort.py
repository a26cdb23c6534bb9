"""The report's costs, and that they are all in it which another run changes."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from report_results import make_effort, section
from synthetic_results import make_scores

from anonbench.core.errors import InputError
from anonbench.reporting.html.build import build_report
from anonbench.reporting.html.dataset_section import DatasetSection
from anonbench.reporting.html.effort import Effort, effort_part

AGAIN = """
import sys
from pathlib import Path
sys.path[:0] = sys.argv[1:3]
from report_results import make_effort, section
from synthetic_results import make_scores
from anonbench.reporting.html.build import build_report
folder = Path(sys.argv[3])
scores = make_scores("documents", (50, 100), control=True)
parts = [section(folder / "documents", "documents", scores, (50, 100))]
build_report("T", parts, {"a": 1}, {"torch": "2"}, folder / "r.html", effort=make_effort(folder))
"""


@pytest.fixture(scope="module")
def parts(tmp_path_factory: pytest.TempPathFactory) -> list[DatasetSection]:
    folder = tmp_path_factory.mktemp("documents")
    return [section(folder, "documents", make_scores("documents"), (100,))]


def build(output: Path, parts: list[DatasetSection], effort: Effort | None) -> str:
    build_report("T", parts, {"a": 1}, {"torch": "2"}, output, effort=effort)
    return output.read_text()


def part_of(page: str) -> str:
    found = re.findall(r'<section id="effort".*?</section>\n', page, re.DOTALL)
    assert len(found) == 1
    return str(found[0])


@pytest.mark.slow
def test_times_stand_in_one_section_and_all_else_is_the_same_after_every_run(
    tmp_path: Path, parts: list[DatasetSection]
) -> None:
    first = build(tmp_path / "a.html", parts, make_effort(tmp_path / "one"))
    second = build(tmp_path / "b.html", parts, make_effort(tmp_path / "two", hours=3.25))
    assert first != second
    assert first.replace(part_of(first), "") == second.replace(part_of(second), "")
    assert "11,700.0" in part_of(second) and "11,700.0" not in part_of(first)
    # what is measured counts as an input: with the same files the page is the same
    again = build(tmp_path / "c.html", parts, make_effort(tmp_path / "three"))
    assert again == first


@pytest.mark.slow
def test_another_process_writes_the_same_bytes(tmp_path: Path) -> None:
    pages = []
    for seed in ("1", "2"):
        folder = tmp_path / seed
        folder.mkdir()
        environment = os.environ | {"PYTHONHASHSEED": seed}
        here = Path(__file__).parents[1]
        command = [sys.executable, "-c", AGAIN, str(here), str(here.parent), str(folder)]
        subprocess.run(command, check=True, env=environment)
        pages.append((folder / "r.html").read_bytes())
    assert pages[0] == pages[1]
    assert len(pages[0]) > 50_000


@pytest.mark.slow
def test_the_section_says_what_was_measured(tmp_path: Path, parts: list[DatasetSection]) -> None:
    effort = make_effort(tmp_path)
    shown = effort_part(effort)
    assert shown.total.startswith("4 jobs took 2.6 hours one after the other, and 5.0 hours of")
    assert [(row.stage, row.jobs, row.seconds) for row in shown.stages] == [
        ("train", 2, "9,000.0"),
        ("embed", 2, "360.0"),
    ]
    assert shown.machines == [("Some CPU, 2 cores", "2 trainings")]
    text = part_of(build(tmp_path / "r.html", parts, effort))
    assert "Some CPU, 2 cores" in text and "tables/cost.csv" in text
    assert "A job counts as its last run" in text
    assert 'alt="Time and memory that each stage took."' in text
    assert "not recorded" in part_of(build(tmp_path / "n.html", parts, None))
    effort.costs.write_text("stage\ntrain\n")
    with pytest.raises(InputError, match=r"cost\.csv: column 'jobs' is missing"):
        effort_part(effort)


def test_nothing_measured_is_said(tmp_path: Path, parts: list[DatasetSection]) -> None:
    effort = make_effort(tmp_path, jobs=0)
    assert effort_part(effort).total == ""
    assert "Run times: not recorded" in part_of(build(tmp_path / "r.html", parts, effort))
