"""Worker processes: one piece of work set up in each, items handed out, results in order."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from itertools import islice
from multiprocessing import get_context
from typing import Any, TypeVar

from anonbench.core.errors import InputError

Item = TypeVar("Item")
Result = TypeVar("Result")

_AHEAD = 8
"""Items handed out for each worker before the first of them is back: what memory is bounded by."""
_SECONDS = 2.0
_alone = get_context("fork").Lock()
_work: Callable[[Any], Any] | None = None


def in_processes(
    make: Callable[[], Callable[[Item], Result]], items: Iterable[Item], workers: int
) -> Iterator[Result]:
    """Yield the result of each item, in the order of the items.

    Args:
        make: called once in each worker; returns what is done with an item. A model that it loads
            is loaded once a worker.
        items: whatever can be pickled; taken as they are needed.
        workers: processes; with 1 all is done in this one.

    Raises:
        InputError: a worker died.

    """
    if workers == 1:
        work = make()
        yield from (work(item) for item in items)
        return
    # forked: what this process has imported is not imported again
    pool = ProcessPoolExecutor(workers, get_context("fork"), _start, (make, os.getpid()))
    waiting: deque[Future[Result]] = deque()
    left = iter(items)
    try:
        while True:
            waiting.extend(
                pool.submit(_do, item) for item in islice(left, _AHEAD * workers - len(waiting))
            )
            if not waiting:
                break
            yield waiting.popleft().result()
    except BrokenProcessPool:
        raise InputError(
            "a worker process died, perhaps for want of memory; run the same command again (what "
            "is done is kept), with fewer workers"
        ) from None
    finally:
        pool.shutdown(cancel_futures=True)


@contextmanager
def alone_if(condition: bool) -> Iterator[None]:
    """Let one worker at a time do what takes much memory; the others wait."""
    if not condition:
        yield
        return
    with _alone:
        yield


def available() -> int:
    """Return the cores that this process may use."""
    return len(os.sched_getaffinity(0))


def _start(make: Callable[[], Callable[[Any], Any]], parent: int) -> None:
    global _work
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent ends its workers
    threading.Thread(target=_end_with, args=(parent,), daemon=True).start()
    _work = make()


def _end_with(parent: int) -> None:
    """End this process when its parent was killed; it would wait for work for ever."""
    while os.getppid() == parent:
        time.sleep(_SECONDS)
    os._exit(1)


def _do(item: Any) -> Any:
    assert _work is not None
    return _work(item)
