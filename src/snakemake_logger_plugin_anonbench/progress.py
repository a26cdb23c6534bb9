"""What is known of a run: jobs by rule, how long they took, and so how long the rest will take."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Running:
    """A job under way."""

    rule: str
    label: str
    since: float
    """Seconds of a monotonic clock."""
    at: float
    """The same moment as files are dated."""


@dataclass(frozen=True)
class Failure:
    """A job that failed and has not been tried again since."""

    label: str
    began: float
    """As files are dated."""
    logs: tuple[str, ...]
    """Files that may say why: the job's own first, then its scheduler's."""
    message: str
    """What Snakemake or the scheduler says."""


class Progress:
    """Counts jobs. Times are seconds of one monotonic clock."""

    def __init__(self) -> None:
        self.total = 0
        self.done = 0
        self.failures: dict[int, Failure] = {}
        self._left: Counter[str] = Counter()
        self._running: dict[int, Running] = {}
        self._busy: dict[str, float] = defaultdict(float)
        self._count: Counter[str] = Counter()
        self._usual: dict[str, float] = {}
        self._began: float | None = None

    def expect(self, usual: Mapping[str, float]) -> None:
        """Take over how many seconds a job of each rule took in earlier runs."""
        self._usual = dict(usual)

    def plan(self, stats: Mapping[str, int]) -> None:
        """Take over Snakemake's table of jobs by rule (with its row `total`)."""
        self._left = Counter({rule: int(n) for rule, n in stats.items() if rule != "total"})
        self.total = sum(self._left.values())

    @property
    def failed(self) -> int:
        """Jobs that failed and have not been tried again since."""
        return len(self.failures)

    @property
    def left(self) -> dict[str, int]:
        """Jobs that neither ended nor failed, by rule."""
        return {rule: n for rule, n in self._left.items() if n > 0}

    def start(
        self, job: int, rule: str, wildcards: Mapping[str, str], now: float, at: float = 0.0
    ) -> None:
        """Note that a job began, perhaps once more; `at` as files are dated."""
        self._began = now if self._began is None else self._began
        if self.failures.pop(job, None):
            self._left[rule] += 1
        label = " ".join([rule, *(str(value) for value in wildcards.values())])
        self._running[job] = Running(rule, label, now, at)

    def finish(self, job: int, now: float) -> None:
        """Note that a job ended well."""
        running = self._running.pop(job, None)
        if running is None:
            return
        self.done += 1
        self._left[running.rule] -= 1
        self._busy[running.rule] += now - running.since
        self._count[running.rule] += 1

    def fail(self, job: int, logs: Iterable[str] = (), message: str = "") -> None:
        """Note that a job failed."""
        running = self._running.pop(job, None)
        if running is not None:
            self.failures[job] = Failure(running.label, running.at, tuple(logs), message)
            self._left[running.rule] -= 1

    def seconds_left(self, now: float) -> float | None:
        """Estimate the time left, or None where no job ended, in this run or before.

        Jobs of a rule that has run are taken to last as long as its mean, others as they did in
        earlier runs, else as the mean of all, and as many to run side by side as did so far.
        """
        ended = sum(self._count.values())
        if self._began is None or not (ended or self._usual) or now <= self._began:
            return None
        busy = sum(self._busy.values())
        overall = busy / ended if ended else sum(self._usual.values()) / len(self._usual)
        work = sum(
            left
            * (
                self._busy[rule] / self._count[rule]
                if self._count[rule]
                else self._usual.get(rule, overall)
            )
            for rule, left in self._left.items()
        )
        running = sum(now - job.since for job in self._running.values())
        side_by_side = max(1.0, (busy + running) / (now - self._began))
        return max(0.0, work - running) / side_by_side

    def line(self, now: float) -> str:
        """Return the progress as one line."""
        share = 100 * self.done // self.total if self.total else 100
        parts = [f"[{share:3d} %] {self.done} of {self.total} jobs"]
        if self.failed:
            parts.append(f"{self.failed} failed")
        if self._began is not None:
            parts.append(f"{duration(now - self._began)} so far")
        left = self.seconds_left(now)
        if left is not None and self.done + self.failed < self.total:
            parts.append(f"about {duration(left)} left")
        text = ", ".join(parts)
        labels = ", ".join(job.label for job in self._running.values())
        return f"{text} | {labels}" if labels else text


def duration(seconds: float) -> str:
    """Write a time the way people say it."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} min"
