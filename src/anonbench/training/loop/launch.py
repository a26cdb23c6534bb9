"""Launch of a training: in this process, or one process for each GPU of the machine.

torchrun starts these by `python -m anonbench.training.loop.launch JOB.json`. The first of them that
fails or is interrupted writes why to a file beside the job, from which `run` raises it again.
"""

import ctypes
import logging
import os
import pickle
import signal
import subprocess
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType

from pydantic import BaseModel, ConfigDict

from anonbench.config.training import Recipe
from anonbench.core.errors import InputError, Interrupted, TrainingFailed
from anonbench.core.io import scratch_folder
from anonbench.core.jobs.job import THREAD_VARIABLES
from anonbench.core.vocabulary import Adaption
from anonbench.core.wording import guard_output
from anonbench.training.loop.checkpoint import SIGNALS

logger = logging.getLogger(__name__)

RANK_MODULE = "anonbench.training.loop.launch"  # run by every process of a training on several GPUs
SHUTDOWN_SECONDS = 180  # seconds that the processes have for a last step and checkpoint
_OUTCOME = "outcome"


class TrainJob(BaseModel):
    """All arguments of one training, as passed to its processes."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    recipe: Recipe
    adaption: Adaption  # which crops come from the anonymized version
    original: list[Path]  # shards of the train split
    root: Path  # the folder that the originals' paths are relative to
    anonymized: list[Path] = []  # shards of the same images; none for the unadapted model
    seed: int
    output: Path  # the backbone, see `anonbench.training.weights.save_backbone`
    log: Path  # CSV, see `Trainer.log`
    checkpoint: Path
    """Written regularly and when the process is asked to end; removed at the end."""
    metrics_log: Path | None = None
    """Folder for TensorBoard's files and the speed, which no result depends on."""
    unadapted: Path | None = None  # adaption D's teacher, whose weights it starts from


def run(job: TrainJob) -> None:
    """Train, on `recipe.gpus` GPUs. Raises as `train.train`, and TrainingFailed.

    With several, the output of every process goes to this process's output, and signals to this
    process reach all of them.
    """
    if job.recipe.gpus == 1:
        train(job)
        return
    with scratch_folder() as folder:
        (folder / "job.json").write_text(job.model_dump_json(), encoding="utf-8")
        _run_ranks(job.recipe, folder)


def train(job: TrainJob) -> None:
    """Train in this process, which may be one of several; see `train.train`."""
    from anonbench.training.loop import train

    train.train(job)


def _run_ranks(recipe: Recipe, folder: Path) -> None:
    """Start the processes, wait for them, and end as the first that did not finish."""
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--max-restarts=0"]
    command += [f"--nproc-per-node={recipe.gpus}", f"--shutdown-timeout={SHUTDOWN_SECONDS}"]
    command += ["--signals-to-handle=" + ",".join(number.name for number in SIGNALS)]
    command += ["-m", RANK_MODULE, str(folder / "job.json")]
    logger.info("starting %s", " ".join(command))
    # a session of its own: Ctrl-C then comes through this process, once, as other signals do.
    # Open descriptors are passed on: they hold the locks of the GPUs.
    process = subprocess.Popen(
        command,
        env=os.environ | dict.fromkeys(THREAD_VARIABLES, str(recipe.threads)),
        close_fds=False,
        start_new_session=True,
        preexec_fn=_end_with_parent,
    )
    with _forwarding(process) as heard:
        status = process.wait()
    if (folder / _OUTCOME).exists():
        raise pickle.loads((folder / _OUTCOME).read_bytes())
    if heard:  # before the training listened: it ends this process as it ended the others
        signal.raise_signal(heard[0])
    if status:
        raise TrainingFailed(
            "a process of the training ended without a message; it may have been killed for lack "
            "of memory"
        )


@contextmanager
def _forwarding(process: subprocess.Popen[bytes]) -> Iterator[list[int]]:
    """Pass the first signal on, and yield a list that records all: more would hurry torchrun."""
    heard: list[int] = []

    def forward(number: int, frame: FrameType | None) -> None:
        if not heard:
            process.send_signal(number)
        heard.append(number)

    before = {number: signal.signal(number, forward) for number in SIGNALS}
    try:
        yield heard
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _end_with_parent() -> None:
    pr_set_pdeathsig = 1
    ctypes.CDLL(None).prctl(pr_set_pdeathsig, signal.SIGTERM)


def main(job_file: Path) -> int:
    """Train as one of several processes, as the file says, and return the exit status."""
    rank = int(os.environ["RANK"])
    guard_output()
    logging.basicConfig(
        level=logging.INFO if rank == 0 else logging.WARNING,
        format=f"%(levelname)s %(name)s, process {rank}: %(message)s",
    )
    try:
        train(TrainJob.model_validate_json(job_file.read_text(encoding="utf-8")))
    except Interrupted as stop:
        if rank == 0:  # the others may have stopped because it did
            _note(job_file, stop)
    except Exception as error:
        is_known = isinstance(error, InputError | OSError)
        _note(job_file, error if is_known else TrainingFailed(f"{type(error).__name__}: {error}"))
        traceback.print_exc()
        logging.shutdown()
        os._exit(1)  # the others are in the middle of an exchange: do not wait for them
    # 0 after an interruption too: torchrun would hurry the processes that still write
    return 0


def _note(job_file: Path, error: Exception) -> None:
    """Write why this process ends, unless another one has ended before."""
    mine = job_file.with_name(f"outcome-{os.getpid()}")
    mine.write_bytes(pickle.dumps(error))
    with suppress(FileExistsError):
        os.link(mine, job_file.with_name(_OUTCOME))


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
