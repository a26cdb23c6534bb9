"""Jobs of one thread as forks of one process that has loaded what they load.

The process is `server`, made when the first job starts. It gets a JSON object a job, with one
end of a socket pair: script, folder, environment, and the modules to load before. On the other end
come lines: the fork's process id, the modules that it loaded, its exit status. What a job has
loaded, all later ones have from their start.
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
"""Else PyArrow's allocator has a thread from the start."""


class Watch(Protocol):
    """Measures a process."""

    def __call__(self, process: int) -> AbstractContextManager[Any]:
        """Measure a process while the context is open."""


class Ended(NamedTuple):
    """How a job ended, and what it took, with all processes that it waited for."""

    status: int
    """As in `subprocess`: negative for a signal."""
    cpu_seconds: float = 0.0
    mebibytes: float = 0.0
    """Peak of resident memory of the largest process, with what it shares with the server."""


class ForkedJobs:
    """Jobs that are forks of one process."""

    def __init__(self) -> None:
        """Start nothing before it is asked for."""
        self._lock = threading.Lock()
        self._control: socket.socket | None = None
        self._is_of_use = sys.platform == "linux"
        self._loaded: list[str] = []

    def run(self, script: str, environment: Mapping[str, str], watch: Watch) -> Ended | None:
        """Run a script to its end.

        Args:
            script: path; all else is as in a new Python process with this process's folder.
            environment: of the script. Its limit of threads is 1.
            watch: measures it.

        Returns:
            its end; None: it was not started, because forks would not be what new processes are.

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
                with suppress(OSError):  # it was killed already
                    talk.sendall(b"\n")
                for message in messages:
                    if "status" in message:
                        return Ended(**message)
                    with self._lock:
                        self._loaded.extend(message["loaded"])
            return Ended(-signal.SIGKILL)  # the server was killed: how it ends is not known

    def _ask(
        self,
        script: str,
        environment: Mapping[str, str],
        talk: socket.socket,
        other: socket.socket,
    ) -> bool:
        """Ask for a fork that talks through `other`; return whether there is anybody to ask."""
        with self._lock:
            if not self._is_of_use:
                return False
            if self._control is None:
                self._control, server = _started(environment)
                atexit.register(server.wait)  # after `close`: what jobs took counts as this one's
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
        """End the server once its jobs have ended; no other is started."""
        with self._lock:
            self._is_of_use = False
            if self._control is not None:
                self._control.close()


def _started(environment: Mapping[str, str]) -> tuple[socket.socket, subprocess.Popen[bytes]]:
    """Start the server; return the socket that it is asked through, and its process."""
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
