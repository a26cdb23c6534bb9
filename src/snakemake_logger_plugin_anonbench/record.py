"""Writer of a run's events, for the logger; the Snakefile says where."""

from __future__ import annotations

import json
import os
import platform
import threading
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil

from snakemake_logger_plugin_anonbench.run import NAME

HEARTBEAT = 20.0
"""Seconds after which a running Snakemake renews the file's time, for readers elsewhere."""


@dataclass
class Record:
    """File of a run's events. A full disk does not stop the run."""

    results: Path
    usual: Mapping[str, float]
    closing: Callable[[], Iterable[str]]
    _ended: threading.Event = field(default_factory=threading.Event)

    def write(self, event: Mapping[str, Any]) -> None:
        """Add an event; `run` begins the file anew, with where and by which process."""
        begins = event["event"] == "run"
        if begins:
            own = psutil.Process()
            folder = os.path.relpath(Path.cwd(), self.results)
            event = {**event, "host": platform.node(), "pid": own.pid, "folder": folder}
            event |= {"process": own.create_time()}
        with suppress(OSError):
            self.results.mkdir(parents=True, exist_ok=True)
            with (self.results / NAME).open("w" if begins else "a", encoding="utf-8") as file:
                file.write(json.dumps(event, ensure_ascii=False) + "\n")
        if begins:
            threading.Thread(target=self._live, daemon=True).start()
        if event["event"] == "end":
            self._ended.set()

    def _live(self) -> None:
        while not self._ended.wait(HEARTBEAT):
            with suppress(OSError):
                os.utime(self.results / NAME)


_current: list[Record] = []


def record_in(
    results: Path, usual: Mapping[str, float], closing: Callable[[], Iterable[str]] = tuple
) -> None:
    """Record the run that is about to begin.

    Args:
        results: folder of results.
        usual: seconds that jobs of each rule took before, for estimates.
        closing: gives lines about the results for the end of the run.

    """
    _current[:] = [Record(results, usual, closing)]


def current() -> Record | None:
    """Return the record of this process's run, where the Snakefile asked for one."""
    return _current[0] if _current else None
