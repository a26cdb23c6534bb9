"""Progress of long work, with rate and estimate, on standard error (a job's log)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sized
from typing import TypeVar

from tqdm import tqdm

Item = TypeVar("Item")
Batch = TypeVar("Batch", bound=Sized)


def track(items: Iterable[Item], total: int, what: str) -> Iterator[Item]:
    """Yield `items`, writing at most every five seconds how many of `total` are done."""
    yield from tqdm(items, total=total, desc=what, mininterval=5.0, ascii=True, ncols=100)


def track_batches(batches: Iterable[Batch], total: int, what: str) -> Iterator[Batch]:
    """Yield `batches` as `track` does items; `total` counts what is in them."""
    with tqdm(total=total, desc=what, mininterval=5.0, ascii=True, ncols=100) as bar:
        for batch in batches:
            size = len(batch)  # before the reader empties it
            yield batch
            bar.update(size)
