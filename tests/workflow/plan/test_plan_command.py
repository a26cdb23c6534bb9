"""`anonbench plan` after real edits: the jobs that would run, and what they would cost."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
import small_archive
import yaml
from planned_jobs import edited

import preloaded

pytestmark = [pytest.mark.workflow, pytest.mark.slow]

IMAGES = "results/archive/images"
CONFIG = small_archive.config()


@pytest.fixture
def folder(undisturbed: Path, tmp_path: Path) -> Path:
    """Return a copy of finished results, links and times and all, that may be spoilt."""
    copy = tmp_path / "copy"
    subprocess.run(["cp", "-a", undisturbed, copy], check=True)
    return copy


def anonbench(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return preloaded.completed("anonbench", arguments, folder)


def plan(
    folder: Path, root: Path, *arguments: str, config: dict[str, Any] = CONFIG
) -> dict[str, Any]:
    (folder / "config.yaml").write_text(yaml.safe_dump(config), encoding="utf-8")
    done = said(folder, root, "--json", *arguments)
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def said(folder: Path, root: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    given = ["archive_images", "-s", str(root / "Snakefile"), "--configfile", "config.yaml"]
    return anonbench(folder, "plan", *given, *arguments)


def stages(found: dict[str, Any]) -> set[str]:
    return {job["stage"] for job in found["jobs"]}


def test_nothing_is_planned_where_nothing_changed(folder: Path, root: Path) -> None:
    found = plan(folder, root)
    assert (found["jobs"], found["wall_seconds"]) == ([], 0)
    assert said(folder, root).stdout.startswith("Nothing would run")


def test_a_changed_setting_plans_its_jobs_with_what_they_cost(folder: Path, root: Path) -> None:
    config = edited(CONFIG, "anonymization.mask.colour", [255, 0, 0])
    found = plan(folder, root, config=config)
    assert stages(found) == {"anonymize", "audit"}
    jobs = [job for job in found["jobs"] if job["stage"] == "anonymize"]
    written = {path for job in jobs for path in job["outputs"]}
    assert {f"{IMAGES}/mask-100/{split}/0.tar" for split in ("train", "val")} <= written
    assert all("/mask-100/" in path for path in written)
    for job in jobs:
        split = job["wildcards"]["split"]
        rows = (folder / f"results/benchmarks/anonymize/archive/mask-100/{split}/0.tsv").read_text()
        assert job["seconds"] == pytest.approx(float(rows.splitlines()[1].split("\t")[0]))
        assert job["basis"] == "measured"
        sizes = sum((folder / file).stat().st_size for file in job["outputs"])
        assert job["disk"] == sizes
    assert found["wall_seconds"] <= sum(job["seconds"] for job in found["jobs"])


def test_what_was_never_made_is_measured_by_its_like(folder: Path, root: Path) -> None:
    config = edited(CONFIG, "datasets.archive.degrees", [50, 100])
    found = plan(folder, root, config=config)
    assert stages(found) == {"anonymize", "audit"}
    jobs = [job for job in found["jobs"] if job["stage"] == "anonymize"]
    assert {job["wildcards"]["variant"] for job in jobs} == {"mask-50"}
    assert all(job["basis"] == "measured" for job in jobs)
    assert all(job["disk"] > 0 for job in jobs)


def test_what_snakemake_refuses_is_said_in_its_words(folder: Path, root: Path) -> None:
    (folder / "config.yaml").write_text("datasets: {}\n", encoding="utf-8")
    refused = said(folder, root)
    assert refused.returncode == 1
    assert "datasets" in refused.stderr
    assert "Traceback" not in refused.stderr
