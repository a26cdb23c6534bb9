"""Worker processes: bounded reading ahead, and what happens when one ends."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from anonbench.core import workers
from anonbench.core.errors import InputError
from anonbench.core.memory import exclusive_if
from processes import has_ended, wait_for

DEAD = -1.0


def map_in_processes(
    make: Callable[[], Callable[[int], Any]], items: Iterable[int], n: int, apart: bool = False
) -> Iterator[Any]:
    return workers.map_in_processes(make, items, n, lambda item: DEAD - item, apart=apart)


def make() -> Callable[[int], tuple[int, int]]:
    started = os.getpid()
    return lambda item: (item * item, started)


@pytest.mark.parametrize("n", [1, 3])
def test_results_come_from_so_many_processes(n: int) -> None:
    results = list(map_in_processes(make, range(50), n))
    assert sorted(value for value, _ in results) == [item * item for item in range(50)]
    processes = {process for _, process in results}
    assert len(processes) <= n and (os.getpid() in processes) == (n == 1)


def test_items_are_taken_as_they_are_needed() -> None:
    taken = []

    def items() -> Iterator[int]:
        for number in range(1000):
            taken.append(number)
            yield number

    results = map_in_processes(make, items(), 2)
    next(results)
    assert len(taken) <= 20
    results.close()


def timed() -> Callable[[int], tuple[int, float, float]]:
    def work(item: int) -> tuple[int, float, float]:
        with exclusive_if(item % 2 == 1):
            start = time.monotonic()
            time.sleep(0.02)
            return item, start, time.monotonic()

    return work


@pytest.mark.slow
def test_what_takes_much_memory_is_done_by_one_worker_at_a_time() -> None:
    spans = map_in_processes(timed, range(12), 3)
    large = sorted((start, end) for item, start, end in spans if item % 2 == 1)
    assert all(end <= start for (_, end), (start, _) in pairwise(large))


def fatal(deadly: set[int], seconds: float = 0.0) -> Callable[[int], int]:
    def work(item: int) -> int:
        with exclusive_if(item % 2 == 1):
            if item in deadly:
                time.sleep(seconds)
                os._exit(9)
            return item

    return work


@pytest.mark.slow
@pytest.mark.parametrize("deadly", [{0, 1, 2}, {5, 60, 69}])
def test_an_item_that_ends_its_worker_is_told_of_and_the_others_are_done(deadly: set[int]) -> None:
    results = list(map_in_processes(partial(fatal, deadly), range(70), 2))
    expected = [DEAD - item if item in deadly else item for item in range(70)]
    assert sorted(results) == sorted(expected)
    apart = map_in_processes(partial(fatal, {1}), range(3), 1, apart=True)
    assert list(apart) == [0, DEAD - 1, 2]


@pytest.mark.slow
def test_a_handler_of_this_process_keeps_no_worker_alive() -> None:
    """Snakemake's scheduler, for one, leaves a handler; a worker that waits would never see it."""
    before = signal.signal(signal.SIGTERM, lambda *_: None)
    try:  # item 1 ends its worker while another one waits for what it holds
        results = list(map_in_processes(partial(fatal, {1}, 0.5), [0, 1, 3, 5], 2))
    finally:
        signal.signal(signal.SIGTERM, before)
    assert sorted(results) == [DEAD - 1, 0, 3, 5]


def test_a_worker_that_never_starts_ends_all() -> None:
    with pytest.raises(InputError, match="before it did anything"):
        list(map_in_processes(partial(os._exit, 9), range(10), 2))


def slow() -> Callable[[float], float]:
    def work(seconds: float) -> float:
        time.sleep(seconds)
        return seconds

    return work


def test_stopping_waits_for_no_item() -> None:
    results = workers.map_in_processes(slow, [60.0, 0.0, 60.0, 60.0], 2, float)
    assert next(results) == 0.0  # nor does a slow one hold up the others
    start = time.monotonic()
    results.close()
    assert time.monotonic() - start < 30


def test_workers_end_with_a_killed_parent(tmp_path: Path) -> None:
    code = (
        "import os, sys, time\nfrom pathlib import Path\n"
        "from anonbench.core import workers\nworkers.SECONDS = 0.1\n"
        "def make():\n"
        "    Path(sys.argv[1], str(os.getpid())).touch()\n"
        "    return lambda item: time.sleep(0.05)\n"
        "for _ in workers.map_in_processes(make, iter(int, 1), 2, print): pass\n"
    )
    with subprocess.Popen([sys.executable, "-c", code, str(tmp_path)]) as parent:
        wait_for(lambda: len(list(tmp_path.iterdir())) == 2)
        parent.kill()
    wait_for(lambda: all(has_ended(child.name) for child in tmp_path.iterdir()))
