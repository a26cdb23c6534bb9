"""Killed in the middle of every stage, then completed on fewer cores: an undisturbed run's bytes.

Each job dies while it writes a certain file (see `killer/sitecustomize.py`), so nothing here waits
or depends on how fast a machine is. The results are killed in one stage after the other: what the
one death leaves behind is what the next run finds.
"""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import preloaded
import small_archive
from processes import has_ended, wait_for
from small_archive import results_of

pytestmark = [pytest.mark.workflow, pytest.mark.slow]

KILLER = Path(__file__).parent / "killer"
MODEL = "A-mask-100/seed0"
STAGES = [
    ("archive/manifest.parquet", "half", "all"),
    ("archive/detect/train/0.images.parquet", "half", "all"),
    ("archive/boxes.parquet", "half", "job"),
    ("archive/images/mask-100/train/0.tar", "half", "all"),
    (f"archive/models/{MODEL}/backbone.safetensors.checkpoint", "half", "all"),
    (f"archive/models/{MODEL}/backbone.safetensors.checkpoint", "after", "all"),
    (f"archive/models/{MODEL}/log.csv", "half", "job"),
    (f"archive/embeddings/{MODEL}/mask-100/train.h5", "half", "all"),
    (f"archive/retrieval/{MODEL}/mask-100.json", "half", "job"),
    ("archive/scores.csv", "half", "all"),
    ("tables/retrieval_archive_100.tex", "half", "all"),
    ("figures/trend_archive_map_original.svg", "half", "all"),
]
"""What is being written when whom it concerns is killed; see `killer`."""
Killed = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def killed(snakemake: Any, monkeypatch: pytest.MonkeyPatch) -> Killed:
    paths = [str(KILLER), *os.environ.get("PYTHONPATH", "").split(os.pathsep)]

    def run(
        folder: Path, config: dict[str, Any], file: str, when: str, whom: str, cores: int = 2
    ) -> subprocess.CompletedProcess[str]:
        target = f"results/{file.removesuffix('.checkpoint')}"
        with monkeypatch.context() as patch:
            patch.setenv("PYTHONPATH", os.pathsep.join(filter(None, paths)))
            patch.setenv("ANONBENCH_TEST_KILL", f"results/{file} {when} {whom}")
            done: subprocess.CompletedProcess[str] = snakemake(
                folder, config, "--cores", str(cores), target
            )
        return done

    return run


def test_in_every_stage(output_of: Any, undisturbed: Path, killed: Killed, tmp_path: Path) -> None:
    config = small_archive.config()
    shutil.copytree(undisturbed / "images", tmp_path / "images")
    for file, when, whom in STAGES:
        run = killed(tmp_path, config, file, when, whom, cores=1)
        told = run.stdout + run.stderr
        assert run.returncode == (-signal.SIGKILL if whom == "all" else 1), (file, told[-2000:])
        assert "Traceback" not in told, (file, told[-2000:])
        if whom == "all":  # what --unlock does is shown below, and costs a start of Snakemake
            shutil.rmtree(tmp_path / ".snakemake/locks")
        if file.endswith("log.csv"):  # after the training was killed with one step kept
            log = tmp_path / "results/logs/train/archive/A-mask-100/seed0.log"
            assert "going on from step 1" in log.read_text(encoding="utf-8")
    done = output_of(tmp_path, config, "--cores", "1", *small_archive.TARGETS)
    assert "changed by hand" not in done
    expected, found = results_of(undisturbed), results_of(tmp_path)
    assert found.keys() == expected.keys()
    assert [path for path in expected if found[path] != expected[path]] == []


def test_in_a_job_again(output_of: Any, undisturbed: Path, killed: Killed, scratch: Path) -> None:
    """What the job removed before it began is made again for who asks for it, or reads it."""
    config = small_archive.config()
    edited = config | {"presentation": {"confidence": 0.9}}
    run = killed(scratch, edited, "archive/scores.csv", "half", "all")
    assert run.returncode == -signal.SIGKILL, run.stderr[-3000:]
    assert not (scratch / "results/archive/scores.csv").exists()
    locked = output_of(scratch, config, "--cores", "2", *small_archive.TARGETS, fails=True)
    assert "--unlock" in locked
    output_of(scratch, config, "--unlock")
    scores = "results/archive/scores.csv"
    for each in (edited, config):  # it goes on, and the edit is taken back
        output_of(scratch, each, "--cores", "2", *small_archive.TARGETS, scores)
        assert (results_of(scratch) == results_of(undisturbed)) is (each is config)


def test_killed_while_the_report_is_written(
    output_of: Any, miniature: dict[str, Any], done: Path, killed: Killed, tmp_path: Path
) -> None:
    folder = tmp_path / "scratch"
    subprocess.run(["cp", "-a", done, folder], check=True)
    report = folder / "results/report.html"
    before = report.read_bytes()
    report.unlink()
    # the report shows what jobs took; when it was written first, it had not taken anything
    (folder / "results/benchmarks/report.tsv").unlink()
    run = killed(folder, miniature, "report.html", "half", "all")
    assert run.returncode == -signal.SIGKILL, run.stderr[-3000:]
    assert not report.exists()
    shutil.rmtree(folder / ".snakemake/locks")
    output_of(folder, miniature, "--cores", "2", "--resources", "gpu=4", "--", "report")
    assert report.read_bytes() == before
    assert not list((folder / "results").glob(".*.part"))


def test_a_job_that_outlives_its_run_is_not_begun_again(tmp_path: Path) -> None:
    """Snakemake removes the log, by whose lock the job is known, before it starts a job."""
    script = """
import os, time
from pathlib import Path
from anonbench.core.jobs import job
job.WAIT_SECONDS = 0.5
with job.logged("logs/long.log", 1):
    with Path("begun").open("a") as file:
        print(os.getpid(), file=file)
    time.sleep(0 if Path("go").exists() else 120)
    Path("long.txt").touch()
"""
    (tmp_path / "long.py").write_text(script, encoding="utf-8")
    rule = "rule long:\n    output: 'long.txt'\n    log: 'logs/long.log'\n    script: 'long.py'\n"
    (tmp_path / "Snakefile").write_text(rule, encoding="utf-8")
    given = ["--cores", "1", "long.txt"]
    command = [Path(sys.executable).with_name("snakemake"), *given]
    first = subprocess.Popen(command, cwd=tmp_path, stderr=subprocess.DEVNULL)
    begun = tmp_path / "begun"
    wait_for(lambda: begun.is_file() and begun.read_text().endswith("\n"))
    first.kill()
    first.wait()
    orphan = int(begun.read_text())
    (tmp_path / "go").touch()
    again = [*given, "--rerun-incomplete"]
    try:
        assert preloaded.completed("snakemake", [*given, "--unlock"], tmp_path).returncode == 0
        second = preloaded.completed("snakemake", again, tmp_path)
    finally:
        os.kill(orphan, signal.SIGKILL)
    assert "still running from an earlier, killed run" in second.stderr
    assert begun.read_text() == f"{orphan}\n"
    wait_for(lambda: has_ended(orphan))
    assert preloaded.completed("snakemake", again, tmp_path).returncode == 0
    assert [each.name for each in (tmp_path / "logs").iterdir()] == ["long.log"]
