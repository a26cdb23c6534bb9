"""Parts of the GPU command with a fault in each, which the command must tell.

Each imports what it needs itself: most need no torch.
"""

import os
import signal
import subprocess
import time
from functools import partial

from gpu_parts.guard import Report


class OutOfMemoryError(RuntimeError):
    """Called as torch's."""


def runs_out_of_memory(report: Report, batch: int) -> None:
    if batch > 2:
        raise OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")
    report(images_per_second=batch)


def falls_back_to_eager(report: Report, batch: int, tiny: bool) -> None:
    import torch
    from gpu_parts import step

    torch.compile = partial(torch.compile, backend="aot_eager")
    torch._dynamo.config.recompile_limit = 1  # the teacher's blocks, and not the student's
    step.measure(report, batch, tiny)


def has_a_rank_that_fails(report: Report, tiny: bool) -> None:
    from gpu_parts import ranks

    ranks.measure(report, tiny, work=rank_that_fails)


def rank_that_fails(rank: int, output: str, tiny: bool) -> None:
    from anonbench.training.distributed import join

    os.environ |= {"RANK": str(rank), "LOCAL_RANK": str(rank)}
    join("cpu")
    if rank == 1:
        raise ValueError("a planted fault")
    time.sleep(3600)  # in a collective call it might fail first, because the other is gone


def hangs(report: Report) -> None:
    helper = subprocess.Popen(["sleep", "600"])
    report(helper=helper.pid)
    signal.pthread_sigmask(signal.SIG_BLOCK, set(signal.Signals))
    time.sleep(600)


def crashes(report: Report) -> None:
    report(found_before=1)
    print("the last words", flush=True)
    os.kill(os.getpid(), signal.SIGSEGV)


def reports_no_number(report: Report) -> None:
    report(first=1.0)
    report(second=float("nan"))
