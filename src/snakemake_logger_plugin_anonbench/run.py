"""Model of a run, built from its events, and the file in which a run leaves them.

`<results>/.run.jsonl` has one JSON object a line, of the latest run. The logger writes the file and
`anonbench status` reads it. Lines are only added: at worst a reader finds half a line at the end.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from statistics import fmean
from typing import Any

NAME = ".run.jsonl"
SHOWN = 20
"""Failed jobs that are listed."""
_TAIL_BYTES = 16_384
_WIDTH = 300
_CLOCK_SECONDS = 2.0
"""Seconds by which the clocks of a machine and its file server may differ."""


@dataclass
class JobRun:
    """A job that is running or has failed."""

    rule: str
    label: str
    """Rule and wildcards."""
    began: float
    """When it was started or handed to a scheduler."""
    logs: list[str]
    """Paths from the folder in which Snakemake runs: its own log, then its scheduler's."""
    ended: float | None = None
    message: str = ""
    """What Snakemake or the scheduler says of the failure."""

    def last_lines(self, folder: Path, count: int) -> list[str]:
        """Return the last lines of its own log, none of an earlier run's."""
        return last_lines(folder / self.logs[0], self.began, count) if self.logs else []


@dataclass
class Run:
    """Jobs of one run: waiting, running, done and failed. Times are Unix times in seconds."""

    total: int = 0
    done: int = 0
    began: float | None = None
    ended: float | None = None
    waiting: dict[str, int] = field(default_factory=dict)
    """Numbers of jobs that have not begun, by rule."""
    running: dict[int, JobRun] = field(default_factory=dict)
    """By Snakemake's number of the job."""
    failed: dict[int, JobRun] = field(default_factory=dict)
    took: dict[str, list[float]] = field(default_factory=dict)
    """Seconds of the jobs that are done, by rule."""
    usual: dict[str, float] = field(default_factory=dict)
    """Seconds that jobs of each rule took in earlier runs."""

    def apply(self, event: Mapping[str, Any]) -> None:
        """Take over one event: run, started, done, failed or end."""
        at, number = float(event["at"]), event.get("job", -1)
        match event["event"]:
            case "run":
                self.waiting = {rule: n for rule, n in event["jobs"].items() if rule != "total"}
                self.total, self.began = sum(self.waiting.values()), at
                self.usual = event["usual"]
            case "started":
                rule, label = event["rule"], " ".join([event["rule"], *event["wildcards"]])
                if not self.failed.pop(number, None):  # it may be tried once more
                    self.waiting[rule] = self.waiting.get(rule, 1) - 1
                    self.waiting = {name: n for name, n in self.waiting.items() if n > 0}
                self.running[number] = JobRun(rule, label, at, event["logs"])
            case "done" if number in self.running:
                job = self.running.pop(number)
                self.took.setdefault(job.rule, []).append(at - job.began)
                self.done += 1
            case "failed" if number in self.running:
                job = self.failed[number] = self.running.pop(number)
                job.logs = list(dict.fromkeys([*event["logs"], *job.logs]))
                job.ended, job.message = at, event["message"]
            case "end":
                self.ended = at

    def seconds_left(self, now: float) -> float | None:
        """Return an estimate of the time left, or None where nothing was ever measured.

        A job takes as long as the mean of its rule in this run, else as in earlier runs, else the
        mean of all; as many jobs run side by side as did so far.
        """
        times = [each for rule in self.took.values() for each in rule] or [*self.usual.values()]
        if self.began is None or now <= self.began or not times:
            return None
        expected = self.usual | {rule: fmean(each) for rule, each in self.took.items()}
        mean = fmean(times)
        left = sum(count * expected.get(rule, mean) for rule, count in self.waiting.items())
        for job in self.running.values():
            left += max(0.0, expected.get(job.rule, mean) - (now - job.began))
        busy = sum(map(sum, self.took.values())) + sum(
            now - job.began for job in self.running.values()
        )
        return left / max(1.0, busy / (now - self.began))

    def line(self, now: float) -> str:
        """Return the progress in one line."""
        share = 100 * self.done // self.total if self.total else 100
        parts = [f"[{share:3d} %] {self.done} of {self.total} jobs"]
        parts += [f"{len(self.failed)} failed"] if self.failed else []
        parts += [f"{duration(now - self.began)} so far"] if self.began is not None else []
        left = self.seconds_left(now)
        if left is not None and (self.waiting or self.running):
            parts.append(f"about {duration(left)} left")
        labels = ", ".join(job.label for job in self.running.values())
        return ", ".join(parts) + (f" | {labels}" if labels else "")

    def summary(self) -> str:
        """Return what failed and what did not run because of it; nothing where no job failed."""
        if not self.failed:
            return ""
        text = f"{self.done} of {self.total} jobs done, {len(self.failed)} failed"
        if self.waiting:
            text += f", {listed(self.waiting, 'not run because of it')}"
        lines = [f"{text}:", *self.failures(Path(), 1)]
        again = "What is done is kept: fix the cause and run the same command again."
        return "\n".join([*lines, again])

    def failures(self, folder: Path, count: int) -> list[str]:
        """Return lines about the failed jobs: what is said of each, and the end of its log.

        Args:
            folder: in which Snakemake runs.
            count: lines of each log. Logs of jobs name no image's content.

        """
        jobs = sorted(self.failed.values(), key=lambda job: job.label)
        lines = []
        for job in jobs[:SHOWN]:
            lines.append(f"  {job.label} failed" + (f": {job.message}" if job.message else ""))
            lines += [f"    {log}" for log in job.logs]
            lines += [f"    | {line}" for line in job.last_lines(folder, count)]
        return lines + [f"  and {len(jobs) - SHOWN} more"] * (len(jobs) > SHOWN)


def read(results: Path) -> list[dict[str, Any]]:
    """Return the events of the latest run, the first being `run`; none where none is recorded."""
    try:
        lines = (results / NAME).read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return []
    events = []
    for line in lines:
        try:
            events.append(json.loads(line))
        except ValueError:  # half a line
            continue
    return events if events and events[0]["event"] == "run" else []


def last_lines(path: Path, since: float, count: int) -> list[str]:
    """Return the last lines of a log that was written since then, a progress bar's as it is now."""
    try:
        if path.stat().st_mtime < since - _CLOCK_SECONDS:
            return []
        with path.open("rb") as file:
            file.seek(max(0, file.seek(0, os.SEEK_END) - _TAIL_BYTES))
            text = file.read().decode("utf-8", "replace")
    except OSError:
        return []
    lines = [line.rstrip().rpartition("\r")[2] for line in text.split("\n")]
    return [line[:_WIDTH] for line in lines if line.strip()][-count:]


def listed(jobs: Mapping[str, int], words: str) -> str:
    """Return a number of jobs, what is said of them, and how many of each rule there are."""
    rules = ", ".join(f"{count} {rule}" for rule, count in sorted(jobs.items()))
    return f"{sum(jobs.values())} {words} ({rules})"


def duration(seconds: float) -> str:
    """Return a time as people say it."""
    whole = max(0, round(seconds))
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} min"
