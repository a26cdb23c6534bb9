"""A process of a training that trains nothing: agrees with the others and ends as it is told.

Stands in for `anonbench.training.loop.launch` in the tests of `launch`; its seed says how to end.
"""

import os
import signal
import sys
import time
from pathlib import Path

from anonbench.core.errors import InputError, Interrupted
from anonbench.training.distributed import join
from anonbench.training.loop import launch
from anonbench.training.loop.checkpoint import Interrupts

DONE, WRONG_INPUT, STUCK, LISTENING, DEAF = range(5)


def agree(value: float) -> float:
    import torch
    import torch.distributed as dist

    total = torch.tensor([value])
    dist.all_reduce(total)
    return float(total.item())


def train(job: launch.TrainJob) -> None:
    ranks, _ = join("cpu")
    try:
        pretend(job)
    except Interrupted:
        ranks.leave()
        raise
    ranks.leave()


def pretend(job: launch.TrainJob) -> None:
    number = int(os.environ["RANK"])
    with Interrupts() as interrupts:
        assert agree(number + 1) == 3.0
        threads = os.environ["OMP_NUM_THREADS"]
        marks = job.output.parent
        print(f"process {number}: {threads} threads, {job.adaption}", flush=True)
        if job.seed == DONE and number == 0:
            job.output.write_text("trained", encoding="utf-8")
        if job.seed == WRONG_INPUT and number == 1:
            raise InputError("x.tar: its index is missing")
        if job.seed == STUCK and number == 1:
            os.kill(os.getpid(), 9)
        if job.seed == STUCK:  # waits for the other rank, and would be killed half a minute later
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
            time.sleep(600)
        (marks / f"started-{number}").touch()
        for step in range(1, 3000 if job.seed == LISTENING else 1):
            time.sleep(0.02)
            reason = interrupts.reason()
            if agree(float(reason is not None)):
                if number == 0:
                    time.sleep(0.3)  # the others are gone, and this one still writes
                    job.checkpoint.write_text(str(step), encoding="utf-8")
                raise Interrupted(reason or "another rank", step)
    if job.seed == DEAF:
        (marks / f"deaf-{number}").touch()
        time.sleep(60)
    agree(1.0)


if __name__ == "__main__":
    launch.train = train
    sys.exit(launch.main(Path(sys.argv[1])))
