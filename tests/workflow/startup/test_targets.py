"""Targets that are not the default, and what is planned for them."""

import re
from pathlib import Path
from typing import Any

import pytest
from planned_jobs import planned

import small_archive

pytestmark = pytest.mark.workflow


def config(**other: Any) -> dict[str, Any]:
    """Return the archive twice, once for each of two systems; `other` for the second."""
    made = small_archive.config()
    base = {"split": {"validation": 1.0}, "system": "one", "adaptions": []}
    made["systems"] = {name: {"kind": "timm"} for name in ("one", "two")}
    first = made["datasets"].pop("archive") | base
    made["datasets"] = {"first": first, "second": first | {"system": "two"} | other}
    return made


MAPPED = {"split": {"validation": 1.0}, "adaptions": ["mapped"]}  # which another may not allow


@pytest.mark.parametrize("other", [{"methods": ["blur"]}, {"system": "one"}])
def test_no_findings_of_systems(tmp_path: Path, output_of: Any, other: dict[str, Any]) -> None:
    small_archive.draw(tmp_path)
    assert "findings" in output_of(tmp_path, config(**other), "-n", "findings", fails=True)


@pytest.mark.parametrize(
    ("given", "says"),
    [
        (config(**MAPPED), ["answers.csv", "results/one/results.json", "results/two/results.json"]),
        (small_archive.config(), ["effects"]),
    ],
    ids=["systems", "trained models"],
)
def test_findings_compare_systems_or_say_what_adapting_costs(
    tmp_path: Path, output_of: Any, given: dict[str, Any], says: list[str]
) -> None:
    small_archive.draw(tmp_path)
    said = output_of(tmp_path, given, "-n", "findings")
    assert ("findings_systems" in said) is (len(says) > 1)
    assert all(each in said for each in says)


def test_targets_by_number(output_of: Any, miniature: dict[str, Any], tmp_path: Path) -> None:
    targets = ["table_III", "table_V", "figure_4", "figure_7", "portraits_boxes"]
    targets += ["documents_scores", "portraits_privacy", "compare_paper", "costs"]
    output_of(tmp_path, miniature, "-n", *targets)


def test_without_a_truth_there_is_a_list_alone(output_of: Any, tmp_path: Path) -> None:
    small_archive.draw(tmp_path)
    config = small_archive.config()
    config["recipes"]["tiny"]["optimizer"]["batch_size"] = 100  # too many for a training alone
    arguments = ("-n", "--cores", "1", "--workflow-profile", "none")
    run = output_of(tmp_path, config, *arguments, "detection_quality")
    assert "quality_archive" in planned(run) and "anonymize" not in planned(run)
    (made,) = re.findall(r"rule quality_archive:\n(?:\s+input: .*\n)\s+output: (.*)", run)
    assert made == "results/archive/quality/least_certain.csv"
