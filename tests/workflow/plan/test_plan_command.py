"""`anonbench plan` after real edits: the jobs that would run, and what they would cost."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from PIL import Image
from planned_jobs import edited

import preloaded

pytestmark = [pytest.mark.workflow, pytest.mark.slow]

IMAGES = "results/archive/images"
SHARD = f"{IMAGES}/blur-100/val/0.tar"
CONFIG: dict[str, Any] = {
    "datasets": {
        "archive": {
            "layout": "folder",
            "path": "images",
            "detectors": ["boxes"],
            "boxes": "own.csv",
            "degrees": [100],
            "methods": ["blur", "mask"],
            "recipe": "any",
        }
    },
    "recipes": {"any": {}},
}


def draw(path: Path, seed: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    values = np.random.default_rng(seed).integers(0, 256, (60, 80, 3), dtype=np.uint8)
    Image.fromarray(values).save(path)


@pytest.fixture(scope="module")
def made(snakemake: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with images of an archive, anonymized by their own boxes."""
    folder = tmp_path_factory.mktemp("plan")
    rows = ["path,entity,x0,y0,x1,y1"]
    for number, split in enumerate(("train", "train", "val", "val")):
        draw(folder / f"images/{split}/{number}.png", number)
        rows.append(f"{split}/{number}.png,face,10,10,40,40")
    (folder / "own.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")
    run = snakemake(folder, CONFIG, "--cores", "2", "archive_images")
    assert run.returncode == 0, run.stderr[-3000:]
    return folder


@pytest.fixture
def folder(made: Path, tmp_path: Path) -> Path:
    """Return a copy of it, times and all, that may be spoilt."""
    copy = tmp_path / "copy"
    shutil.copytree(made, copy, symlinks=True)
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
    assert {job["wildcards"]["variant"] for job in jobs} == {"blur-50", "mask-50"}
    assert all(job["basis"] == "measured" for job in jobs)
    assert all(job["disk"] > 0 for job in jobs)


def test_what_snakemake_refuses_is_said_in_its_words(folder: Path, root: Path) -> None:
    (folder / "config.yaml").write_text("datasets: {}\n", encoding="utf-8")
    refused = said(folder, root)
    assert refused.returncode == 1
    assert "datasets" in refused.stderr
    assert "Traceback" not in refused.stderr
