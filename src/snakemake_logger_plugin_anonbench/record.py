"""What a run has done so far, in a file that others may read while it goes on.

`<results>/.run.jsonl`: one JSON object a line, the latest run alone. Lines are only added, so a
reader may meet half a line at the end and nothing worse. While the run lives, the file's time is
renewed: it tells from another machine too whether anybody is there.
"""

from __future__ import annotations

import json
import os
import platform
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import psutil

NAME = ".run.jsonl"
HEARTBEAT = 20.0
"""Seconds after which the file's time is renewed."""


class Record:
    """Writes what happens. A disk that is full does not stop the run."""

    def __init__(
        self, results: Path, usual: Mapping[str, float], closing: Callable[[], Iterable[str]]
    ) -> None:
        """Take what `record_in` takes."""
        self.usual = dict(usual)
        self.closing = closing
        self._path = results / NAME
        self._stopped = threading.Event()
        self._open = False

    def begin(self, left: Mapping[str, int]) -> None:
        """Begin the record of a run with its jobs by rule, once."""
        if self._open:
            return
        self._open = True
        own = psutil.Process()
        folder = os.path.relpath(Path.cwd(), self._path.parent)
        head = {"host": platform.node(), "pid": own.pid, "process": own.create_time()}
        self._write(
            "w", {"event": "run", "jobs": dict(left), "folder": folder, **head, "usual": self.usual}
        )
        threading.Thread(target=self._live, daemon=True).start()

    def started(
        self, job: int, rule: str, wildcards: Mapping[str, str], logs: Iterable[str]
    ) -> None:
        """Note that a job was started or handed to a scheduler."""
        found = {"rule": rule, "wildcards": dict(wildcards), "logs": list(logs)}
        self._add({"event": "started", "job": job, **found})

    def done(self, job: int) -> None:
        """Note that a job ended well."""
        self._add({"event": "done", "job": job})

    def failed(self, job: int, logs: Iterable[str], message: str) -> None:
        """Note that a job failed."""
        self._add({"event": "failed", "job": job, "logs": list(logs), "message": message})

    def end(self) -> None:
        """Note that the run is over, whatever became of it."""
        self._stopped.set()
        self._add({"event": "end"})
        self._open = False

    def _add(self, event: Mapping[str, Any]) -> None:
        if self._open:
            self._write("a", event)

    def _write(self, mode: str, event: Mapping[str, Any]) -> None:
        line = json.dumps({**event, "at": round(time.time(), 3)}, ensure_ascii=False)
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            with self._path.open(mode, encoding="utf-8") as file:
                file.write(line + "\n")
        except OSError:
            pass

    def _live(self) -> None:
        while not self._stopped.wait(HEARTBEAT):
            try:
                os.utime(self._path)
            except OSError:
                return


_current: list[Record] = []


def record_in(
    results: Path, usual: Mapping[str, float], closing: Callable[[], Iterable[str]] = tuple
) -> None:
    """Record the run that is about to begin in this folder of results; forget the one before.

    Args:
        results: the folder.
        usual: seconds that a job of each rule took before, for estimates.
        closing: gives lines about the results that are said at the end of the run.

    """
    (results / NAME).unlink(missing_ok=True)
    _current[:] = [Record(results, usual, closing)]


def current() -> Record | None:
    """Return the record of this process's run, where it has one."""
    return _current[0] if _current else None


def read(results: Path) -> list[dict[str, Any]]:
    """Return the events of the latest run, the first being `run`; none where nothing is recorded.

    A line that is just being written, or that a machine's crash has cut, is left out.
    """
    try:
        lines = (results / NAME).read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return []
    events = []
    for line in lines:
        try:
            event = json.loads(line)
        except ValueError:
            continue
        if isinstance(event, dict) and "event" in event:
            events.append(event)
    return events if events and events[0]["event"] == "run" else []
