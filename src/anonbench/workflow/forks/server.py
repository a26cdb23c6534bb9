"""Process that keeps modules imported and forks itself for each job.

Run by `jobs` as `python -P -m anonbench.workflow.forks.server DESCRIPTOR`; `jobs` describes the
messages. A fork starts in milliseconds, whereas importing NumPy, pandas and torch takes seconds.
The server has a single thread, which makes forking safe, and imports only modules that some job has
imported.
"""

from __future__ import annotations

import atexit
import gc
import importlib
import json
import os
import selectors
import signal
import socket
import sys
import tempfile
import threading
import time
import weakref
from contextlib import suppress
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

_STOPS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_THREADS = Path("/proc/self/task")
_INSTALLED = (sys.prefix, sys.base_prefix, str(Path(__file__).parents[3]))
"""Folders from which the server may import; the user's own modules may have side effects."""

_WITH_THREADS = ("onnxruntime",)
"""Packages that start a thread on import, so that neither they nor their users are imported
here."""


class Job(NamedTuple):
    """A job to run in a fork."""

    script: str
    folder: str
    environment: dict[str, str]
    talk: socket.socket
    """Socket that starts the job and receives the names of the modules it has imported."""


class Server:
    """Server that forks jobs and reports how each of them ended."""

    def __init__(self, control: socket.socket) -> None:
        """Serve requests from a control socket."""
        self._control = control
        self._running: dict[int, socket.socket] = {}
        self._seen: dict[str, tuple[int, int] | None] = {}
        self._note(time.time_ns())

    def serve(self) -> Job | None:
        """In a fork, return the job to run; in the server, return None at the end."""
        ended, wake = socket.socketpair()
        ended.setblocking(False)
        wake.setblocking(False)
        # a handler that does nothing; without a handler no byte is written
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(wake.fileno(), warn_on_full_buffer=False)
        is_last = False
        with selectors.DefaultSelector() as selector:
            selector.register(self._control, selectors.EVENT_READ)
            selector.register(ended, selectors.EVENT_READ)
            while True:
                ready = {key.fileobj for key, _ in selector.select()}
                if ended in ready:
                    ended.recv(1 << 12)
                    self._reap()
                    if is_last and not self._running:
                        return None
                if self._control in ready:
                    message, descriptors, _, _ = socket.recv_fds(self._control, 1, 1)
                    if not message:
                        if not self._running:
                            return None
                        is_last = True  # clients may still wait for the running jobs
                        selector.unregister(self._control)
                    elif job := self._forked(socket.socket(fileno=descriptors[0])):
                        for each in (ended, wake, self._control, *self._running.values()):
                            each.close()
                        return job

    def _forked(self, talk: socket.socket) -> Job | None:
        """Fork; return the job in the new process and None in the server."""
        with talk.makefile("r", encoding="utf-8") as lines:
            asked = json.loads(lines.readline() or "{}")
        if not asked or not self._is_whole(asked["load"]):
            talk.close()  # the client then starts a process of its own
            return None
        gc.collect()
        gc.freeze()  # a garbage collection in a fork would copy all pages
        for each in weakref.finalize._registry:  # type: ignore[attr-defined]
            each.atexit = False  # forks must not finalize objects that they did not create
        process = os.fork()
        if process == 0:
            return Job(asked["script"], asked["folder"], asked["environment"], talk)
        self._running[process] = talk
        _tell(talk, {"process": process})
        return None

    def _is_whole(self, load: list[str]) -> bool:
        """Import modules; return whether a fork is equivalent to a new process.

        It is if there is one thread and no imported file has changed since.
        """
        began = time.time_ns()
        for name in load:
            if name not in sys.modules:
                with suppress(Exception):  # a job that needs the module reports the error itself
                    importlib.import_module(name)
        complete()
        self._note(began)
        is_current = all(state and _state(file) == state for file, state in self._seen.items())
        return is_current and sum(1 for _ in _THREADS.iterdir()) == 1

    def _note(self, began: int) -> None:
        """Record the state of all imported files; None for a file written during the import."""
        for module in list(sys.modules.values()):
            file = getattr(module, "__file__", None)
            # torch lists files that do not exist
            if file and file not in self._seen and (state := _state(file)):
                self._seen[file] = state if state[0] < began else None

    def _reap(self) -> None:
        while self._running:
            process, status, usage = os.wait3(os.WNOHANG)
            if not process:
                return
            if talk := self._running.pop(process, None):
                told = {
                    "status": os.waitstatus_to_exitcode(status),
                    "cpu_seconds": usage.ru_utime + usage.ru_stime,
                    "mebibytes": usage.ru_maxrss / 1024,
                }
                _tell(talk, told)
                talk.close()


def complete() -> None:
    """Initialize once what each fork would otherwise initialize on first use."""
    if config := sys.modules.get("anonbench.config"):
        config.Config.model_rebuild()
    if loops := sys.modules.get("anonbench.core.numeric.compiled"):
        loops.prepare()


def run(job: Job) -> None:
    """Run a job's script in this process as Python would run it in a new one.

    The last message always lists the modules that it has imported.
    """
    signal.set_wakeup_fd(-1)
    before = set(sys.modules)
    os.chdir(job.folder)
    os.environ.clear()
    os.environ.update(job.environment)
    tempfile.tempdir = None
    sys.argv, sys.path[:0] = [job.script], [str(Path(job.script).parent)]
    main = ModuleType("__main__")
    main.__file__ = job.script
    sys.modules["__main__"] = main
    job.talk.recv(1)  # wait until the client measures this process
    try:
        source = Path(job.script).read_bytes()
        exec(compile(source, job.script, "exec"), main.__dict__)
    finally:
        _tell(job.talk, {"loaded": _loadable(before)})
        job.talk.close()


def _leave() -> None:
    """Exit as Python does after a script, but without tearing down all modules.

    Tearing down takes longer than many jobs.
    """
    threading._shutdown()  # type: ignore[attr-defined]  # as multiprocessing ends a fork
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)


def _loadable(before: set[str]) -> list[str]:
    """Names of the modules imported since, in order, that the server may import too.

    Other modules are not touched, because that would copy their memory pages.
    """
    if any(name in sys.modules for name in _WITH_THREADS):
        return []
    new = [name for name in sys.modules if name not in before]
    files = {name: getattr(sys.modules[name], "__file__", None) for name in new}
    return [name for name, file in files.items() if file and file.startswith(_INSTALLED)]


def _tell(talk: socket.socket, message: dict[str, Any]) -> None:
    with suppress(OSError):  # the client was killed
        talk.sendall(json.dumps(message).encode() + b"\n")


def _state(file: str) -> tuple[int, int] | None:
    try:
        status = os.stat(file)  # noqa: PTH116  # thousands of files before each job
    except OSError:
        return None
    return status.st_mtime_ns, status.st_size


def main() -> None:
    """Serve until the client has ended, or run the job for which this process was forked."""
    of_job = {each: signal.getsignal(each) for each in (*_STOPS, signal.SIGCHLD)}
    for stop in _STOPS:
        signal.signal(stop, signal.SIG_IGN)  # running jobs end by themselves
    if job := Server(socket.socket(fileno=int(sys.argv[1]))).serve():
        for each, action in of_job.items():
            signal.signal(each, action)
        run(job)
        _leave()


if __name__ == "__main__":
    main()
