"""Which run holds Snakemake's lock, and whether it is still there.

Snakemake leaves its lock behind where it is killed, and does not say whose it is. So each run holds
a file of its host's name, locked as long as its process lives: where no process holds it, the lock
is a dead run's and can go.
"""

from __future__ import annotations

import atexit
import fcntl
import os
import shutil
import socket
from pathlib import Path

_PREFIX = "anonbench-run."
_LOCKS = "locks"


def acquire_run_lock(snakemake: Path, only_looks: bool) -> str | None:
    """Say whose lock is in the way, and take a dead run's away.

    From then on this process is a run until it ends. What is only seen from another machine is
    believed to be alive.

    Args:
        snakemake: Snakemake's own folder, `.snakemake`.
        only_looks: this is a dry run, and no run.

    Returns:
        A sentence for the user; None where nothing is in the way.

    """
    own = snakemake.resolve() / f"{_PREFIX}{socket.gethostname()}"
    message = _look(snakemake, own) if is_locked(snakemake) else None
    if not only_looks:
        _hold(own)
    return message


def is_locked(snakemake: Path) -> bool:
    """Tell whether Snakemake's lock is there, of a living or of a dead run."""
    return any((snakemake / _LOCKS).glob("*"))


def _look(snakemake: Path, own: Path) -> str:
    others = sorted(path for path in own.parent.glob(f"{_PREFIX}*") if path != own)
    if others:
        host = others[0].name.removeprefix(_PREFIX)
        return (
            f"a run on {host} holds these results, and from here it cannot be seen whether it is "
            "still there; if it is not: snakemake --unlock, then the same command again"
        )
    if not own.exists():
        return (
            "a run that is just starting, or was killed, holds these results; where none is there: "
            "snakemake --unlock, then the same command again"
        )
    if not _is_free(own):
        number = own.read_text(encoding="utf-8").strip()
        return f"a run on this machine (process {number}) holds these results: wait for its end"
    shutil.rmtree(snakemake / _LOCKS, ignore_errors=True)
    return "the last run was killed: its lock is taken away, and what it had finished is kept"


def _hold(own: Path) -> None:
    own.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(own, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:  # a file system without locks: nothing can be said of this run
        os.close(descriptor)
        own.unlink(missing_ok=True)
        return
    os.ftruncate(descriptor, 0)
    os.write(descriptor, f"{os.getpid()}\n".encode())
    atexit.register(_release, own, descriptor)


def _release(own: Path, descriptor: int) -> None:
    os.close(descriptor)
    if _is_free(own):
        own.unlink(missing_ok=True)


def _is_free(own: Path) -> bool:
    """Tell whether no process holds the file; on a file system without locks one may."""
    try:
        descriptor = os.open(own, os.O_RDWR)
    except OSError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    finally:
        os.close(descriptor)
    return True
