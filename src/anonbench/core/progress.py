"""Progress of long work, with rate and estimate, on standard error (a job's log)."""

import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TypeVar

from tqdm import tqdm

Item = TypeVar("Item")
ALIVE = 30.0  # seconds without progress after which the line is written again with the elapsed time
EVERY = 5.0  # seconds between two lines
_SHOWN = ContextVar("_SHOWN", default=True)


@contextmanager
def quiet() -> Iterator[None]:
    """Suppress progress within the block, whose parts are short."""
    token = _SHOWN.set(False)
    try:
        yield
    finally:
        _SHOWN.reset(token)


def track(
    items: Iterable[Item], total: int, what: str, size: Callable[[Item], int] = lambda _: 1
) -> Iterator[Item]:
    """Yield `items`, writing at most every five seconds the number done of `total`.

    `size` says how much of the total an item is: of a batch its length, of what was no work 0,
    which would make the rate too high.
    """
    ended = threading.Event()

    def renew() -> None:  # also while one item takes long
        while not ended.wait(ALIVE):
            bar.refresh()

    shown = {"mininterval": EVERY, "ascii": True, "ncols": 100, "disable": not _SHOWN.get()}
    # a mean rate (no smoothing): the time left grows while one item takes long
    with tqdm(total=total, desc=what, smoothing=0, **shown) as bar:
        threading.Thread(target=renew, name="progress", daemon=True).start()
        try:
            for item in items:
                done = size(item)  # before the consumer empties it
                yield item
                bar.update(done)
        finally:
            ended.set()
