"""Progress of long work, with rate and estimate, on standard error (a job's log)."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Sized
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TypeVar

from tqdm import tqdm

Item = TypeVar("Item")
Batch = TypeVar("Batch", bound=Sized)


ALIVE = 30.0  # seconds without progress after which the line is written again with the elapsed time


_SHOWN = ContextVar("_SHOWN", default=True)


@contextmanager
def quiet() -> Iterator[None]:
    """Suppress progress within the block, whose parts are short."""
    token = _SHOWN.set(False)
    try:
        yield
    finally:
        _SHOWN.reset(token)


@contextmanager
def _bar(total: int, what: str) -> Iterator[tqdm[None]]:
    ended = threading.Event()

    def renew() -> None:
        while not ended.wait(ALIVE):
            bar.refresh()

    shown = {"mininterval": 5.0, "ascii": True, "ncols": 100, "disable": not _SHOWN.get()}
    with tqdm(total=total, desc=what, **shown) as bar:
        threading.Thread(target=renew, name="progress", daemon=True).start()
        try:
            yield bar
        finally:
            ended.set()


def track(
    items: Iterable[Item], total: int, what: str, is_work: Callable[[Item], bool] = lambda _: True
) -> Iterator[Item]:
    """Yield `items`, writing at most every five seconds the number done of `total`.

    Only items that were work count: others would make the rate too high.
    """
    with _bar(total, what) as bar:
        for item in items:
            yield item
            bar.update(is_work(item))


def track_batches(batches: Iterable[Batch], total: int, what: str) -> Iterator[Batch]:
    """Yield `batches` like `track`; `total` counts the items in them."""
    with _bar(total, what) as bar:
        for batch in batches:
            size = len(batch)  # before the consumer empties it
            yield batch
            bar.update(size)
