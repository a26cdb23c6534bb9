"""Progress of long work, with rate and estimate, on standard error (a job's log)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TypeVar

from tqdm import tqdm

Item = TypeVar("Item")


def track(items: Iterable[Item], total: int, what: str) -> Iterator[Item]:
    """Yield `items`, writing at most every five seconds how many of `total` are done."""
    yield from tqdm(items, total=total, desc=what, mininterval=5.0, ascii=True, ncols=100)
