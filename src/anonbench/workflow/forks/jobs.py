"""Single-threaded jobs run as forks of one process that has already imported their modules.

The process is `server`, started with the first job. For each job it receives a JSON object (script,
folder, environment, modules to import first) and one end of a socket pair. Through the socket it
reports, one per line, the fork's process id, the modules imported by the fork, and its exit status.
Modules that one job has imported are available to all later ones from the start.
"""

from __future__ import annotations

import atexit
import json
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, suppress
from pathlib import Path
from typing import Any, NamedTuple, Protocol

_SERVER = "anonbench.workflow.forks.server"
_NO_THREAD = {"JE_ARROW_MALLOC_CONF": "background_thread:false"}
"""Without this setting PyArrow's allocator starts a background thread."""


class Watch(Protocol):
    """Measurement of a process's resources."""

    def __call__(self, process: int) -> AbstractContextManager[Any]:
        """Measure a process while the context is open."""


class Ended(NamedTuple):
    """Exit status of a job and its resources, including all processes that it waited for."""

    status: int
    """Exit status as in `subprocess`: negative for a signal."""
    cpu_seconds: float = 0.0
    mebibytes: float = 0.0
    """Peak resident memory of the largest process, including memory shared with the server."""


class ForkedJobs:
    """Runner for jobs as forks of one server process."""

    def __init__(self) -> None:
        """Prepare without starting the server."""
        self._lock = threading.Lock()
        self._control: socket.socket | None = None
        self._is_of_use = sys.platform == "linux"
        self._loaded: list[str] = []

    def run(self, script: str, environment: Mapping[str, str], watch: Watch) -> Ended | None:
        """Run a script to its end.

        Args:
            script: its path. It runs as in a new Python process in the current folder.
            environment: environment of the script, which limits it to one thread.
            watch: context that measures the process.

        Returns:
            Exit status and resources, or None if it was not started because a fork would differ
            from a new process.
        """
        talk, other = socket.socketpair()
        with talk:
            with other:
                if not self._ask(script, environment, talk, other):
                    return None
            messages = _messages(talk)
            started = next(messages, None)
            if started is None:
                self.close()
                return None
            with watch(started["process"]):
                with suppress(OSError):  # the job was killed already
                    talk.sendall(b"\n")
                for message in messages:
                    if "status" in message:
                        return Ended(**message)
                    with self._lock:
                        self._loaded.extend(message["loaded"])
            return Ended(-signal.SIGKILL)  # the server was killed: exit status unknown

    def _ask(
        self,
        script: str,
        environment: Mapping[str, str],
        talk: socket.socket,
        other: socket.socket,
    ) -> bool:
        """Request a fork that talks through `other`; return whether a server was available."""
        with self._lock:
            if not self._is_of_use:
                return False
            if self._control is None:
                self._control, server = _started(environment)
                atexit.register(server.wait)  # after `close`: counts children's resources here
                atexit.register(self.close)
            load, self._loaded = list(dict.fromkeys(self._loaded)), []
            asked = {"script": script, "folder": str(Path.cwd()), "environment": dict(environment)}
            try:
                socket.send_fds(self._control, [b"\n"], [other.fileno()])
                talk.sendall(json.dumps(asked | {"load": load}).encode() + b"\n")
            except OSError:
                self._is_of_use = False
            return self._is_of_use

    def close(self) -> None:
        """Stop the server once its jobs have ended, for good."""
        with self._lock:
            self._is_of_use = False
            if self._control is not None:
                self._control.close()


def _started(environment: Mapping[str, str]) -> tuple[socket.socket, subprocess.Popen[bytes]]:
    """Start the server; return the control socket and the process."""
    control, other = socket.socketpair()
    with other:
        command = [sys.executable, "-P", "-m", _SERVER, str(other.fileno())]
        environment = {**environment, **_NO_THREAD}
        server = subprocess.Popen(command, pass_fds=[other.fileno()], env=environment)
    return control, server


def _messages(talk: socket.socket) -> Iterator[dict[str, Any]]:
    with talk.makefile("r", encoding="utf-8") as lines:
        for line in lines:
            if line.endswith("\n"):
                yield json.loads(line)
