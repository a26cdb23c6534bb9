"""`anonbench plan` after real edits: the jobs that would run, and what they would cost."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

import preloaded
import small_archive
from edited_config import edited

pytestmark = [pytest.mark.workflow, pytest.mark.slow]

IMAGES = "results/archive/images"
CONFIG = small_archive.config()


def plan(folder: Path, root: Path, config: dict[str, Any] = CONFIG) -> dict[str, Any]:
    (folder / "config.yaml").write_text(yaml.safe_dump(config), encoding="utf-8")
    given = ["archive_images", "-s", root / "Snakefile", "--configfile", "config.yaml", "--json"]
    done = preloaded.completed("anonbench", ["plan", *given], folder)
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def test_nothing_is_planned_where_nothing_changed(scratch: Path, root: Path) -> None:
    found = plan(scratch, root)
    assert (found["jobs"], found["wall_seconds"], found["missing"]) == ([], 0, [])
    assert found["disk_free"] > 0
    gone = "results/archive/skipped.csv"
    (scratch / gone).unlink()
    found = plan(scratch, root)
    assert (found["jobs"], found["missing"]) == ([], [gone])


def test_changed_settings_plan_their_jobs_with_costs(scratch: Path, root: Path) -> None:
    config = edited(CONFIG, "anonymization.mask.colour", [255, 0, 0])
    found = plan(scratch, root, edited(config, "datasets.archive.degrees", [50, 100]))
    assert {job["stage"] for job in found["jobs"]} == {"anonymize", "audit"}
    jobs = [job for job in found["jobs"] if job["stage"] == "anonymize"]
    assert {job["basis"] for job in jobs} == {"measured"}
    for variant in ("mask-50", "mask-100"):
        mine = [job for job in jobs if job["wildcards"]["variant"] == variant]
        written = {path for job in mine for path in job["outputs"]}
        assert {f"{IMAGES}/{variant}/{split}/0.tar" for split in ("train", "val")} <= written
        assert all(f"/{variant}/" in path for path in written)
        assert all(job["disk"] > 0 for job in mine)
    before = [job for job in jobs if job["wildcards"]["variant"] == "mask-100"]
    for job in before:
        split = job["wildcards"]["split"]
        file = f"results/benchmarks/anonymize/archive/mask-100/{split}/0.tsv"
        rows = (scratch / file).read_text()
        assert job["seconds"] == pytest.approx(float(rows.splitlines()[1].split("\t")[0]))
        assert job["disk"] == sum((scratch / file).stat().st_size for file in job["outputs"])
    assert found["wall_seconds"] <= sum(job["seconds"] for job in found["jobs"])
