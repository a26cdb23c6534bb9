"""Worker processes, given one item at a time; threads that wait for files."""

import os
import signal
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import (
    FIRST_COMPLETED,
    Future,
    ProcessPoolExecutor,
    ThreadPoolExecutor,
    wait,
)
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from itertools import islice
from multiprocessing import active_children, get_context
from typing import Any, TypeVar

from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from anonbench.core.errors import InputError
from anonbench.core.memory import keep_freed_memory

Item = TypeVar("Item")
Result = TypeVar("Result")

DIED = "the process that worked on it died, perhaps out of memory"  # reason of an item
_AHEAD = 8  # items handed out to each worker whose results are not back; this bounds memory
SECONDS = 2.0
THREADS, CHUNK = 8, 64  # threads, which wait for the disk, and items that one takes at once
_work: Callable[[Any], Any] | None = None


def map_in_processes(
    make: Callable[[], Callable[[Item], Result]],
    items: Iterable[Item],
    workers: int,
    died: Callable[[Item], Result],
    *,
    apart: bool = False,
) -> Iterator[Result]:
    """Yield the result of each item as soon as it is done.

    If a worker dies, the items that were handed out are done again, one at a time.

    Args:
        make: called once in each worker; returns the function that processes an item. A model
            that it loads is loaded once a worker.
        items: any objects that can be pickled; taken as they are needed.
        workers: number of processes; with 1, all is done in this one.
        died: returns the result of an item whose worker died while it had no other; no worker is
            running while it is called.
        apart: with one worker, also use a separate process, whose death this one survives.

    Raises:
        InputError: a worker died before it had an item.
    """
    if workers == 1 and not apart:
        work = make()
        yield from (work(item) for item in items)
        return
    left = enumerate(items)
    while True:
        handed_out: dict[int, Item] = {}
        try:
            with _pool(make, workers) as pool:
                yield from _results(pool, left, _AHEAD * workers, handed_out)
            return
        except BrokenProcessPool:
            pass
        yield from _results_one_by_one(make, handed_out.values(), died)


def _results(
    pool: ProcessPoolExecutor,
    left: Iterator[tuple[int, Any]],
    most: int,
    handed_out: dict[int, Any],
) -> Iterator[Any]:
    """Yield the results of items; `handed_out` holds those without a result, by number."""
    futures: dict[Future[Any], int] = {}
    while True:
        for number, item in islice(left, most - len(handed_out)):
            handed_out[number] = item  # first: the pool may be broken
            futures[pool.submit(_do, item)] = number
        if not handed_out:
            return
        for future in wait(futures, return_when=FIRST_COMPLETED).done:
            result = future.result()
            del handed_out[futures.pop(future)]
            yield result


def _results_one_by_one(
    make: Callable[[], Callable[[Item], Result]],
    items: Iterable[Item],
    died: Callable[[Item], Result],
) -> Iterator[Result]:
    waiting = deque(items)
    while waiting:
        with _pool(make, 1) as pool:
            try:
                pool.submit(os.getpid).result()
            except BrokenProcessPool:
                raise InputError(
                    "a worker process died before it did anything, perhaps out of memory; run the "
                    "same command again (what is done is kept), with fewer workers"
                ) from None
            while waiting:
                item = waiting.popleft()
                try:
                    result = pool.submit(_do, item).result()
                except BrokenProcessPool:
                    break
                yield result
            else:
                return
        yield died(item)


@contextmanager
def _pool(make: Callable[[], Any], workers: int) -> Iterator[ProcessPoolExecutor]:
    # forked: modules imported by this process are not imported again
    context = get_context("fork")
    others = set(active_children())
    pool = ProcessPoolExecutor(workers, context, _start, (make, os.getpid()))
    try:
        yield pool
    except BaseException:  # Ctrl-C too: the items in hand may take minutes
        for worker in set(active_children()) - others:
            worker.terminate()
        raise
    finally:
        pool.shutdown(cancel_futures=True)


def in_threads(work: Callable[[Item], Result], items: Sequence[Item]) -> Iterator[Result]:
    """Yield the result of each item in order; threads take many at once, which saves memory."""
    chunks = (items[start : start + CHUNK] for start in range(0, len(items), CHUNK))
    with ThreadPoolExecutor(THREADS) as threads:
        for results in threads.map(lambda some: [*map(work, some)], chunks):
            yield from results


def processes(workers: int | None) -> int:
    """Return the requested number of processes (InputError below 1), or all available cores."""
    if workers is None:
        return len(os.sched_getaffinity(0))
    if type(workers) is not int or workers < 1:
        raise InputError(f"workers: {workers!r} is no number of at least 1")
    return workers


def _start(make: Callable[[], Callable[[Any], Any]], parent: int) -> None:
    global _work
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent ends its workers, by SIGTERM:
    signal.signal(signal.SIGTERM, signal.SIG_DFL)  # a handler would wait for a lock
    threading.Thread(target=_end_with, args=(parent,), daemon=True).start()
    keep_freed_memory()
    _work = make()
    threadpool_limits(1, user_api="blas")  # as many workers as cores: each has one


def _end_with(parent: int) -> None:
    """End this process when its parent is killed; otherwise it would wait for work for ever."""
    while os.getppid() == parent:
        time.sleep(SECONDS)
    os._exit(1)


def _do(item: Any) -> Any:
    assert _work is not None
    return _work(item)
