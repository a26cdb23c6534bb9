"""What is wrong is said in one message, with its place, before any job is planned."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from planned_jobs import edited

import preloaded

pytestmark = pytest.mark.workflow


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        ("datasets.portraits.degres", [50], "datasets.portraits.degres: unknown key"),
        ("datasets.portraits.methods", ["twirl"], "datasets.portraits.methods.0: "),
        ("datasets.documents.recipe", "huge", "datasets.documents.recipe: no recipe is called"),
        (
            "datasets.portraits",
            {
                "layout": "folder",
                "path": "not/there",
                "detectors": ["mtcnn"],
                "recipe": "portraits",
            },
            "datasets.portraits.path: the folder not/there does not exist",
        ),
        (
            "datasets.portraits.corrections",
            "not/there.csv",
            "datasets.portraits.corrections: there is no file not/there.csv",
        ),
    ],
)
def test_a_wrong_config_is_refused(
    snakemake: Any, miniature: dict[str, Any], tmp_path: Path, path: str, value: Any, message: str
) -> None:
    done = snakemake(tmp_path, edited(miniature, path, value), "-n")
    assert done.returncode != 0
    assert message in done.stderr
    assert "Traceback" not in done.stderr
    assert ".smk" not in done.stderr, "nothing is wrong in a rule file"
    assert "Job stats" not in done.stdout + done.stderr


def test_a_misspelt_target_gets_a_suggestion_from_the_plan(
    root: Path, miniature: dict[str, Any], tmp_path: Path
) -> None:
    (tmp_path / "mine.yaml").write_text(yaml.safe_dump(miniature), encoding="utf-8")
    given = ["plan", "portraits_boxs", "-s", root / "Snakefile", "--configfile", "mine.yaml"]
    done = preloaded.completed("anonbench", given, tmp_path)
    assert done.returncode == 1
    assert "No rule to produce portraits_boxs" in done.stderr
    assert "Did you mean portraits_boxes" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_table_that_the_config_cannot_make_says_why(
    snakemake: Any, miniature: dict[str, Any], tmp_path: Path
) -> None:
    done = snakemake(tmp_path, miniature, "-n", "table_VII")
    assert done.returncode != 0
    reason = "table_VII cannot be made with this config: needs degree 25, but"
    assert reason in done.stderr
    assert "Traceback" not in done.stderr


def test_targets_are_there_by_number_and_by_stage(
    snakemake: Any, miniature: dict[str, Any], tmp_path: Path
) -> None:
    targets = ["table_V", "figure_4", "figure_7", "portraits_boxes", "documents_scores", "report"]
    done = snakemake(tmp_path, miniature, "-n", *targets)
    assert done.returncode == 0, done.stderr
