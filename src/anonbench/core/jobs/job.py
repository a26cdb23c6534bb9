"""Frame of a job: its threads, its log, and how a user's error reaches the terminal.

Imports nothing heavy, because thread limits must be set before NumPy, OpenCV or torch are loaded.
"""

from __future__ import annotations

import errno
import fcntl
import logging
import os
import sys
import time
import traceback
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

from anonbench.core.errors import InputError, Interrupted
from anonbench.core.jobs.job_cache import JobCache
from anonbench.core.terminal import guard_output, harmless
from anonbench.core.vocabulary import RESULTS

THREAD_VARIABLES = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "NUMEXPR_NUM_THREADS",
)

_LOUD = "loud"

_GOES_ON = (
    "this job is still running from an earlier, killed run and writes {}: wait "
    "for it or end it, then run again"
)
_WAIT_SECONDS = 20.0

_OF_READING = ("ArrowInvalid", "JSONDecodeError", "EmptyDataError", "ParserError")
"""Names of exceptions, so that the libraries that raise them need not be loaded."""
_TABLES = (".parquet", ".csv", ".json")

_FULL = (errno.ENOSPC, errno.EDQUOT)

TRY_AGAIN = 75
"""Exit status of a stopped job that resumes when it runs again (EX_TEMPFAIL)."""


class Task(Protocol):
    """Description of its job that Snakemake passes to a script."""

    input: Sequence[str]
    output: Sequence[str]
    log: Sequence[str]
    params: Any
    threads: int
    config: Mapping[str, Any]


@contextmanager
def job(task: Task, script: str) -> Iterator[JobCache]:
    """Run the block as a job of the workflow: see `logged`. Yield the cache of its outputs.

    Its inputs are checked before the block, and checksums of its outputs are written after it. A
    script that calls `JobCache.is_done` finds its earlier outputs, and may end at once.

    Args:
        task: Snakemake's object.
        script: the script's path.

    """
    # scripts import nothing from their folders, where a user's module may have the same name
    sys.path[:] = [place for place in sys.path if not Path(place, Path(script).name).is_file()]
    with logged(task.log[0], task.threads):
        results, bundle = task.config.get("results", RESULTS), task.config.get("bundle")
        parameters = dict(task.params.items())
        # by the rules' convention a benchmark has the name of its job's log
        folder = Path(results).as_posix()
        log = task.log[0].replace(f"{folder}/logs/", f"{folder}/benchmarks/")
        benchmark = Path(log).with_suffix(".tsv")
        cache = JobCache(task.input, task.output, parameters, Path(results), benchmark)
        cache.begin(Path(bundle) if bundle else None)
        yield cache
        cache.end()


@contextmanager
def logged(log: Path | str, threads: int) -> Iterator[None]:
    """Run the block with `threads` threads, and write everything it prints to `log`.

    An InputError ends the process with its message as one line on the terminal; any other
    exception writes its traceback to the log and its name to the terminal. A training that was
    asked to stop says where it stopped, and ends with the status TRY_AGAIN.
    """
    limit_threads(threads)
    with _redirect_output(Path(log)) as terminal:
        try:
            yield
        except InputError as error:
            logging.error("%s", error)
            _write_terminal(terminal, f"anonbench: {error}")
            sys.exit(1)
        except Interrupted as stop:
            logging.warning("%s", stop)
            _write_terminal(terminal, f"anonbench: {stop}")
            sys.exit(TRY_AGAIN)
        except OSError as error:
            is_full = error.errno in _FULL
            logging.error("%s", _system_error(error), exc_info=not is_full)
            _write_terminal(terminal, f"anonbench: {_system_error(error)}")
            sys.exit(1)
        except Exception as error:
            logging.exception("stopped by an error")
            text = f"{type(error).__name__}, an error of the program; see {log}"
            if damaged := _damaged_file(error):
                text = f"{damaged} is damaged or was half written ({type(error).__name__}): "
                text += "delete it and run again"
            _write_terminal(terminal, f"anonbench: {text}")
            sys.exit(1)


def _system_error(error: OSError) -> str:
    if error.errno in _FULL:
        full = "the disk is full" if error.errno == errno.ENOSPC else "the disk quota is used up"
        return f"{full}; make room and run again: what is finished is kept"
    where = f" ({error.filename})" if error.filename else ""
    return f"{error.strerror or error}{where}"


def _damaged_file(error: Exception) -> Path | None:
    """Return the file that could not be parsed, if the error is one of reading a table.

    Such errors do not name the file: it is an argument of the innermost function that has one.
    """
    if type(error).__name__ not in _OF_READING:
        return None
    for frame, _ in reversed(list(traceback.walk_tb(error.__traceback__))):
        for value in frame.f_locals.values():
            is_name = isinstance(value, str | Path) and str(value).endswith(_TABLES)
            if is_name and Path(value).is_file():
                return Path(value)
    return None


def limit_threads(threads: int) -> None:
    """Set the number of threads of numerical libraries; call it before they are loaded.

    It also keeps ONNX Runtime from sending data and leaving files.
    """
    for variable in THREAD_VARIABLES:
        os.environ[variable] = str(threads)
    os.environ["ORT_DISABLE_TELEMETRY"] = "1"


@contextmanager
def _redirect_output(log: Path) -> Iterator[int]:
    """Send standard output and error of this process and its children to a file."""
    log.parent.mkdir(parents=True, exist_ok=True)
    terminal = os.dup(2)
    saved = os.dup(1)
    # emptied only when it is known that no other process writes to it
    with log.open("a", encoding="utf-8") as file:
        if not _lock_log(file.fileno()):
            _write_terminal(terminal, f"anonbench: {_GOES_ON.format(log)}")
            sys.exit(1)
        file.truncate(0)
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
        guard_output()
        logging.basicConfig(
            level=logging.INFO, format="%(levelname)s %(name)s: %(message)s", force=True
        )
        logging.getLogger().addHandler(_TerminalHandler(terminal, log))
        try:
            yield terminal
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            os.dup2(saved, 1)
            os.dup2(terminal, 2)
            os.close(saved)
            os.close(terminal)


def warn_on_terminal(logger: logging.Logger, text: str) -> None:
    """Warn in the log and, in a job, also on the terminal, with the log's path."""
    logger.warning("%s", text, extra={_LOUD: True})


class _TerminalHandler(logging.Handler):
    """Handler that writes warnings of a job to the terminal too."""

    def __init__(self, terminal: int, log: Path) -> None:
        super().__init__()
        self._terminal = terminal
        self._log = log

    def emit(self, record: logging.LogRecord) -> None:
        """Write the record if it is meant for the terminal."""
        if getattr(record, _LOUD, False):
            _write_terminal(self._terminal, f"anonbench: {record.getMessage()} ({self._log})")


def _lock_log(log: int) -> bool:
    """Lock a job's log, also for its children; wait briefly for those of a killed job."""
    for _ in range(int(_WAIT_SECONDS / 0.5)):
        try:
            fcntl.flock(log, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            time.sleep(0.5)
        except OSError:  # the file system has no locks
            return True
        else:
            return True
    return False


def _write_terminal(terminal: int, text: str) -> None:
    os.write(terminal, (harmless(text) + "\n").encode("utf-8", "replace"))
