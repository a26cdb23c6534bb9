"""How far a run is, read beside it: while it runs, when it was killed, when a job failed."""

from __future__ import annotations

import json
import os
import platform
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import psutil
import pytest

from anonbench.cli import main
from anonbench.cli.workflow.status import as_text
from anonbench.detection.gather import COUNTS
from snakemake_logger_plugin_anonbench.run import NAME, JobRun, Run, State, read

SNAKEFILE = """
from pathlib import Path
from snakemake_logger_plugin_anonbench import record_in

onstart:
    record_in(Path("results"), {"wait": 100.0, "bad": 10.0})

rule all:
    input: "results/after.txt", "results/quick.txt"
rule quick:
    output: "results/quick.txt"
    benchmark: "results/benchmarks/quick.tsv"
    shell: "touch {output}"
rule wait:
    input: "results/quick.txt"
    output: "results/waited.txt"
    log: "results/logs/wait.log"
    shell: "echo 'step 1 of 9' >{log}; while [ ! -e go ]; do sleep 0.2; done; touch {output}"
rule bad:
    input: "results/waited.txt"
    output: "results/bad.txt"
    log: "results/logs/bad.log"
    shell: "for n in $(seq 30); do echo line $n; done >{log}; test -e mended && touch {output}"
rule after:
    input: "results/bad.txt"
    output: "results/after.txt"
    shell: "touch {output}"
"""


def start(folder: Path, *arguments: str) -> subprocess.Popen[str]:
    (folder / "Snakefile").write_text(SNAKEFILE, encoding="utf-8")
    program = Path(sys.executable).with_name("snakemake")
    command = [program, "--cores", "1", "--logger", "anonbench", *arguments]
    return subprocess.Popen(
        command, cwd=folder, stderr=subprocess.PIPE, text=True, start_new_session=True
    )


@pytest.fixture
def end(tmp_path: Path) -> Iterator[Callable[[subprocess.Popen[str]], None]]:
    """Let what was started end, whatever the test found."""
    started: list[subprocess.Popen[str]] = []
    yield started.append
    (tmp_path / "go").touch()
    for run in started:
        run.communicate(timeout=60)


def until_it_waits(folder: Path) -> Run:
    """Return the run when its second job has begun."""
    for _ in range(600):
        run = read(folder / "results")
        if any(job.label == "wait" and job.last_lines(folder, 1) for job in run.running.values()):
            return run
        time.sleep(0.1)
    raise AssertionError(run)


def state(results: Path) -> State:
    return read(results).state(time.time())


def everything(folder: Path) -> dict[Path, int]:
    return {path: path.stat().st_mtime_ns for path in folder.rglob("*") if path.name != NAME}


@pytest.mark.workflow
def test_a_run_is_seen_while_it_runs_and_when_it_failed_and_when_it_is_done(
    tmp_path: Path, end: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    results = Path("results")
    run = start(tmp_path)
    end(run)
    running = until_it_waits(tmp_path)
    assert state(results) == "running"
    assert (running.total, running.done, running.failed) == (5, {"quick": 1}, {})
    assert running.pid == run.pid
    assert running.waiting == {"after": 1, "all": 1, "bad": 1}
    assert running.usual["wait"] == 100.0
    before = everything(tmp_path)
    assert main(["status"]) == 0
    shown = capsys.readouterr().out
    assert "5 jobs: 1 done, 1 under way, 0 failed, 3 left (1 after, 1 all, 1 bad)" in shown
    assert "step 1 of 9" in shown
    assert " left, until " in shown
    assert everything(tmp_path) == before, "nothing was touched"

    (tmp_path / "go").touch()
    run.wait(60)
    failed = read(results)
    assert state(results) == "failed"
    assert (failed.done.total(), failed.waiting) == (2, {"after": 1, "all": 1})
    (job,) = failed.failed.values()
    assert (job.label, job.logs) == ("bad", ["results/logs/bad.log"])
    lines = "".join(f"    | line {number}\n" for number in range(21, 31))
    assert lines + "  Fix the cause and run the same command again" in as_text(results, failed)

    (tmp_path / "mended").touch()
    again = start(tmp_path)
    end(again)
    again.wait(60)
    done = read(results)
    assert (state(results), done.total, done.done.total()) == ("finished", 3, 3)
    assert not done.failed
    assert main(["status", "--json", "--results", "results"]) == 0
    (content,) = json.loads(capsys.readouterr().out)
    assert (content["state"], content["next_step"]) == ("finished", "")
    assert content["done"] == {"bad": 1, "after": 1, "all": 1}


@pytest.mark.workflow
def test_a_run_that_was_killed_is_dead_and_the_way_on_holds(tmp_path: Path, end: Any) -> None:
    results = tmp_path / "results"
    run = start(tmp_path)
    end(run)
    until_it_waits(tmp_path)
    os.kill(run.pid, signal.SIGKILL)
    run.wait(60)
    died = read(results)
    assert state(results) == "died"
    assert [job.label for job in died.running.values()] == ["wait"]
    text = as_text(results, died)
    assert "results: died, " in text
    assert f"process {run.pid} on {platform.node()}\n" in text
    assert "run the same command with --unlock, then without" in text

    (tmp_path / "mended").touch()
    (tmp_path / "go").touch()
    for arguments in (["--unlock"], ["--rerun-incomplete"]):
        going_on = start(tmp_path, *arguments)
        end(going_on)
        assert going_on.wait(60) == 0
    assert state(results) == "finished"


@pytest.mark.workflow
def test_a_run_that_was_asked_to_end_was_stopped(tmp_path: Path, end: Any) -> None:
    results = tmp_path / "results"
    run = start(tmp_path)
    end(run)
    until_it_waits(tmp_path)
    os.kill(run.pid, signal.SIGTERM)  # it waits for the job and starts no other
    time.sleep(2)
    (tmp_path / "go").touch()
    run.wait(60)
    stopped = read(results)
    assert (state(results), stopped.done.total(), stopped.running) == ("stopped", 2, {})
    assert stopped.waiting == {"after": 1, "all": 1, "bad": 1}
    text = as_text(results, stopped)
    assert "To go on, run the same command again" in text and "--unlock" not in text


def recorded(results: Path, **facts: Any) -> Run:
    """Write the state of a run of this process that is training."""
    job = JobRun(rule="train", label="train 0", began=time.time(), logs=["logs/train.log"])
    state = {"began": time.time(), "total": 1, "folder": results.parent, "running": {1: job}}
    run = Run(results=results, **state | facts)
    run.write()
    return run


def test_a_run_on_another_machine_lives_as_long_as_it_gives_signs(tmp_path: Path) -> None:
    recorded(tmp_path, host="elsewhere")
    run, now = read(tmp_path), time.time()
    states = [run.state(now + seconds) for seconds in (0, 100, 200)]
    assert states == ["running", "running", "died"]


def test_a_later_process_of_the_same_number_is_not_the_run(tmp_path: Path) -> None:
    recorded(tmp_path)
    assert state(tmp_path) == "running"
    recorded(tmp_path, began=psutil.Process().create_time() - 1)
    assert state(tmp_path) == "died"


def test_what_became_of_jobs_that_did_not_end_well(tmp_path: Path) -> None:
    assert read(tmp_path / "none").unfinished() == {}
    assert read(tmp_path).unfinished() == {}
    run = recorded(tmp_path)
    assert read(tmp_path).unfinished() == {"train 0": "is being made now"}
    run.pid = 2**22 + 1  # greater than any process
    run.write()
    assert read(tmp_path).unfinished() == {"train 0": "is unfinished: its run died"}
    run.failed, run.running, run.ended = run.running, {}, time.time()
    run.write()
    cause = "could not be made the last time: see "
    assert read(tmp_path).unfinished() == {"train 0": f"{cause}logs/train.log"}
    run.failed[1].logs = []
    run.write()
    assert read(tmp_path).unfinished() == {"train 0": f"{cause}its scheduler"}


def test_copies_of_originals_are_not_removed_from_a_run(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = recorded(tmp_path)
    assert main(["originals", "--remove", str(tmp_path)]) == 1
    assert "a run is going on there" in capsys.readouterr().err
    run.ended = time.time()
    run.write()
    assert main(["originals", "--remove", str(tmp_path)]) == 0


def test_jobs_that_outlive_their_run_are_named(tmp_path: Path) -> None:
    results = tmp_path / "results"
    run = recorded(results, pid=2**22 + 1)  # greater than any process
    assert state(results) == "died"
    assert "Wait for its jobs; then run the same" in as_text(results, run)
    script = tmp_path / ".snakemake/scripts/tmp.train.py"
    script.parent.mkdir(parents=True)
    script.write_text("import time; time.sleep(60)", encoding="utf-8")
    with subprocess.Popen([sys.executable, str(script)]) as job:
        try:
            assert run.orphans() == [job.pid]
            step = f"End processes {job.pid} or wait for them; then run the same"
            assert step in as_text(results, run)
        finally:
            job.kill()


def test_without_a_record_nothing_is_known(tmp_path: Path) -> None:
    assert state(tmp_path) == "unknown"
    assert as_text(tmp_path, read(tmp_path)) == f"{tmp_path}: no run is recorded"


def test_doubts_about_what_is_published_are_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    recorded(tmp_path, ended=time.time())
    counts = dict.fromkeys(COUNTS[1:], 0) | {"without_regions": 3, "used_without_regions": 3}
    (tmp_path / "archive").mkdir()
    pd.DataFrame([{"split": "val", **counts}]).to_csv(
        tmp_path / "archive" / "counts.csv", index=False
    )
    assert main(["status", "--results", str(tmp_path)]) == 0
    said = "archive: PUBLISHED UNHIDDEN: 3 images without a region"
    assert said in capsys.readouterr().out
    assert main(["status", "--json", "--results", str(tmp_path)]) == 0
    (content,) = json.loads(capsys.readouterr().out)
    assert content["doubts"][0].startswith(said)


def test_the_config_says_where_the_results_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("archive.yaml").write_text(
        "results: elsewhere\ndatasets: {a: {layout: folder, path: a, detectors: [zxing]}}\n",
        encoding="utf-8",
    )
    assert main(["status", "--configfile", "archive.yaml"]) == 1
    assert "elsewhere: no such folder; `anonbench run --configfile" in capsys.readouterr().err
    Path("elsewhere").mkdir()
    recorded(Path("elsewhere"), ended=time.time())
    assert main(["status", "--configfile", "archive.yaml"]) == 0
    assert capsys.readouterr().out.startswith("elsewhere: ")
