"""Process that has loaded what jobs load, and forks itself for each job.

Run as `python -P -m anonbench.workflow.forks.server DESCRIPTOR` by `jobs`, which says what a
message holds. A fork starts in milliseconds, where Python, NumPy, pandas and torch take seconds.
It has one thread, so that a fork is whole, and loads nothing that no job has loaded.
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
"""Where modules lie that the server may load: those of the user may do anything when loaded."""

_WITH_THREADS = ("onnxruntime",)
"""What starts a thread when it is loaded: not to be loaded here, nor what loads it."""


class Job(NamedTuple):
    """What a fork is to run."""

    script: str
    folder: str
    environment: dict[str, str]
    talk: socket.socket
    """Tells the job to begin, and takes what it has loaded."""


class Server:
    """The server's side: forks jobs and tells how each of them ended."""

    def __init__(self, control: socket.socket) -> None:
        """Serve what comes through a socket."""
        self._control = control
        self._running: dict[int, socket.socket] = {}
        self._seen: dict[str, tuple[int, int] | None] = {}
        self._note(time.time_ns())

    def serve(self) -> Job | None:
        """Return a job in the process that is to run it; None in the server, at its end."""
        ended, wake = socket.socketpair()
        ended.setblocking(False)
        wake.setblocking(False)
        # a handler that does nothing: without one no byte is written
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
                        is_last = True  # somebody may still wait for those that run
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
            talk.close()  # whoever asked starts a process of its own
            return None
        gc.collect()
        gc.freeze()  # a collection in a fork would copy all pages
        for each in weakref.finalize._registry:  # type: ignore[attr-defined]
            each.atexit = False  # nor does a fork take apart what it has not made
        process = os.fork()
        if process == 0:
            return Job(asked["script"], asked["folder"], asked["environment"], talk)
        self._running[process] = talk
        _tell(talk, {"process": process})
        return None

    def _is_whole(self, load: list[str]) -> bool:
        """Load modules; tell whether a fork is what a new process would be.

        It has one thread, and the code is that of the files as they are.
        """
        began = time.time_ns()
        for name in load:
            if name not in sys.modules:
                with suppress(Exception):  # a job that needs it says what is wrong
                    importlib.import_module(name)
        complete()
        self._note(began)
        is_current = all(state and _state(file) == state for file, state in self._seen.items())
        return is_current and sum(1 for _ in _THREADS.iterdir()) == 1

    def _note(self, began: int) -> None:
        """Note the state of all loaded files; None where one was written while it was loaded."""
        for module in list(sys.modules.values()):
            file = getattr(module, "__file__", None)
            # torch names files that there are not
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
    """Do what each fork would do when it first uses what is loaded."""
    if config := sys.modules.get("anonbench.config"):
        config.Config.model_rebuild()
    if loops := sys.modules.get("anonbench.core.numeric.compiled"):
        loops.prepare()


def run(job: Job) -> None:
    """Run a job's script in this process, as Python would run it in a new one.

    Its last message names the modules that it has loaded, however it ends.
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
    job.talk.recv(1)  # until somebody watches what it takes
    try:
        source = Path(job.script).read_bytes()
        exec(compile(source, job.script, "exec"), main.__dict__)
    finally:
        _tell(job.talk, {"loaded": _loadable(before)})
        job.talk.close()


def _leave() -> None:
    """End this process as Python ends after a script, without taking all modules apart.

    That takes longer than many jobs.
    """
    threading._shutdown()  # type: ignore[attr-defined]  # as multiprocessing ends a fork
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)


def _loadable(before: set[str]) -> list[str]:
    """Return the names of the modules loaded since, in their order, that the server may load too.

    It looks at no other ones: the pages that these are in would be copied.
    """
    if any(name in sys.modules for name in _WITH_THREADS):
        return []
    new = [name for name in sys.modules if name not in before]
    files = {name: getattr(sys.modules[name], "__file__", None) for name in new}
    return [name for name, file in files.items() if file and file.startswith(_INSTALLED)]


def _tell(talk: socket.socket, message: dict[str, Any]) -> None:
    with suppress(OSError):  # whoever asked was killed
        talk.sendall(json.dumps(message).encode() + b"\n")


def _state(file: str) -> tuple[int, int] | None:
    try:
        status = os.stat(file)  # noqa: PTH116  # thousands of files before each job
    except OSError:
        return None
    return status.st_mtime_ns, status.st_size


def main() -> None:
    """Serve until whoever asks has ended, or run the job that this process was forked for."""
    of_job = {each: signal.getsignal(each) for each in (*_STOPS, signal.SIGCHLD)}
    for stop in _STOPS:
        signal.signal(stop, signal.SIG_IGN)  # its jobs end by themselves
    if job := Server(socket.socket(fileno=int(sys.argv[1]))).serve():
        for each, action in of_job.items():
            signal.signal(each, action)
        run(job)
        _leave()


if __name__ == "__main__":
    main()
