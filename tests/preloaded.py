"""Commands and their jobs as forks of a process that has imported Snakemake and the package.

What runs is what a user's command runs, in a process of its own with its own environment. A start
takes 2 to 3 CPU-seconds less, and an experiment has up to 80 jobs. Where `PYTHONPATH` has a
`sitecustomize` alone, that is loaded first, as Python does at its start. Where it has other
sources, the process loads the package anew. `main` loads other sources, once for a command and its
jobs.
"""

import atexit
import gc
import marshal
import multiprocessing
import os
import re
import runpy
import shutil
import signal
import socketserver
import subprocess
import sys
import tempfile
import threading
import weakref
from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import cache
from importlib import import_module
from multiprocessing import connection, forkserver
from multiprocessing.context import ForkServerContext
from pathlib import Path

from snakemake_interface_logger_plugins.registry import LoggerPluginRegistry

ENTRIES = {"snakemake": "snakemake.cli", "anonbench": "anonbench.cli"}
"""Modules whose `main` is a command."""
LOADED = [
    *(*ENTRIES.values(), "anonbench.config.stage_parameters", "anonbench.workflow.startup"),
    *("anonbench.reporting.paper.scenario_tables", "anonbench.workflow.snakefile"),
    *("snakemake.report.html_reporter", "snakemake_logger_plugin_anonbench"),
    *("cv2", "h5py", "matplotlib.pyplot", "pandas", "pyarrow.parquet", "scipy.stats", "seaborn"),
    *("anonbench.embedding.extract", "anonbench.training.loop.train"),
    *("torch._dynamo", "torch.utils.tensorboard"),
    *("jsonschema", "nbformat", "anonbench.workflow.rule_parts"),
    *("pillow_heif", "pyarrow.dataset", "numba", "shapely", "anonbench.reporting.html.build"),
    *("anonbench.training.model.timm_models", "facenet_pytorch", "rapidocr.ch_ppocr_det.utils"),
    *("anonbench.anonymization.shard", "anonbench.detection.shard", "anonbench.workflow.estimates"),
    *("anonbench.evaluation.downstream.evaluate", "anonbench.training.loop.launch"),
    *("anonbench.reporting.figures.learning", "anonbench.reporting.figures.trends"),
    *("matplotlib.backends.backend_svg", "pandas.core.arrays.arrow.extension_types", "zxingcpp"),
    *("multiprocessing.synchronize", "smart_open", "snakemake.benchmark"),
    "warmed",
]
"""What commands load, and the libraries that jobs load."""
OWN = re.compile("(snakemake_logger_plugin_)?anonbench")
"""How the names of the package's modules begin."""
JOBS = ".snakemake/scripts/"
"""Where Snakemake writes the scripts of jobs."""
STARTS = threading.Lock()
"""Held while a process is started or its end is read: a start reads the ends of all others."""
SOURCES = [Path(each) for each in os.environ.get("PYTHONPATH", "").split(os.pathsep) if each]
"""Folders of sources that are loaded in place of the installed ones, such as a worktree's."""
CALLER = "ANONBENCH_TEST_CALLER"
"""Number of the process that Snakemake started for a job."""
RUN = "ANONBENCH_RUN"
"""Names a run in all its processes; a command that a test starts is a run of its own."""
REAL = "ANONBENCH_TEST_REAL"
"""Names the rules whose jobs are no forks; a fork starts Slurm's step of the job, which is none."""
ONE_THREAD = {
    "JE_ARROW_MALLOC_CONF": "background_thread:false",
    **dict.fromkeys(("MKL_NUM_THREADS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1"),
}
"""Environment in which no library starts a thread when it is loaded: a fork would not have it."""


def completed(
    program: str, arguments: Sequence[str | Path], folder: Path
) -> subprocess.CompletedProcess[str]:
    """Run a command of `ENTRIES` in a folder, as `subprocess.run` with captured output does."""
    given = [program, *map(str, arguments)]
    with tempfile.TemporaryDirectory() as said:
        files = [os.devnull, *(f"{said}/{name}" for name in ("out", "err"))]
        environment = {name: text for name, text in os.environ.items() if name != RUN}
        whole = given, folder, environment, files, python()
        process = _context().Process(target=_run, args=whole)
        with STARTS:
            process.start()
        connection.wait([process.sentinel])
        with STARTS:
            process.join()
        out, err = (Path(file).read_text(encoding="utf-8") for file in files[1:])
    return subprocess.CompletedProcess(given, process.exitcode or 0, out, err)


def main() -> None:
    """Run a command of `ENTRIES`, which has loaded what `PYTHONPATH` names, in this folder."""
    SOURCES.extend(_path())
    done = completed(sys.argv[1], sys.argv[2:], Path.cwd())
    sys.stdout.write(done.stdout)
    sys.stderr.write(done.stderr)
    sys.exit(done.returncode)


@cache
def python() -> str:
    """Return the program that does the jobs of commands of this process.

    As `sys.executable`, it makes what commands plan within this process a fork, too; as
    `PYTHON_EXEC`, it makes the processes that torchrun starts (`python -u -m`) forks.
    """
    folder = Path(tempfile.mkdtemp(prefix="jobs-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return str(programs(folder) / "python")


def programs(folder: Path) -> Path:
    """Write the commands of `ENTRIES` as programs to a folder, for shells that this process starts.

    What they are asked for is done by `completed`'s forks. Beside them is a `python` that does the
    jobs of such a Snakemake, and is Snakemake by `-m snakemake`. Returns the folder.
    """
    address = folder / "socket"
    server = socketserver.ThreadingUnixStreamServer(str(address), _Asked)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    for name in (*ENTRIES, "python"):
        program = folder / name
        given = {"python": sys.executable, "address": address, "name": name, "jobs": JOBS}
        program.write_text(PROGRAM.format(**given, real=REAL))
        program.chmod(0o755)
    return folder


PROGRAM = """#!{python} -IS
import _signal, _socket, marshal, os, sys  # without what is not needed: each job starts this
asked = ["{name}", *sys.argv[1:]]
real = set(os.environ.get("{real}", "").split()) & set(asked)
if asked[:3] == ["python", "-m", "snakemake"] and (not real or "slurm-jobstep" in asked):
    asked[:3] = ["snakemake"]
elif asked[0] == "python" and not (
    asked[1:3] == ["-u", "-m"] or (len(asked) == 2 and "{jobs}" in asked[1])
):
    os.execv("{python}", ["{python}", *sys.argv[1:]])
talk = _socket.socket(_socket.AF_UNIX)
talk.connect("{address}")
talk.sendall(marshal.dumps((asked, os.getcwd(), dict(os.environ), os.getpid())))
number = int(talk.recv(9, _socket.MSG_WAITALL))
for each in (_signal.SIGINT, _signal.SIGTERM, _signal.SIGUSR1):
    _signal.signal(each, lambda given, _: os.kill(number, given))
status = int(talk.recv(9, _socket.MSG_WAITALL))
if status < 0:
    if status != -_signal.SIGKILL:
        _signal.signal(-status, _signal.SIG_DFL)
    os.kill(os.getpid(), -status)
sys.exit(status)
"""


class _Asked(socketserver.StreamRequestHandler):
    """Runs what a program of `programs` was called with, and tells it the exit status."""

    def handle(self) -> None:
        given, folder, environment, caller = marshal.load(self.rfile)
        streams = [f"/proc/{caller}/fd/{number}" for number in range(3)]
        if given[0] == "python":
            environment[CALLER] = str(caller)
        arguments = given, folder, environment, streams, python()
        process = _context().Process(target=_run, args=arguments)
        with STARTS:
            process.start()
        self.wfile.write(f"{process.pid:9}".encode())
        is_waited_for = process.sentinel in connection.wait([process.sentinel, self.connection])
        if not is_waited_for:  # who asked was killed
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)  # what it asked for is killed in turn
        connection.wait([process.sentinel])
        with STARTS:
            process.join()
        if is_waited_for:
            self.wfile.write(f"{process.exitcode:9}".encode())


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
    loaded = os.pathsep.join(map(str, [*SOURCES, Path(__file__).parent]))
    os.environ.update(ONE_THREAD | {"PYTHONPATH": loaded})
    try:
        forkserver.ensure_running()
    finally:
        os.environ.clear()
        os.environ.update(before)
    return context


def _run(
    given: list[str],
    folder: str | Path,
    environment: Mapping[str, str],
    streams: Sequence[str],
    python: str,
) -> None:
    for number, file in enumerate(streams):
        way = os.O_WRONLY | os.O_CREAT | os.O_APPEND if number else os.O_RDONLY
        descriptor = os.open(file, way, 0o600)
        os.dup2(descriptor, number)
        os.close(descriptor)
    sys.stdin = os.fdopen(0, encoding="utf-8", closefd=False)
    gc.freeze()  # a collection would copy all pages that it looks at
    # what was loaded before is not this process's to end
    atexit._clear()
    weakref.finalize._registry.clear()  # type: ignore[attr-defined]
    weakref.finalize._registered_with_atexit = False  # type: ignore[attr-defined]
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(folder)
    os.setsid()  # whoever kills a whole session ends this command alone
    for each in filter(_is_customization, _path()):
        runpy.run_path(str(each / "sitecustomize.py"))
    others = [str(each) for each in _path() if not _is_customization(each)]
    if not {*others} <= {*sys.path}:
        sys.path[:0] = others
        for module in [module for module in sys.modules if OWN.match(module)]:
            del sys.modules[module]
        LoggerPluginRegistry().collect_plugins()  # the logger is one of the modules
    name, *arguments = given
    try:
        if name == "python" and arguments[0] == "-u":
            sys.argv = arguments[2:]
            runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
        elif name == "python":
            sys.argv = arguments
            mine = str(Path(__file__).parent)
            rest = [place for place in sys.path if place and not place.startswith(mine)]
            sys.path[:] = [str(Path(arguments[0]).parent), *rest]
            runpy.run_path(arguments[0], run_name="__main__")
        else:
            sys.argv, sys.executable = given, python
            sys.exit(import_module(ENTRIES[name]).main())
    finally:
        atexit._run_exitfuncs()  # a fork of multiprocessing runs none of them
