"""Commands as forks of a process that has imported Snakemake and the package.

What runs is what a user's command runs, in a process of its own with its own environment. Its start
takes 2.5 CPU-seconds less. Where `PYTHONPATH` has a
`sitecustomize` alone, that is loaded first, as Python does at its start; a command with other
sources is started as users start it.
"""

from __future__ import annotations

import atexit
import gc
import json
import multiprocessing
import os
import runpy
import socketserver
import subprocess
import sys
import tempfile
import threading
from collections.abc import Mapping, Sequence
from functools import cache
from importlib import import_module
from multiprocessing import forkserver
from multiprocessing.context import ForkServerContext
from pathlib import Path

ENTRIES = {"snakemake": "snakemake.cli", "anonbench": "anonbench.cli"}
"""Modules whose `main` is a command."""
LOADED = [*ENTRIES.values(), "anonbench.config.stage_parameters", "anonbench.workflow.startup"]
"""What commands load."""
ONE_THREAD = {
    "JE_ARROW_MALLOC_CONF": "background_thread:false",
    **dict.fromkeys(("MKL_NUM_THREADS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1"),
}
"""Environment in which no library starts a thread when it is loaded: a fork would not have it."""


def completed(
    program: str, arguments: Sequence[str | Path], folder: Path
) -> subprocess.CompletedProcess[str]:
    """Run a command of `ENTRIES` in a folder, as `subprocess.run` with captured output does."""
    if not all(map(_is_customization, _path())):
        command = [Path(sys.executable).with_name(program), *arguments]
        return subprocess.run(
            command,
            capture_output=True,
            text=True,
            check=False,
            cwd=folder,
            start_new_session=True,  # whoever kills a whole session ends this command alone
        )
    given = [program, *map(str, arguments)]
    with tempfile.TemporaryDirectory() as said:
        files = [os.devnull, *(f"{said}/{name}" for name in ("out", "err"))]
        process = _context().Process(target=_run, args=(given, folder, dict(os.environ), files))
        process.start()
        process.join()
        out, err = (Path(file).read_text(encoding="utf-8") for file in files[1:])
    return subprocess.CompletedProcess(given, process.exitcode or 0, out, err)


def programs(folder: Path) -> Path:
    """Write the commands of `ENTRIES` as programs to a folder, for shells that this process starts.

    What they are asked for is done by `completed`'s forks. Returns the folder.
    """
    address = folder / "socket"
    server = socketserver.ThreadingUnixStreamServer(str(address), _Asked)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    for name in ENTRIES:
        program = folder / name
        program.write_text(PROGRAM.format(python=sys.executable, address=address, name=name))
        program.chmod(0o755)
    return folder


PROGRAM = """#!{python} -IS
import json, os, socket, sys
with socket.socket(socket.AF_UNIX) as talk:
    talk.connect("{address}")
    asked = ["{name}", *sys.argv[1:]], os.getcwd(), dict(os.environ), os.getpid()
    talk.sendall(json.dumps(asked).encode() + b"\\n")
    sys.exit(int(talk.makefile().readline()))
"""


class _Asked(socketserver.StreamRequestHandler):
    """Runs what a program of `programs` was called with, and tells it the exit status."""

    def handle(self) -> None:
        given, folder, environment, caller = json.loads(self.rfile.readline())
        streams = [f"/proc/{caller}/fd/{number}" for number in range(3)]
        process = _context().Process(target=_run, args=(given, folder, environment, streams))
        process.start()
        process.join()
        self.wfile.write(f"{process.exitcode}\n".encode())


def _path() -> list[Path]:
    """Return what `PYTHONPATH` names."""
    return [Path(each) for each in os.environ.get("PYTHONPATH", "").split(os.pathsep) if each]


def _is_customization(folder: Path) -> bool:
    return [file.name for file in folder.glob("*.py")] == ["sitecustomize.py"]


@cache
def _context() -> ForkServerContext:
    """Start the process that loads all; return what forks it."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(LOADED)
    before = dict(os.environ)
    os.environ.update(ONE_THREAD | {"PYTHONPATH": str(Path(__file__).parent)})
    try:
        forkserver.ensure_running()
    finally:
        os.environ.clear()
        os.environ.update(before)
    return context


def _run(
    given: list[str], folder: str | Path, environment: Mapping[str, str], streams: Sequence[str]
) -> None:
    for number, file in enumerate(streams):
        way = os.O_WRONLY | os.O_CREAT | os.O_APPEND if number else os.O_RDONLY
        descriptor = os.open(file, way, 0o600)
        os.dup2(descriptor, number)
        os.close(descriptor)
    sys.stdin = os.fdopen(0, encoding="utf-8", closefd=False)
    gc.freeze()  # a collection would copy all pages that it looks at
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(folder)
    os.setsid()  # whoever kills a whole session ends this command alone
    for each in filter(_is_customization, _path()):
        runpy.run_path(str(each / "sitecustomize.py"))
    sys.argv = given
    try:
        sys.exit(import_module(ENTRIES[given[0]]).main())
    finally:
        atexit._run_exitfuncs()  # a fork of multiprocessing runs none of them
