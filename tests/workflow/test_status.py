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
import pytest
from snakemake_logger_plugin_anonbench.record import Record

from anonbench.cli import main
from anonbench.cli.status import as_text
from anonbench.core.errors import InputError
from anonbench.detection.gather import COUNTS
from anonbench.workflow.status import State, Status, status
from snakemake_logger_plugin_anonbench.run import NAME, last_lines, read

SNAKEFILE = """
from pathlib import Path
from snakemake_logger_plugin_anonbench.record import record_in

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


def until(folder: Path, found: Callable[[Status], bool]) -> Status:
    """Return the first status of which this is true."""
    for _ in range(600):
        if (folder / "results").is_dir() and found(now := status(folder / "results")):
            return now
        time.sleep(0.1)
    raise AssertionError(status(folder / "results"))


def is_waiting(now: Status) -> bool:
    jobs = now.run.running.values()
    return any(job.label == "wait" and job.last_lines(now.folder, 1) for job in jobs)


def everything(folder: Path) -> dict[Path, int]:
    return {path: path.stat().st_mtime_ns for path in folder.rglob("*") if path.name != NAME}


@pytest.mark.workflow
def test_a_run_is_seen_while_it_runs_and_when_it_failed_and_when_it_is_done(
    tmp_path: Path, end: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    run = start(tmp_path)
    end(run)
    running = until(tmp_path, is_waiting)
    assert running.state is State.RUNNING
    assert (running.run.total, running.run.done, running.run.failed) == (5, 1, {})
    assert running.process == run.pid
    assert running.locked
    assert running.run.waiting == {"after": 1, "all": 1, "bad": 1}
    # `after` and `all` as long as `quick` was
    assert running.run.seconds_left(time.time()) == pytest.approx(110, abs=20)
    before = everything(tmp_path)
    assert main(["status"]) == 0
    said = capsys.readouterr().out
    assert "5 jobs: 1 done, 1 running, 3 left (1 after, 1 all, 1 bad)" in said
    assert "step 1 of 9" in said
    assert " left, until " in said
    assert everything(tmp_path) == before, "nothing was touched"

    (tmp_path / "go").touch()
    run.wait(60)
    failed = status(tmp_path / "results")
    assert failed.state is State.FAILED
    assert (failed.run.done, failed.run.waiting) == (2, {"after": 1, "all": 1})
    (job,) = failed.run.failed.values()
    assert (job.label, job.logs) == ("bad", ["results/logs/bad.log"])
    assert "".join(f"    | line {number}\n" for number in range(21, 31)) in as_text(failed)
    assert not failed.locked
    assert "| line 30\n  Fix the cause and run the same command again" in as_text(failed)

    (tmp_path / "mended").touch()
    again = start(tmp_path)
    end(again)
    again.wait(60)
    done = status(tmp_path / "results")
    assert (done.state, done.run.total, done.run.done) == (State.FINISHED, 3, 3)
    assert not done.run.failed
    assert main(["status", "--json", "--results", "results"]) == 0
    (content,) = json.loads(capsys.readouterr().out)
    assert (content["state"], content["next_step"]) == ("finished", "")
    assert content["measured"] == 1


@pytest.mark.workflow
def test_a_run_that_was_killed_is_dead_and_the_way_on_holds(tmp_path: Path, end: Any) -> None:
    run = start(tmp_path)
    end(run)
    until(tmp_path, is_waiting)
    os.kill(run.pid, signal.SIGKILL)
    run.wait(60)
    died = status(tmp_path / "results")
    assert died.state is State.DIED
    assert [job.label for job in died.run.running.values()] == ["wait"]
    assert died.locked
    text = as_text(died)
    assert "results: died; it began " in text
    assert f"process {run.pid} on {platform.node()}\n" in text
    assert "run the same command with --unlock, then without" in text

    (tmp_path / "mended").touch()
    (tmp_path / "go").touch()
    for arguments in (["--unlock"], ["--rerun-incomplete"]):
        going_on = start(tmp_path, *arguments)
        end(going_on)
        assert going_on.wait(60) == 0
    assert status(tmp_path / "results").state is State.FINISHED


@pytest.mark.workflow
def test_a_run_that_was_asked_to_end_was_stopped(tmp_path: Path, end: Any) -> None:
    run = start(tmp_path)
    end(run)
    until(tmp_path, is_waiting)
    os.kill(run.pid, signal.SIGTERM)  # it waits for the job and starts no other
    time.sleep(2)
    (tmp_path / "go").touch()
    run.wait(60)
    stopped = status(tmp_path / "results")
    assert (stopped.state, stopped.run.done, stopped.run.running) == (State.STOPPED, 2, {})
    assert stopped.run.waiting == {"after": 1, "all": 1, "bad": 1}
    assert not stopped.locked
    assert "To go on, run the same command again" in as_text(stopped)


def recorded(folder: Path, *events: dict[str, Any]) -> Record:
    record = Record(folder, {}, list)
    write(record, {"event": "run", "jobs": {"train": 3, "table": 1, "total": 4}, "usual": {}})
    write(record, *events)
    return record


def write(record: Record, *events: dict[str, Any]) -> None:
    for event in events:
        record.write({"at": time.time(), **event})


STARTED = {"event": "started", "job": 1, "rule": "train", "wildcards": ["0"], "logs": []}
END = {"event": "end"}


def test_a_job_that_is_tried_again_has_not_failed(tmp_path: Path) -> None:
    failed = {"event": "failed", "job": 1, "logs": ["slurm.log"], "message": "TIMEOUT."}
    record = recorded(tmp_path, STARTED, failed)
    (job,) = status(tmp_path).run.failed.values()
    assert (job.label, job.logs, job.message) == ("train 0", ["slurm.log"], "TIMEOUT.")
    write(record, STARTED)
    assert (status(tmp_path).run.failed, len(status(tmp_path).run.running)) == ({}, 1)
    write(record, {"event": "done", "job": 1}, END)
    found = status(tmp_path)
    assert (found.state, found.run.done) == (State.STOPPED, 1)
    assert found.run.waiting == {"table": 1, "train": 2}


def test_a_half_written_line_is_waited_for(tmp_path: Path) -> None:
    recorded(tmp_path, STARTED)
    with (tmp_path / NAME).open("a", encoding="utf-8") as file:
        file.write('{"event": "done", "jo')
    assert [event["event"] for event in read(tmp_path)] == ["run", "started"]
    assert len(status(tmp_path).run.running) == 1


def test_a_run_on_another_machine_lives_as_long_as_it_gives_signs(tmp_path: Path) -> None:
    recorded(tmp_path)
    path = tmp_path / NAME
    text = path.read_text(encoding="utf-8").replace(f'"{platform.node()}"', '"elsewhere"')
    path.write_text(text, encoding="utf-8")
    assert status(tmp_path).state is State.RUNNING
    assert status(tmp_path, now=time.time() + 3600).state is State.DIED


def test_jobs_that_outlive_their_run_are_named(tmp_path: Path) -> None:
    recorded(tmp_path / "results")
    path = tmp_path / "results" / NAME
    head = json.loads(path.read_text(encoding="utf-8"))
    head |= {"pid": 2**22 + 1, "folder": ".."}  # greater than any process
    path.write_text(json.dumps(head) + "\n", encoding="utf-8")
    assert "When none of its jobs is running any more" in as_text(status(tmp_path / "results"))
    script = tmp_path / ".snakemake/scripts/tmp.train.py"
    script.parent.mkdir(parents=True)
    script.write_text("import time; time.sleep(60)", encoding="utf-8")
    with subprocess.Popen([sys.executable, str(script)]) as job:
        try:
            died = status(tmp_path / "results")
            assert (died.state, died.orphans) == (State.DIED, [job.pid])
            assert f"end processes {job.pid} or wait; then run the same" in as_text(died)
        finally:
            job.kill()


def test_without_a_record_there_are_benchmarks_and_locks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    benchmark = tmp_path / "results/benchmarks/train/0.tsv"
    benchmark.parent.mkdir(parents=True)
    benchmark.touch()
    found = status(Path("results"))
    assert (found.state, found.measured, found.locked) == (State.UNKNOWN, 1, False)
    assert as_text(found) == "results: no run is recorded; 1 jobs have benchmark files"
    locks = tmp_path / ".snakemake/locks"
    locks.mkdir(parents=True)
    (locks / "0.output.lock").write_text("elsewhere/a\n", encoding="utf-8")
    assert not status(Path("results")).locked
    (locks / "1.output.lock").write_text("results/a\n", encoding="utf-8")
    assert "--unlock" in as_text(status(Path("results")))


def test_a_folder_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="none: no such folder"):
        status(tmp_path / "none")


def test_a_full_disk_does_not_stop_the_run(tmp_path: Path) -> None:
    (tmp_path / "results").write_text("not a folder", encoding="utf-8")
    write(recorded(tmp_path / "results", STARTED), END)


def test_of_a_log_the_last_states_are_shown(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_bytes(b"one\n\ntwo\n 10 %|#   \r 20 %|##  \r 30 %|### ")
    assert last_lines(log, 0.0, 2) == ["two", " 30 %|###"]
    assert last_lines(log, time.time() + 60, 2) == []
    assert last_lines(tmp_path / "none", 0.0, 2) == []


def test_doubts_about_what_is_published_are_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    recorded(tmp_path, END)
    counts = dict.fromkeys(COUNTS[1:], 0) | {"without_regions": 3, "used_without_regions": 3}
    (tmp_path / "archive").mkdir()
    pd.DataFrame([{"split": "val", **counts}]).to_csv(
        tmp_path / "archive" / "counts.csv", index=False
    )
    assert main(["status", "--results", str(tmp_path)]) == 0
    said = "archive: PUBLISHED UNHIDDEN: 3 images without a region"
    assert said in capsys.readouterr().out
    assert main(["status", "--json", "--results", str(tmp_path)]) == 0
    (told,) = json.loads(capsys.readouterr().out)
    assert told["doubts"][0].startswith(said)
