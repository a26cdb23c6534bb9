"""Worker processes: order, bounded reading ahead, and what happens when one ends."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path

import pytest

from anonbench.core.errors import InputError
from anonbench.core.workers import alone_if, in_processes


def make() -> Callable[[int], tuple[int, int]]:
    started = os.getpid()
    return lambda item: (item * item, started)


@pytest.mark.parametrize("workers", [1, 3])
def test_results_come_in_order_from_so_many_processes(workers: int) -> None:
    results = list(in_processes(make, range(50), workers))
    assert [value for value, _ in results] == [item * item for item in range(50)]
    processes = {process for _, process in results}
    assert len(processes) <= workers and (os.getpid() in processes) == (workers == 1)


def test_items_are_taken_as_they_are_needed() -> None:
    taken = []

    def items() -> Iterator[int]:
        for number in range(1000):
            taken.append(number)
            yield number

    results = in_processes(make, items(), 2)
    next(results)
    assert len(taken) <= 20
    results.close()


def timed() -> Callable[[int], tuple[float, float]]:
    def work(item: int) -> tuple[float, float]:
        with alone_if(item % 2 == 1):
            start = time.monotonic()
            time.sleep(0.02)
            return start, time.monotonic()

    return work


def test_what_takes_much_memory_is_done_by_one_worker_at_a_time() -> None:
    spans = list(in_processes(timed, range(12), 3))
    large = sorted(spans[1::2])
    assert all(end <= start for (_, end), (start, _) in pairwise(large))


def killed() -> Callable[[int], int]:
    return lambda item: os._exit(9) if item == 3 else item


def test_a_worker_that_dies_is_told_of() -> None:
    with pytest.raises(InputError, match="a worker process died"):
        list(in_processes(killed, range(10), 2))


def test_workers_end_with_a_killed_parent(tmp_path: Path) -> None:
    code = (
        "import os, sys, time\nfrom pathlib import Path\n"
        "from anonbench.core import workers\nworkers._SECONDS = 0.1\n"
        "def make():\n"
        "    Path(sys.argv[1], str(os.getpid())).touch()\n"
        "    return lambda item: time.sleep(0.05)\n"
        "for _ in workers.in_processes(make, iter(int, 1), 2): pass\n"
    )
    with subprocess.Popen([sys.executable, "-c", code, str(tmp_path)]) as parent:
        wait_for(lambda: len(list(tmp_path.iterdir())) == 2)
        children = [int(path.name) for path in tmp_path.iterdir()]
        parent.send_signal(signal.SIGKILL)
    wait_for(lambda: not any(is_running(child) for child in children))


def is_running(process: int) -> bool:
    state = Path(f"/proc/{process}/stat")
    return state.exists() and state.read_text().split()[2] != "Z"


def wait_for(condition: Callable[[], bool]) -> None:
    for _ in range(600):
        if condition():
            return
        time.sleep(0.1)
    raise AssertionError("it did not happen within a minute")
