"""Frame of a job: its threads, its log, and how a user's error reaches the terminal.

Imports nothing heavy, because thread limits must be set before NumPy, OpenCV or torch are loaded.
"""

import atexit
import errno
import fcntl
import logging
import os
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from anonbench.core.errors import InputError, Interrupted
from anonbench.core.jobs.job_cache import JobCache
from anonbench.core.vocabulary import RESULTS
from anonbench.core.wording import guard_output, harmless

THREAD_VARIABLES = [f"{each}_NUM_THREADS" for each in ("OMP", "OPENBLAS", "MKL", "NUMEXPR")]
_INTERRUPTED = 130
WAIT_SECONDS = 20.0
_terminals: list[tuple[int, Path]] = []  # descriptor and log of this process's job
_FULL = {errno.ENOSPC: "the disk is full", errno.EDQUOT: "the disk quota is used up"}
TRY_AGAIN = 75  # exit status of a stopped job that resumes when it runs again (EX_TEMPFAIL)


@contextmanager
def job(task: Any, script: str) -> Iterator[JobCache]:
    """Run the block as a job of the workflow: see `logged`. Yield the cache of its outputs.

    Inputs of Snakemake's `task` are checked before the block, and checksums of its outputs are
    written after it; in the block, both are paths. A script that calls `JobCache.is_done` may keep
    its earlier outputs.
    """
    # scripts import nothing from their folders, where a user's module may have the same name
    sys.path[:] = [place for place in sys.path if not Path(place, Path(script).name).is_file()]
    with logged(task.log[0], task.threads):
        for name in ("input", "output"):
            files = getattr(task, name)
            setattr(task, name, type(files)(toclone=files, custom_map=Path))
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
    asked to stop says where it stopped, and ends with the status TRY_AGAIN. Ctrl-C ends it quietly.
    """
    # before numerical libraries are loaded
    os.environ |= dict.fromkeys(THREAD_VARIABLES, str(threads))
    os.environ["ORT_DISABLE_TELEMETRY"] = "1"  # ONNX Runtime sends no data and leaves no files
    with _redirect_output(Path(log)) as terminal:
        try:
            yield
        except Interrupted as stop:
            logging.warning("%s", stop)
            _write_terminal(terminal, str(stop))
            sys.exit(TRY_AGAIN)
        except KeyboardInterrupt:  # Snakemake was interrupted too, and says so
            logging.warning("interrupted")
            sys.exit(_INTERRUPTED)
        except Exception as error:
            text, has_traceback = str(error), not isinstance(error, InputError)
            if isinstance(error, OSError):
                full, where = _FULL.get(error.errno or 0), error.filename
                text = f"{full}; make room and run again: what is finished is kept"
                if not full:
                    text = f"{error.strerror or error}{f' ({where})' if where else ''}"
                has_traceback = not full
            elif has_traceback:
                text = f"{type(error).__name__}, an error of the program; see {log}"
            logging.error("%s", text, exc_info=has_traceback)
            _write_terminal(terminal, text)
            sys.exit(1)
        finally:  # libraries' own hooks, such as torch's, would print where Ctrl-C reached them
            atexit.register(signal.signal, signal.SIGINT, signal.SIG_IGN)


@contextmanager
def _redirect_output(log: Path) -> Iterator[int]:
    """Send standard output and error of this process and its children to a file."""
    log.parent.mkdir(parents=True, exist_ok=True)
    # Snakemake removes the log before it starts a job: an unfinished one has it under this name too
    kept = log.with_name(f".{log.name}.unfinished")
    with suppress(OSError):  # this file system has no hard links
        kept.touch()
        log.unlink(missing_ok=True)
        os.link(kept, log)
    terminal, saved = os.dup(2), os.dup(1)
    # emptied only when it is known that no other process writes to it
    with log.open("a", encoding="utf-8") as file:
        if not _lock_log(file.fileno()):
            _write_terminal(
                terminal,
                f"this job is still running from an earlier, killed run and writes {log}: wait "
                "for it or end it, then run again",
            )
            sys.exit(1)
        file.truncate(0)
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
        guard_output()
        logging.basicConfig(
            level=logging.INFO, format="%(levelname)s %(name)s: %(message)s", force=True
        )
        _terminals.append((terminal, log))
        try:
            yield terminal
        finally:
            _terminals.pop()
            kept.unlink(missing_ok=True)
            for stream, descriptor, earlier in ((sys.stdout, 1, saved), (sys.stderr, 2, terminal)):
                stream.flush()
                os.dup2(earlier, descriptor)
                os.close(earlier)


def warn_on_terminal(logger: logging.Logger, text: str) -> None:
    """Warn in the log and, in a job, also on the terminal, with the log's path."""
    logger.warning("%s", text)
    for terminal, log in _terminals:
        _write_terminal(terminal, f"{text} ({log})")


def _lock_log(log: int) -> bool:
    """Lock a job's log, also for its children; wait briefly for those of a killed job."""
    for _ in range(int(WAIT_SECONDS / 0.5)):
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
    os.write(terminal, f"anonbench: {harmless(text)}\n".encode("utf-8", "replace"))
