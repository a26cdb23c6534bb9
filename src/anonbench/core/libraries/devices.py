"""Allocation of this machine's GPUs, each to one job at a time.

Snakemake counts GPUs (`--resources gpu=4`) but does not say which one a job gets. Each job locks a
file for its own GPU; the kernel releases the lock when the last process that has it ends, in
whatever way. Imports neither torch nor anything else that is heavy: the device has to be chosen
before CUDA starts.
"""

from __future__ import annotations

import fcntl
import logging
import os
import re
import shutil
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from anonbench.core.errors import InputError

logger = logging.getLogger(__name__)

VISIBLE = "CUDA_VISIBLE_DEVICES"
_ORDER = "CUDA_DEVICE_ORDER"
_GIVEN_BY_SLURM = ("SLURM_STEP_GPUS", "SLURM_JOB_GPUS", "GPU_DEVICE_ORDINAL", VISIBLE)
"""One of these is set if Slurm chose a job's devices; some steps have only the last one."""
_SLURM = "slurm-"
_PROC = Path("/proc/driver/nvidia/gpus")
_DEV = Path("/dev")
_POLL_SECONDS = 1.0
_SAY_EVERY_SECONDS = 60.0
_one_claim = threading.Lock()


@dataclass(frozen=True)
class Gpu:
    """A device of the machine: its number in nvidia-smi, its UUID and its place on the bus."""

    index: str
    uuid: str
    bus: str


@contextmanager
def locked_gpus(count: int, folder: Path | None = None) -> Iterator[list[str]]:
    """Lock `count` GPUs for the block and hide all others from CUDA; wait until enough are free.

    Enter it before CUDA is used. It yields the devices as CUDA_VISIBLE_DEVICES names them. If that
    variable is set, only its devices are available, otherwise all of the machine. Without any GPU,
    and for a count of 0, it yields [] and does nothing.

    Child processes keep the locks too (the descriptors are inherited): a training whose parent was
    killed still fills its GPU. A lock is free when the last of them has ended.

    Args:
        count: how many.
        folder: of the lock files; by default one of this user for all jobs on the machine.

    Raises:
        InputError: there are GPUs, but fewer than `count`; or `folder` is someone else's.
        RuntimeError: this process has locked GPUs already, and would wait for itself.

    """
    choice = candidates(os.environ) if count else {}
    if not choice:
        yield []
        return
    if len(choice) < count:
        shown = f"{VISIBLE}={os.environ[VISIBLE]}" if VISIBLE in os.environ else "this machine"
        raise InputError(
            f"the job asks for {count} GPUs, but {shown} has {len(choice)}: lower recipe.gpus, "
            "show the job more devices, or set its device to cpu"
        )
    if not _one_claim.acquire(blocking=False):
        raise RuntimeError("this process has already locked its GPUs")
    with ExitStack() as stack:
        stack.callback(_one_claim.release)
        devices = _wait(choice, count, own(folder or lock_folder()), stack)
        logger.info("on the GPU %s", ",".join(devices))
        stack.enter_context(_environment({VISIBLE: ",".join(devices), _ORDER: _order()}))
        yield devices


def candidates(environment: Mapping[str, str]) -> dict[str, str]:
    """Return the devices that a job may take: CUDA's name for each → the name of its lock.

    A device has one lock whether it is named by number or by UUID. Devices that Slurm gave to a job
    belong to this job, and under cgroups every job numbers its devices from 0: such locks are
    shared only among the processes of one job step.
    """
    scope = _slurm_scope(environment)
    gpus = _machine()
    if VISIBLE in environment:
        names = _valid(environment[VISIBLE].split(","))
    else:
        names = [gpu.index for gpu in gpus]
    choice: dict[str, str] = {}
    for name in names:
        lock = scope + _identity(name, [] if scope else gpus)
        if lock not in choice.values():
            choice[name] = lock
    return choice


def model_name() -> str | None:
    """Name of this machine's first GPU, as the driver reports it; None without one."""
    for place in sorted(_PROC.glob("*")):
        text = (place / "information").read_text(encoding="utf-8", errors="replace")
        if found := re.search(r"^Model:\s*(.+?)\s*$", text, re.MULTILINE):
            return found[1]
    return None


def _slurm_scope(environment: Mapping[str, str]) -> str:
    if "SLURM_JOB_ID" not in environment or not any(
        environment.get(name) for name in _GIVEN_BY_SLURM
    ):
        return ""
    step = environment.get("SLURM_STEP_ID", "batch")
    return f"{_SLURM}{environment['SLURM_JOB_ID']}-{step}-"


def _valid(names: Sequence[str]) -> list[str]:
    """Return the names before the first invalid one, as CUDA reads them."""
    valid: list[str] = []
    for name in map(str.strip, names):
        if not re.fullmatch(r"\d+|(GPU|MIG)-[\w/-]+", name):
            break
        valid.append(name)
    return valid


def _identity(name: str, gpus: Sequence[Gpu]) -> str:
    """Return the same file name for all names of a device."""
    for gpu in gpus:
        # CUDA also accepts the beginning of a UUID
        if name == gpu.index or (name.startswith("GPU-") and gpu.uuid.startswith(name)):
            return gpu.bus
    return name.replace("/", "_")


def _machine() -> list[Gpu]:
    """Return the machine's GPUs in the order of their places on the bus."""
    found = _driver_gpus()
    if found and all(gpu.uuid for gpu in found):
        return found
    return _nvidia_smi_gpus() or found or _device_file_gpus()


def _driver_gpus() -> list[Gpu]:
    gpus = []
    for number, place in enumerate(sorted(_PROC.glob("*"))):
        text = (place / "information").read_text(encoding="utf-8", errors="replace")
        uuid = re.search(r"^GPU UUID:\s*(GPU-[0-9a-f-]+)$", text, re.MULTILINE)
        # a device that was never used shows question marks as its UUID
        gpus.append(Gpu(str(number), uuid[1] if uuid else "", _bus(place.name)))
    return gpus


def _nvidia_smi_gpus() -> list[Gpu]:
    program = shutil.which("nvidia-smi")
    if program is None:
        return []
    command = [program, "--query-gpu=index,uuid,pci.bus_id", "--format=csv,noheader"]
    try:
        run = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    except (OSError, subprocess.TimeoutExpired):
        return []
    lines = [line.split(", ") for line in run.stdout.splitlines()] if run.returncode == 0 else []
    return [Gpu(line[0], line[1], _bus(line[2])) for line in lines if len(line) == 3]


def _device_file_gpus() -> list[Gpu]:
    numbers = (re.fullmatch(r"nvidia(\d+)", path.name) for path in _DEV.glob("nvidia*"))
    present = sorted(int(number[1]) for number in numbers if number)
    return [Gpu(str(index), "", str(index)) for index in range(len(present))]


def _bus(text: str) -> str:
    return text.strip().lower()[-12:].replace(":", "-")  # the domain has four or eight digits


def _order() -> str:
    """CUDA's order of devices: that of nvidia-smi, unless the user sets another."""
    return os.environ.get(_ORDER, "PCI_BUS_ID")


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


def _wait(choice: Mapping[str, str], count: int, folder: Path, stack: ExitStack) -> list[str]:
    """Return `count` devices, whose locks are added to the stack."""
    last_message = -_SAY_EVERY_SECONDS
    while True:
        with ExitStack() as turn:
            # one process at a time, or two jobs that need two devices could each hold one for ever
            turn.callback(os.close, _lock(folder / "turn.lock"))
            locks = _try(choice, count, folder)
        if len(locks) == count:
            for name, descriptor in locks.items():
                os.set_inheritable(descriptor, True)
                stack.callback(os.close, descriptor)
                if choice[name].startswith(_SLURM):  # the lock file is of no use after the job
                    stack.callback(_file(folder, choice[name]).unlink, missing_ok=True)
            return list(locks)
        if time.monotonic() - last_message >= _SAY_EVERY_SECONDS:
            last_message = time.monotonic()
            logger.info("waiting for a GPU: %d of %s", count, ",".join(choice))
        time.sleep(_POLL_SECONDS)


def _try(choice: Mapping[str, str], count: int, folder: Path) -> dict[str, int]:
    """Return the locks of the first `count` free devices, or of none if fewer are free."""
    locks: dict[str, int] = {}
    for name, lock in choice.items():
        try:
            locks[name] = _lock(_file(folder, lock), fcntl.LOCK_NB)
        except BlockingIOError:
            continue
        if len(locks) == count:
            return locks
    for descriptor in locks.values():
        os.close(descriptor)
    return {}


def _file(folder: Path, lock: str) -> Path:
    return folder / f"gpu-{lock}.lock"


def _lock(path: Path, flags: int = 0) -> int:
    """Return the descriptor of a file that is now locked for this process.

    Raises:
        BlockingIOError: another process has the lock, and `flags` say not to wait for it.

    """
    while True:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | flags)
        except BaseException:
            os.close(descriptor)
            raise
        if os.fstat(descriptor).st_nlink:
            return descriptor
        os.close(descriptor)  # the file was deleted meanwhile: its lock excludes nobody


@contextmanager
def _environment(values: Mapping[str, str]) -> Iterator[None]:
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
