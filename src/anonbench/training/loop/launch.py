"""Launch of a training: in this process, or one process for each GPU, on any machines.

torchrun starts these by `python -m anonbench.training.loop.launch JOB.json`. Each writes its
outcome to a file beside the job, from which `run` raises it again.
"""

from __future__ import annotations

import ctypes
import logging
import os
import shutil
import signal
import subprocess
import sys
import zlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

from pydantic import BaseModel, ConfigDict

from anonbench.config.training import Recipe
from anonbench.core.errors import InputError, Interrupted
from anonbench.core.io import read_json, write_json
from anonbench.core.jobs.job import THREAD_VARIABLES
from anonbench.core.terminal import guard_output
from anonbench.core.vocabulary import Adaption
from anonbench.training.loop.interrupt import SIGNALS

logger = logging.getLogger(__name__)

RANK_MODULE = "anonbench.training.loop.launch"
"""Module that every process of a training on several GPUs runs."""
SHUTDOWN_SECONDS = 180
"""Seconds that the processes have for a last step and checkpoint."""
_KEPT = ("SLURM_JOB_ID", "SLURM_JOBID", "SLURM_CLUSTER_NAME", "SLURM_CONF")
"""Variables of the surrounding job that srun gets. The others describe tasks of that job and would
be taken as options for the training's tasks.
"""


class TrainJob(BaseModel):
    """All arguments of one training, as passed to its processes."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    recipe: Recipe
    adaption: Adaption
    original: list[Path]
    """Shards of the train split."""
    root: Path
    """The folder that the originals' paths are relative to."""
    anonymized: list[Path] = []
    """Shards of the same images anonymized; none for the unadapted model."""
    seed: int
    output: Path
    log: Path
    checkpoint: Path
    metrics_log: Path | None = None
    """Folder for results that may differ from run to run: speed, TensorBoard."""
    labels: tuple[Path, str] | None = None
    """Manifest and column, only for the k-NN evaluations in the log."""
    unadapted: Path | None = None
    """Backbone that adaption D distils."""


class TrainingFailed(Exception):  # noqa: N818 - what happened, as for the other outcomes
    """A process of the training failed by an error of the program; its log has the details."""


def run(job: TrainJob) -> None:
    """Train, on `recipe.gpus` GPUs of `recipe.nodes` machines each.

    With several, the output of every process goes to this process's output, and signals to this
    process reach all of them.

    Raises:
        InputError: as `train.train`; or several machines are requested outside Slurm.
        Interrupted: the training was asked to end, and its checkpoint is written.
        TrainingFailed: one of several processes failed.

    """
    if job.recipe.gpus * job.recipe.nodes == 1:
        train(job)
        return
    folder = job.checkpoint.with_name(f".{job.checkpoint.name}.ranks")
    shutil.rmtree(folder, ignore_errors=True)  # a killed training's
    folder.mkdir(parents=True)
    try:
        (folder / "job.json").write_text(job.model_dump_json(), encoding="utf-8")
        _run_ranks(job, folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def train(job: TrainJob) -> None:
    """Train in this process, which may be one of several; see `train.train`."""
    from anonbench.datasets.image_sets.shards import ImageSet
    from anonbench.training.loop import train
    from anonbench.training.loop.device_setup import prepare_torch

    _, ranks = prepare_torch(job.recipe)
    with ranks.agreeing():
        original = ImageSet.open(job.original, job.root)
        anonymized = ImageSet.open(job.anonymized) if job.anonymized else None
        labels = _read_labels(*job.labels) if job.labels else None
    train.train(
        recipe=job.recipe,
        adaption=job.adaption,
        original=original,
        anonymized=anonymized,
        seed=job.seed,
        output=job.output,
        log=job.log,
        checkpoint=job.checkpoint,
        metrics_log=job.metrics_log,
        labels=labels,
        unadapted=job.unadapted,
    )


def _read_labels(manifest: Path, column: str) -> dict[str, str]:
    import pandas as pd

    frame = pd.read_parquet(manifest, columns=["id", "split", column])
    frame = frame[frame["split"] == "train"].dropna(subset=[column])
    return dict(zip(frame["id"].astype(str), frame[column].astype(str), strict=True))


def _run_ranks(job: TrainJob, folder: Path) -> None:
    """Start the processes, wait for them, and end with their outcome."""
    environment = dict(os.environ)
    environment |= dict.fromkeys(THREAD_VARIABLES, str(job.recipe.threads))
    command = _torchrun(job.recipe, folder / "job.json", environment)
    logger.info("starting %s", " ".join(command))
    # a session of its own: Ctrl-C then comes through this process, once, as other signals do.
    # Open descriptors are passed on: they hold the locks of the GPUs.
    process = subprocess.Popen(
        command,
        env=environment,
        close_fds=False,
        start_new_session=True,
        preexec_fn=end_with_parent,
    )
    with _forwarding(process) as heard:
        process.wait()
    _raise_cause(folder, job.recipe.gpus * job.recipe.nodes, heard)


def _torchrun(recipe: Recipe, job_file: Path, environment: dict[str, str]) -> list[str]:
    """Return the command that starts all processes, and remove misleading environment variables.

    Raises:
        InputError: several machines outside Slurm.

    """
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--max-restarts=0"]
    torchrun += [f"--nproc-per-node={recipe.gpus}", f"--shutdown-timeout={SHUTDOWN_SECONDS}"]
    torchrun += ["--signals-to-handle=" + ",".join(number.name for number in SIGNALS)]
    rank = ["-m", RANK_MODULE, str(job_file)]
    if recipe.nodes == 1:
        return [*torchrun, "--standalone", *rank]
    if "SLURM_JOB_ID" not in environment:
        raise InputError(
            f"recipe.nodes is {recipe.nodes}, but this is not a Slurm job: set nodes to 1, or use "
            "the Slurm profile"
        )
    meeting = _rendezvous(recipe, job_file, environment)
    for name in list(environment):
        if name.startswith(("SLURM_", "SRUN_")) and name not in _KEPT:
            del environment[name]
    srun = ["srun", f"--nodes={recipe.nodes}", f"--ntasks={recipe.nodes}", "--ntasks-per-node=1"]
    cpus = recipe.gpus * recipe.threads
    # overlap: the step that this very process runs in may hold all of the job's resources;
    # kill: a machine may fail before its processes have met the others, who would wait for them
    srun += [f"--cpus-per-task={cpus}", "--overlap", "--disable-status", "--kill-on-bad-exit=1"]
    return [*srun, *torchrun, *meeting, *rank]


def _rendezvous(recipe: Recipe, job_file: Path, environment: Mapping[str, str]) -> list[str]:
    """Launch options by which the machines of a Slurm job meet on the first of them."""
    job = environment["SLURM_JOB_ID"]
    # not SLURM_JOB_NODELIST: Snakemake's jobs within Slurm's do not have it
    nodes = _answer("squeue", "--noheader", "--jobs", job, "--format", "%N")
    hosts = _answer("scontrol", "show", "hostnames", nodes).split()
    if len(hosts) < recipe.nodes:
        raise InputError(
            f"recipe.nodes is {recipe.nodes}, but the Slurm job has {len(hosts)}: ask for as many"
        )
    meeting = f"{job}-{zlib.crc32(str(job_file).encode()):x}"
    port = 20_000 + zlib.crc32(meeting.encode()) % 10_000  # below the ports that systems assign
    return [
        f"--nnodes={recipe.nodes}",
        "--rdzv-backend=c10d",
        f"--rdzv-endpoint={hosts[0]}:{port}",
        f"--rdzv-id={meeting}",
    ]


def _answer(*command: str) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


@contextmanager
def _forwarding(process: subprocess.Popen[bytes]) -> Iterator[list[int]]:
    """Pass the first signal on, and yield a list that records it.

    Only the first: torchrun gives its processes time after one signal, and less after more.
    """
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


def end_with_parent() -> None:
    """Have this process terminated (SIGTERM) when its parent has died."""
    if sys.platform == "linux":
        pr_set_pdeathsig = 1
        ctypes.CDLL(None).prctl(pr_set_pdeathsig, signal.SIGTERM)


def outcome_file(folder: Path, rank: int | str) -> Path:
    """Path of the file in which a process writes how it ended."""
    return folder / f"outcome-{rank:0>4}.json"


def _raise_cause(folder: Path, processes: int, heard: Sequence[int]) -> None:
    """Raise the processes' error: if there are several, the one that explains the others."""
    by_rank = {
        rank: read_json(path)
        for rank in reversed(range(processes))
        if (path := outcome_file(folder, rank)).exists()
    }
    found = {outcome["kind"]: outcome for outcome in by_rank.values()}
    if by_rank.get(0, {}).get("kind") == "done":
        return  # the first process, which writes the results, has finished
    if "input" in found:
        raise InputError(found["input"]["text"])
    if "system" in found:
        raise OSError(*found["system"]["arguments"])
    if "error" in found and not heard:
        raise TrainingFailed(found["error"]["text"])
    if "interrupted" in found:
        raise Interrupted(found["interrupted"]["reason"], found["interrupted"]["step"])
    if heard:  # before the training listened: it ends this process as it ended the others
        signal.raise_signal(heard[0])
    killed = ", ".join(str(rank) for rank in range(processes) if rank not in by_rank)
    raise TrainingFailed(
        f"process {killed} of the training ended without a message; it may have been "
        "killed for lack of memory"
    )


def main(job_file: Path) -> int:
    """Train as one of several processes, as the file says, and return the exit status."""
    end_with_parent()
    rank = int(os.environ["RANK"])
    guard_output()
    logging.basicConfig(
        level=logging.INFO if rank == 0 else logging.WARNING,
        format=f"%(levelname)s %(name)s, process {rank}: %(message)s",
    )
    outcome = _outcome(job_file)
    write_json(outcome_file(job_file.parent, rank), outcome)
    if outcome["kind"] not in ("done", "interrupted"):
        # the others are in the middle of an exchange: end without waiting for it
        logging.shutdown()
        os._exit(1)
    # 0 after an interruption too: torchrun would hurry the processes that still write
    return 0


def _outcome(job_file: Path) -> dict[str, Any]:
    """Train, and return the outcome."""
    from anonbench.training.distributed import other_rank_failed

    try:
        train(TrainJob.model_validate_json(job_file.read_text(encoding="utf-8")))
    except Interrupted as stop:
        return {"kind": "interrupted", "reason": stop.reason, "step": stop.step}
    except InputError as error:
        return {"kind": "input", "text": str(error)}
    except OSError as error:
        logging.exception("stopped by the system")
        arguments = (error.errno, error.strerror or str(error), error.filename)
        return {"kind": "system", "arguments": arguments}
    except Exception as error:
        # torchrun's, as soon as another process ends; this one is about to report its outcome
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        if other_rank_failed():
            logging.warning("stopped, as another process of the training failed")
            return {"kind": "left alone"}
        logging.exception("stopped by an error")
        return {"kind": "error", "text": f"{type(error).__name__}: {error}"}
    return {"kind": "done"}


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
