"""Counts of a run's jobs, with an estimate of the time left."""

import re
from collections import Counter, defaultdict
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from statistics import fmean
from typing import Any

from snakemake_interface_logger_plugins.common import LogEvent

from anonbench.core.io import is_full
from anonbench.core.wording import count, duration

SHOWN = 20  # failed jobs that are listed
_TRUSTED = 60.0  # seconds at the plan's pace that are added to what was measured
_CLOCK_SECONDS = 2.0  # seconds by which the clocks of a machine and its file server may differ
_KEPT = "What is done is kept"
_CUT_SHORT = "its log says no reason; if none is above, perhaps it was killed, out of memory"
_ENDED = "its log says no reason; perhaps it was ended with the run, which was told to stop"
_BAR = re.compile(
    r"(?P<what>[^:|]+): +\d+%\|.*\| *(?P<done>\d+)/(?P<all>\d+) \[[^<]*<?(?P<left>[\d:]*)"
)
"""A progress bar in a job's log (`anonbench.core.progress`)."""


@dataclass
class JobRun:
    """A job that is running or has failed."""

    rule: str
    label: str  # rule and wildcards
    began: float  # time at which it was started or submitted to a scheduler
    logs: list[str]  # its own, then the scheduler's, relative to Snakemake's working folder
    message: str = ""  # reason of the failure, from Snakemake or the scheduler

    def progress(self, folder: Path) -> str:
        """Progress of the job according to its log; empty if unknown."""
        found = _BAR.match(self.last_line(folder))
        return f" ({found['done']} of {found['all']} {found['what']})" if found else ""

    def seconds_left(self, folder: Path) -> float:
        """Seconds that the progress bar in the job's log says are left; 0 if unknown."""
        found = _BAR.match(self.last_line(folder))
        seconds = 0.0
        for part in found["left"].split(":") if found else ():
            seconds = 60 * seconds + float(part or 0)
        return seconds

    def last_line(self, folder: Path) -> str:
        """Last line of the job's own log; empty if that is missing or of an earlier run."""
        text = ""
        with suppress(OSError, IndexError):
            log = folder / self.logs[0]
            if log.stat().st_mtime >= self.began - _CLOCK_SECONDS:
                text = log.read_bytes()[-16_384:].decode("utf-8", "replace").rstrip()
        # a progress bar begins its line again with \r
        return re.split("[\r\n]", text)[-1][:300]


@dataclass
class Run:
    """Jobs of one run of Snakemake, by rule. Times are Unix times in seconds."""

    results: Path | None = None  # folder of results, or None if it is not known
    folder: Path = Path()  # folder in which Snakemake was started
    began: float = 0.0  # start of the first job; 0 if none has begun
    ended: float | None = None
    interrupted: bool = False  # whether Ctrl-C was pressed
    is_stopping: bool = False  # whether it was said that the run waits for its jobs
    usual: dict[str, float] = field(default_factory=dict)  # of earlier runs, or by formula
    at_once: float = 1.0  # seconds of jobs that the plan expects in a second of time
    seconds: dict[str, float] = field(default_factory=dict)  # mean time of a job in this run
    total: int = 0
    waiting: Counter[str] = field(default_factory=Counter)
    done: Counter[str] = field(default_factory=Counter)
    running: dict[int, JobRun] = field(default_factory=dict)  # by Snakemake's job number
    failed: dict[int, JobRun] = field(default_factory=dict)
    left_out: frozenset[str] = frozenset()  # rules whose jobs are not counted

    def leave_out(self, rules: Iterable[str]) -> None:
        """Do not count the jobs of these rules."""
        self.left_out = frozenset(rules)
        self.total -= sum(self.waiting.pop(rule, 0) for rule in self.left_out)

    def apply(self, event: LogEvent, record: Any, now: float) -> None:
        """Update the counts from a Snakemake log record about the start or end of a job."""
        match event:
            case LogEvent.RUN_INFO:
                self.total = record.stats["total"]
                self.waiting = Counter(record.stats) - Counter(total=self.total)
                self.leave_out(self.left_out)  # Snakemake's log may come late
            case LogEvent.JOB_INFO if record.rule_name not in self.left_out:
                self.began = self.began or now
                if not self.failed.pop(record.jobid, None):  # otherwise it is retried
                    self.waiting -= Counter([record.rule_name])
                wildcards = dict(record.wildcards or {}).values()
                self.running[record.jobid] = JobRun(
                    rule=record.rule_name,
                    label=" ".join([record.rule_name, *map(str, wildcards)]),
                    began=now,
                    logs=[*map(str, record.log or [])],
                )
            case LogEvent.JOB_FINISHED if job := self.running.pop(record.job_id, None):
                self.done[job.rule] += 1
                mean = self.seconds.get(job.rule, 0.0)
                self.seconds[job.rule] = mean + (now - job.began - mean) / self.done[job.rule]
            # after Ctrl-C, jobs end because of it
            case LogEvent.JOB_ERROR if not self.interrupted and (
                job := self.running.pop(record.jobid, None)
            ):
                job.logs = list(dict.fromkeys([*map(str, record.log or []), *job.logs]))
                job.message = str(record.rule_msg or "").strip().partition("\n")[0]
                self.failed[record.jobid] = job

    def seconds_left(self, now: float) -> float | None:
        """Time so far × work left ÷ work done, or None if unknown.

        A minute of time, and the plan's work of a minute, are added to both: the first short jobs
        and the pauses between them predict little, and at first the plan's time is told. A job's
        work is the mean time of its rule in this run. For a rule that has not run yet it is the
        usual time, scaled by the ratio of actual to usual time of all others, or else the mean of
        all rules. A running job lasts at least as long as its own progress says.
        """
        ran = self.seconds.keys() & self.usual.keys()
        took = _TRUSTED + sum(self.done[rule] * self.seconds[rule] for rule in ran)
        pace = took / (_TRUSTED + sum(self.done[rule] * self.usual[rule] for rule in ran))
        known = {rule: pace * usual for rule, usual in self.usual.items()} | self.seconds
        if not known:
            return None
        mean = fmean(known.values())
        known = defaultdict(lambda: mean, known)
        done = sum(jobs * known[rule] for rule, jobs in self.done.items())
        left = sum(jobs * known[rule] for rule, jobs in self.waiting.items())
        for job in self.running.values():
            spent, told = now - job.began, job.seconds_left(self.folder)
            whole = max(known[job.rule], spent + told if told else 0.0)
            done += min(whole, spent)
            left += whole - min(whole, spent)
        expected = _TRUSTED * self.at_once
        return (now - self.began + _TRUSTED) * left / (done + expected) if done > 0 else None

    def line(self, now: float) -> str:
        """Progress in one line."""
        done, rest = self.done.total(), ""
        if (self.waiting or self.running) and (left := self.seconds_left(now)) is not None:
            rest = f", about {duration(left)} left"
        failed = f", {len(self.failed)} failed" if self.failed else ""
        jobs = self.at_work()
        return (
            f"[{100 * done // max(1, self.total):3d} %] {done} of {self.total} jobs{failed}, "
            f"{duration(now - self.began)} so far{rest}{f' | {jobs}' if jobs else ''}"
        )

    def at_work(self) -> str:
        """Running jobs, with their progress."""
        return ", ".join(f"{job.label}{job.progress(self.folder)}" for job in self.running.values())

    def summary(self) -> str:
        """Summary of failed jobs, or the interruption, and how to resume; else empty."""
        if not self.failed:
            return f"interrupted. {_KEPT}: the same command goes on." if self.interrupted else ""
        left = f", {self.waiting.total()} not run because of it" if self.waiting else ""
        again = "fix the cause and run the same command again"
        # Snakemake writes its records there too, and reports a full disk as missing permissions
        if self.results and self.results.is_dir() and is_full(self.results):
            again = "the disk is full; make room and run again"
        lines = [f"{count(len(self.failed), 'job')} failed{left}:"]
        for job in list(self.failed.values())[:SHOWN]:
            line = job.last_line(self.folder)
            is_cut_short = not line or _BAR.match(line)
            cut_short = _ENDED if self.is_stopping else _CUT_SHORT
            reason = job.message or (cut_short if is_cut_short else "")
            lines.append(f"  {job.label} failed{f': {reason}' if reason else ''}")
            lines += [f"    {log}" for log in job.logs]
            lines += [f"    | {line}"] if line else []
        lines += [f"  and {len(self.failed) - SHOWN} more"] * (len(self.failed) > SHOWN)
        return "\n".join([*lines, f"{_KEPT}: {again}."])
