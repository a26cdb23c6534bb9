"""Commands as forks of a process that has imported Snakemake: 2.5 CPU-seconds less a start.

What runs is what a user's command runs, in a process of its own with its own environment. A command
with other sources (`PYTHONPATH`) is started as users start it.
"""

from __future__ import annotations

import atexit
import multiprocessing
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from importlib import import_module
from pathlib import Path

ENTRIES = {"snakemake": "snakemake.cli", "anonbench": "anonbench.cli"}
"""Modules whose `main` is a command."""
LOADED = [*ENTRIES.values(), "anonbench.config.stage_parameters", "anonbench.workflow.startup"]
"""Modules that are imported before the fork; none starts a thread."""


def completed(
    program: str, arguments: Sequence[str | Path], folder: Path
) -> subprocess.CompletedProcess[str]:
    """Run a command of `ENTRIES` in a folder, as `subprocess.run` with captured output does."""
    if "PYTHONPATH" in os.environ:
        command = [Path(sys.executable).with_name(program), *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=False, cwd=folder)
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(LOADED)
    given = [program, *map(str, arguments)]
    with tempfile.TemporaryDirectory() as said:
        files = [Path(said, name) for name in ("out", "err")]
        process = context.Process(target=_run, args=(given, folder, dict(os.environ), files))
        process.start()
        process.join()
        out, err = (file.read_text(encoding="utf-8") for file in files)
    return subprocess.CompletedProcess(given, process.exitcode or 0, out, err)


def _run(
    given: list[str], folder: Path, environment: Mapping[str, str], files: Sequence[Path]
) -> None:
    for stream, file in zip((sys.stdout, sys.stderr), files, strict=True):
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        os.dup2(descriptor, stream.fileno())
        os.close(descriptor)
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(folder)
    sys.argv = given
    try:
        sys.exit(import_module(ENTRIES[given[0]]).main())
    finally:
        atexit._run_exitfuncs()  # a fork of multiprocessing runs none of them
