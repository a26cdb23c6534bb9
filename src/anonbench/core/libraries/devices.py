"""Allocation of this machine's GPUs, each to one job at a time.

Snakemake counts GPUs (`--resources gpu=4`) but does not say which one a job gets. Each job locks a
file for its own GPU; the kernel releases the lock when the last process that has it ends, in
whatever way. Imports neither torch nor anything else that is heavy: the device has to be chosen
before CUDA starts.
"""

import fcntl
import logging
import os
import re
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from anonbench.core.errors import InputError

logger = logging.getLogger(__name__)

VISIBLE = "CUDA_VISIBLE_DEVICES"
_ORDER = "CUDA_DEVICE_ORDER"
# one is set if Slurm chose a job's devices; some steps have only the last one
_GIVEN_BY_SLURM = ("SLURM_STEP_GPUS", "SLURM_JOB_GPUS", "GPU_DEVICE_ORDINAL", VISIBLE)
PROC = Path("/proc/driver/nvidia/gpus")
DEV = Path("/dev")
POLL_SECONDS = 1.0
_SAY_EVERY = 60  # attempts between two messages


@contextmanager
def locked_gpus(count: int, folder: Path | None = None) -> Iterator[list[str]]:
    """Lock `count` GPUs for the block and hide all others from CUDA; wait until enough are free.

    Enter it before CUDA is used. It yields the devices as CUDA_VISIBLE_DEVICES names them, and only
    those if it is set; without any GPU []. Child processes keep the locks.

    Raises:
        InputError: there are GPUs, but fewer than `count`; or `folder`, of the lock files, is
            someone else's.
    """
    choice = candidates(os.environ) if count else []
    if not choice:
        yield []
        return
    if len(choice) < count:
        shown = f"{VISIBLE}={os.environ[VISIBLE]}" if VISIBLE in os.environ else "this machine"
        raise InputError(
            f"the job asks for {count} GPUs, but {shown} has {len(choice)}: lower recipe.gpus, "
            "show the job more devices, or set its device to cpu"
        )
    before = {name: os.environ.get(name) for name in (VISIBLE, _ORDER)}
    with ExitStack() as stack:
        devices = _wait(choice, count, own(folder or lock_folder()), stack)
        logger.info("on the GPU %s", ",".join(devices))
        os.environ[VISIBLE] = ",".join(devices)
        # CUDA counts devices as nvidia-smi does, unless the user sets another order
        os.environ.setdefault(_ORDER, "PCI_BUS_ID")
        try:
            yield devices
        finally:
            for name, value in before.items():
                os.environ.pop(name, None)
                if value is not None:
                    os.environ[name] = value


def candidates(environment: Mapping[str, str]) -> list[str]:
    """Devices that a job may take, as CUDA names them: those of the environment, or all."""
    if VISIBLE not in environment:
        numbers = [path for path in DEV.glob("nvidia*") if path.name[6:].isdigit()]
        return list(map(str, range(len(numbers))))
    names: list[str] = []
    for name in map(str.strip, environment[VISIBLE].split(",")):
        if not re.fullmatch(r"\d+|(GPU|MIG)-[\w/-]+", name):  # CUDA reads no further
            break
        if name not in names:
            names.append(name)
    return names


def model_name() -> str | None:
    """Name of this machine's first GPU, as the driver reports it; None without one."""
    for place in sorted(PROC.glob("*")):
        text = (place / "information").read_text(encoding="utf-8", errors="replace")
        if found := re.search(r"^Model:\s*(.+?)\s*$", text, re.MULTILINE):
            return found[1]
    return None


def lock_folder() -> Path:
    """Return a folder for all jobs of this user, whatever their temporary folders."""
    shared = Path("/tmp")  # TMPDIR may differ between jobs: Snakemake sets it
    base = shared if os.access(shared, os.W_OK) else Path(tempfile.gettempdir())
    return base / f"anonbench-{os.getuid()}"


def own(folder: Path) -> Path:
    """Create a folder owned by this user, and return it."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    if folder.is_symlink() or folder.stat().st_uid != os.getuid():
        raise InputError(f"{folder}: belongs to another user; remove it (GPU locks are kept there)")
    return folder


def _wait(choice: list[str], count: int, folder: Path, stack: ExitStack) -> list[str]:
    # devices that Slurm gave to a job are its own, and numbered from 0 in each
    given = any(os.environ.get(name) for name in _GIVEN_BY_SLURM)
    scope = f"{os.environ['SLURM_JOB_ID']}-" if given and "SLURM_JOB_ID" in os.environ else ""
    attempt = 0
    while True:
        # one process at a time, or two jobs that need two devices could each hold one for ever
        with _locked(folder / "turn.lock"), ExitStack() as held:
            devices = []
            for name in choice:
                lock = _locked(folder / f"gpu-{scope}{name.replace('/', '_')}.lock", fcntl.LOCK_NB)
                with suppress(BlockingIOError):
                    held.enter_context(lock)
                    devices.append(name)
                if len(devices) == count:
                    stack.push(held.pop_all())
                    return devices
        if attempt % _SAY_EVERY == 0:
            logger.info("waiting for a GPU: %d of %s", count, ",".join(choice))
        attempt += 1
        time.sleep(POLL_SECONDS)


@contextmanager
def _locked(path: Path, flags: int = 0) -> Iterator[None]:
    """Lock a file for this process and those that it starts; BlockingIOError if `flags` say so."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | flags)
        os.set_inheritable(descriptor, True)
        yield
    finally:
        os.close(descriptor)
