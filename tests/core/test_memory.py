"""Large images share the machine's memory: who waits for whom, and what a killed process leaves."""

import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterable
from pathlib import Path

import pytest

from anonbench.core import memory
from anonbench.core.memory import SMALL, memory_for

HOLD = """
import os, sys, time
from pathlib import Path
from anonbench.core import memory
memory.lock_folder = lambda: Path(sys.argv[1])
os.sysconf = {machine}.get
with memory.memory_for(int(sys.argv[2])):
    print("has", flush=True)
    time.sleep(60)
"""
MACHINE = {"SC_PAGE_SIZE": 2**12, "SC_PHYS_PAGES": 2**18}
"""One of 1 GiB, a quarter of which has four parts."""
PART = 2_097_152
"""Pixels of which one part is made."""


@pytest.fixture(autouse=True)
def four_parts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "lock_folder", lambda: tmp_path)
    monkeypatch.setattr(os, "sysconf", MACHINE.get)


def waits(pixels: int, seconds: float = 0.3) -> tuple[bool, threading.Thread]:
    done = threading.Event()

    def work() -> None:
        with memory_for(pixels):
            done.set()

    thread = threading.Thread(target=work)
    thread.start()
    return not done.wait(seconds), thread


def ended(threads: Iterable[threading.Thread]) -> None:
    for thread in [*threads]:
        thread.join(20)
        assert not thread.is_alive()


def test_an_image_waits_until_it_fits_and_a_killed_process_holds_nothing(tmp_path: Path) -> None:
    command = [sys.executable, "-c", HOLD.format(machine=MACHINE), str(tmp_path), str(3 * PART)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as other:
        assert other.stdout is not None and other.stdout.readline() == b"has\n"
        start = time.monotonic()
        for pixels in (1, SMALL):  # it fits, or is small
            with memory_for(pixels):
                assert time.monotonic() - start < 5
        assert PART * 2 > SMALL
        waiting, thread = waits(2 * PART)
        assert waiting
        other.kill()
    ended([thread])


def test_an_image_larger_than_all_there_is_is_worked_on_alone(tmp_path: Path) -> None:
    with memory_for(1000 * PART):
        with memory_for(1000 * PART):  # of the same image
            waiting, thread = waits(2 * PART)
            assert waiting
        assert thread.is_alive()
    ended([thread])


def test_each_image_that_waits_says_so_and_a_long_wait_reaches_the_terminal_once(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    caplog.set_level("INFO")
    monkeypatch.setattr(memory, "PATIENCE", 0.05)
    with memory_for(4 * PART):
        threads = [waits(2 * PART)[1] for _ in range(2)]  # the second waits for its turn
        levels = [each.levelname for each in caplog.records if "waiting until" in each.message]
        assert sorted(levels) == ["INFO", "INFO", "WARNING"]
    ended(threads)


def test_two_that_want_more_than_half_both_get_it() -> None:
    ended(waits(3 * PART, 0)[1] for _ in range(6))
