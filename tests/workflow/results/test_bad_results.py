"""Results that something happened to: what is wrong is said with the way out, nothing is lost."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import small_archive
from small_archive import results_of

pytestmark = [pytest.mark.workflow, pytest.mark.slow]

MODEL = "A-mask-100/seed0"
NOTHING = "Nothing to be done"


@pytest.fixture
def scratch(undisturbed: Path, tmp_path: Path) -> Path:
    """Return a copy of finished results, links and times and all, that may be spoilt."""
    folder = tmp_path / "scratch"
    subprocess.run(["cp", "-a", undisturbed, folder], check=True)
    return folder


def run(snakemake: Any, folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    config = small_archive.config()
    done: subprocess.CompletedProcess[str] = snakemake(
        folder, config, "--cores", "2", *small_archive.TARGETS, *arguments
    )
    return done


def text_of(done: subprocess.CompletedProcess[str]) -> str:
    return done.stdout + done.stderr


def files_of(folder: Path) -> Iterator[Path]:
    return (path for path in folder.rglob("*") if path.is_file())


def test_results_without_snakemakes_records_are_refused_until_all_of_it_is_forced(
    snakemake: Any, undisturbed: Path, scratch: Path
) -> None:
    shutil.rmtree(scratch / ".snakemake")
    models = [*scratch.glob("results/archive/models/**/*.safetensors")]
    assert models
    before = {path: path.stat().st_ino for path in models}
    for options in (["-n"], []):
        refused = run(snakemake, scratch, *options)
        assert refused.returncode != 0
        assert "results: Snakemake's records of these results are not in" in text_of(refused)
        assert "Traceback" not in text_of(refused)
    done = run(snakemake, scratch, "--forceall")
    assert done.returncode == 0, done.stderr[-3000:]
    assert results_of(scratch) == results_of(undisturbed)
    assert {path: path.stat().st_ino for path in models} == before, "long jobs keep their results"
    assert NOTHING in text_of(run(snakemake, scratch, "-n"))


def test_clocks_that_differ_make_nothing_stale(snakemake: Any, scratch: Path) -> None:
    """As where every other job ran on a machine whose clock is a day ahead."""
    day = time.time() + 86_400
    for path in sorted(files_of(scratch / "results/archive"))[::2]:
        os.utime(path, (day, day))
    assert NOTHING in text_of(run(snakemake, scratch, "-n"))


def test_a_full_disk_is_said_and_what_was_finished_is_kept(
    snakemake: Any, undisturbed: Path, tmp_path: Path
) -> None:
    small = tmp_path / "small"
    small.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o"]
    try:
        mounted = subprocess.run([*mount, "size=320k", "tmpfs", small], check=False)
    except OSError:
        pytest.skip("no small file system can be mounted")
    if mounted.returncode:
        pytest.skip("no small file system can be mounted")
    try:
        shutil.copytree(undisturbed / "images", tmp_path / "images")
        config = small_archive.config() | {"results": str(small / "results")}
        failed = snakemake(tmp_path, config, "--cores", "2", "archive_images")
        assert failed.returncode != 0
        assert "the disk is full; make room and run again" in text_of(failed)
        assert "Traceback" not in text_of(failed)
        boxes = small / "results/archive/detect/val/0.boxes.parquet"
        before = boxes.stat().st_mtime_ns
        subprocess.run([*mount, "remount,size=8m", "tmpfs", small], check=True)
        done = snakemake(tmp_path, config, "--cores", "2", "archive_images")
        assert done.returncode == 0, done.stderr[-3000:]
        assert boxes.stat().st_mtime_ns == before
        for tar in sorted((undisturbed / "results/archive/images").rglob("*.tar")):
            same = small / "results" / tar.relative_to(undisturbed / "results")
            assert same.read_bytes() == tar.read_bytes()
    finally:
        subprocess.run(["umount", small], check=True)


def test_more_gpus_than_there_are_is_said_by_the_job(
    snakemake: Any, scratch: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = small_archive.config()
    config["recipes"]["tiny"] |= {"device": "auto", "gpus": 4}
    backbone = f"results/archive/models/{MODEL}/backbone.safetensors"
    shutil.rmtree((scratch / backbone).parent)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0,1")  # names: nothing is computed on them
    failed = snakemake(scratch, config, "--cores", "4", "--resources", "gpu=8", "--", backbone)
    assert failed.returncode != 0
    said = "the job asks for 4 GPUs, but CUDA_VISIBLE_DEVICES=0,1 has 2: lower recipe.gpus"
    assert said in text_of(failed)
    assert "Traceback" not in text_of(failed)
