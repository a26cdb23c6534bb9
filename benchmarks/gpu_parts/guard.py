"""One part of a measurement in a process of its own, with a time limit.

The end of a process gives back all of its memory and the compiler's state, whatever went wrong in
it. What a part has reported before it fails, hangs or crashes is kept.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from anonbench.core.io import read_json, write_json

ROOT = Path(__file__).resolve().parents[2]
ROOMS = [str(ROOT / folder) for folder in ("src", "benchmarks", "tests/gpu")]
SHUTDOWN_SECONDS = 10
"""How long a killed process has to be gone; one that the driver holds may stay."""
OUTPUT_CHARACTERS = 3000
"""Of a failed part's output that are kept."""
Outcome = dict[str, Any]
"""`outcome` ("passed", "failed", "out of memory", "not applicable", "no time") and `seconds`; where
they apply `reason`, `last_output`, `peak_memory_gb` and `found`, which is what it reported."""


class NotApplicable(Exception):  # noqa: N818 - a finding about the machine, not a failure
    """What is measured does not exist on this machine."""


class Report:
    """What a part has found so far; every addition is on disk at once."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._value: Outcome = {}

    def __call__(self, **found: Any) -> None:
        """Add findings, which JSON can hold."""
        self.end(found=self._value.get("found", {}) | found)

    def end(self, **fields: Any) -> None:
        """Add fields of the outcome."""
        value = self._value | fields
        write_json(self._path, value)
        self._value = value


Part = Callable[..., None]
"""Of a `Report` and arguments that JSON can hold; raises where a check fails."""


def run(function: str, limit: float, **arguments: Any) -> Outcome:
    """Run a part and return how it ended, `limit` seconds later at most.

    Args:
        function: a `Part`, as `module:name`.
        limit: seconds; then all processes of the part are killed.
        arguments: of the part.
    """
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        report, output = Path(folder) / "report.json", Path(folder) / "output.txt"
        command = [sys.executable, "-m", "gpu_parts.child", function, str(report), str(limit)]
        path = os.pathsep.join([*ROOMS, *filter(None, [os.environ.get("PYTHONPATH")])])
        with output.open("wb") as stream:
            process = subprocess.Popen(
                [*command, json.dumps(arguments)],
                env=os.environ | {"PYTHONPATH": path},
                stdout=stream,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
            ended = _ended(process, limit)
        outcome: Outcome = read_json(report) if report.exists() else {}
        if "outcome" not in outcome:
            outcome |= {"outcome": "failed", "reason": ended}
        if outcome["outcome"] == "failed":
            last = output.read_text(encoding="utf-8", errors="replace")[-OUTPUT_CHARACTERS:]
            outcome["last_output"] = last.splitlines()
    return outcome | {"seconds": round(time.monotonic() - began, 1)}


def _ended(process: subprocess.Popen[bytes], limit: float) -> str:
    """Wait for a process, end all that it started, and return how it ended."""
    try:
        status = process.wait(limit)
    except subprocess.TimeoutExpired:
        return f"ran past its limit of {limit:.0f} s and was killed"
    finally:
        _kill(process)
    if status < 0:
        return f"ended by {signal.Signals(-status).name}"
    return f"ended with status {status}"


def _kill(process: subprocess.Popen[bytes]) -> None:
    try:
        os.killpg(process.pid, signal.SIGKILL)  # its compiler's and loader's processes as well
    except ProcessLookupError:
        return  # the group is gone
    try:
        process.wait(SHUTDOWN_SECONDS)
    except subprocess.TimeoutExpired:
        print(f"process {process.pid} does not end", file=sys.stderr)
