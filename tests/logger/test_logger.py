"""The logger in real runs: what it says at the end, and what of Snakemake's own is shown."""

import logging
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from snakemake_interface_logger_plugins.common import LogEvent

import preloaded
import snakemake_logger_plugin_anonbench as logger
from processes import wait_for

SNAKEFILE = """
from pathlib import Path
from snakemake_logger_plugin_anonbench import begin_run

onstart:
    begin_run(Path("results"), {}, lambda: ["PUBLISHED UNHIDDEN: 3 images"], ["all"])

rule all:
    input: "after.txt", "other.txt"
rule after:
    input: "bad.txt"
    output: "after.txt"
    shell: "touch {output}"
rule bad:
    output: update("bad.txt")
    log: "logs/bad.log"
    shell: "echo 'ERROR root: lent-9.png is no image' >{log}; exit 1"
rule other:
    output: "other.txt"
    shell: "sleep 0.5; touch {output}"
rule second:
    output: "second.txt"
    log: "logs/second.log"
    resources: attempt=lambda wildcards, attempt: attempt
    shell: "test {resources.attempt} = 2 && touch {output}"
"""


NOISE = ("Select jobs", "Execute 1 jobs", "Finished jobid", "Complete log", "steps (", "no backup")
NOISE += ("Restored previous version",)


def run(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    (folder / "Snakefile").write_text(SNAKEFILE, encoding="utf-8")
    given = ["--cores", "2", "--logger", "anonbench", "--keep-going", *arguments]
    return preloaded.completed("snakemake", given, folder)


@pytest.mark.slow
@pytest.mark.workflow
def test_a_failure_leaves_the_others_running_and_is_named_at_the_end(tmp_path: Path) -> None:
    (tmp_path / "bad.txt").write_text("of an earlier run")
    done = run(tmp_path, "--forcerun", "bad", "--")
    assert done.returncode != 0
    assert (tmp_path / "bad.txt").read_text() == "of an earlier run"
    assert (tmp_path / "other.txt").exists()
    assert "[ 33 %] 1 of 3 jobs" in done.stderr
    said = done.stderr[done.stderr.index("\n1 job failed, 1 not run because of it:\n") :]
    assert "  bad failed\n    logs/bad.log\n    | ERROR root: lent-9.png is no image" in said
    assert done.stderr.count("fix the cause") == 1
    last = "run the same command again.\nanonbench: PUBLISHED UNHIDDEN: 3 images\n"
    assert done.stderr.endswith(last)
    assert "Error in rule bad" in done.stderr
    assert not [line for line in NOISE if line in done.stderr]


@pytest.mark.workflow
def test_snakemake_tells_of_locks_and_before_the_first_job(tmp_path: Path) -> None:
    locks = tmp_path / ".snakemake/locks"
    locks.mkdir(parents=True)
    (locks / "0.output.lock").write_text("other.txt\n")
    said = run(tmp_path, "other.txt").stderr
    assert "the same command with --unlock added, then without it" in said
    assert "LockException" not in said
    assert "Job stats" in run(tmp_path, "--dry-run").stderr
    (tmp_path / "other.txt").touch()
    assert "Nothing to be done" in run(tmp_path, "other.txt").stderr
    refused = run(tmp_path, "none.txt")
    assert refused.returncode != 0
    assert "MissingRuleException" in refused.stderr


@pytest.mark.workflow
def test_a_full_disk_is_told_in_one_line_where_snakemake_writes_its_records(tmp_path: Path) -> None:
    backup = tmp_path / ".snakemake/backups/bad.txt"
    backup.parent.mkdir(parents=True)
    backup.symlink_to("/dev/full")
    (tmp_path / "bad.txt").write_text("of an earlier run")
    done = run(tmp_path, "--forcerun", "bad", "--", "bad.txt")
    assert done.returncode != 0
    assert "Traceback" not in done.stderr
    assert done.stderr.count("anonbench: No space left on device") == 1


@pytest.mark.slow
@pytest.mark.workflow
@pytest.mark.parametrize("first", [signal.SIGTERM, signal.SIGINT, None])
def test_a_stopped_run_waits_and_ctrl_c_is_no_failure(tmp_path: Path, first: int | None) -> None:
    """The first signal reaches Snakemake only; Ctrl-C also its jobs, as on a terminal."""
    script = """
from pathlib import Path
from anonbench.core.jobs.job import logged
with logged("logs/long.log", 1):
    import atexit, os, signal, time
    # as torch's hook, which is still at work when Ctrl-C reaches the job again
    atexit.register(os.kill, os.getpid(), signal.SIGINT)
    Path("began").touch()
    time.sleep(60)
"""
    rule = "rule long:\n    output: 'long.txt'\n    log: 'logs/long.log'\n    script: 'long.py'\n"
    (tmp_path / "long.py").write_text(script, encoding="utf-8")
    (tmp_path / "Snakefile").write_text(SNAKEFILE + rule, encoding="utf-8")
    command = [Path(sys.executable).with_name("snakemake"), "--cores", "1", "long.txt"]
    process = subprocess.Popen(
        [*command, "--logger", "anonbench"],
        cwd=tmp_path,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        # in the background of a shell it would be ignored
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )
    wait_for((tmp_path / "began").exists)
    assert process.stderr is not None
    if first is not None:
        process.send_signal(first)
        while not (told := process.stderr.readline()).startswith("stopping"):
            assert told and process.poll() is None
        assert told.startswith("stopping, and waiting for long. To end it at once: Ctrl-C, or ")
    os.killpg(process.pid, signal.SIGINT)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "interrupted. What is done is kept: the same command goes on.\n" in said
    assert not [word for word in ("Traceback", "Error", "failed") if word in said], said


@pytest.mark.workflow
@pytest.mark.parametrize("quiet", ["all", "rules"])
def test_a_quiet_run_says_what_is_published_unhidden(tmp_path: Path, quiet: str) -> None:
    done = run(tmp_path, "--quiet", quiet, "--", "other.txt")
    assert done.returncode == 0, done.stderr
    said = done.stderr.splitlines()
    assert said[-1] == "anonbench: PUBLISHED UNHIDDEN: 3 images"
    assert (len(said) == 1) is (quiet == "all")


@pytest.mark.workflow
def test_a_run_of_which_the_ends_of_jobs_are_not_known_is_not_counted(tmp_path: Path) -> None:
    quiet = ["--quiet", "progress", "--retries", "1"]
    done = run(tmp_path, *quiet, "--", "other.txt", "bad.txt", "second.txt")
    assert "1 job failed:\n  bad failed" in done.stderr
    assert "0 of" not in done.stderr
    assert done.stderr.endswith("anonbench: PUBLISHED UNHIDDEN: 3 images\n")


def test_a_long_job(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    class Settings:
        quiet, dryrun = None, False

    def said(seconds: float, event: LogEvent | None = None, **about: Any) -> str:
        monkeypatch.setattr(time, "time", lambda: began + seconds)
        if event:
            handler.handle(logging.makeLogRecord({"event": event, "levelno": 20, **about}))
        handler.remind()
        return capsys.readouterr().err

    began = time.time()
    handler = logger.LogHandler(Settings(), None)
    assert said(0, LogEvent.RUN_INFO, stats={"total": 2}) == said(90) == "", "not before the first"
    job = {"rule_name": "a", "jobid": 1, "wildcards": {}, "log": []}
    assert "0 of 2 jobs" in said(100, LogEvent.JOB_INFO, **job)
    assert said(130) == ""
    assert "0 of 2 jobs" in said(161)
    handler.close()
