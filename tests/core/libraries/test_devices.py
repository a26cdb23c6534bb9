"""GPUs are claimed by one job at a time: real processes, pretended devices."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from anonbench.core.errors import InputError
from anonbench.core.libraries import devices
from anonbench.core.libraries.devices import candidates, locked_gpus

HOLD = """
import os, sys, time
from pathlib import Path
from anonbench.core.libraries import devices
devices.POLL_SECONDS = 0.02
count, folder, marks, seconds = int(sys.argv[1]), *map(Path, sys.argv[2:4]), float(sys.argv[4])
with devices.locked_gpus(count, folder) as mine:
    assert os.environ["CUDA_VISIBLE_DEVICES"] == ",".join(mine)
    assert "torch" not in sys.modules
    taken = [marks / device for device in mine]
    for mark in taken:
        mark.open("x")  # fails if another process has this device
    print(*mine, flush=True)
    {action}
    time.sleep(seconds)
    for mark in taken:
        mark.unlink()
"""


def start(
    count: int, tmp_path: Path, visible: str, seconds: float, action: str = "pass"
) -> subprocess.Popen[str]:
    (tmp_path / "marks").mkdir(exist_ok=True)
    code = HOLD.format(action=action)
    arguments = [str(count), str(tmp_path / "locks"), str(tmp_path / "marks"), str(seconds)]
    return subprocess.Popen(
        [sys.executable, "-c", code, *arguments],
        env=os.environ | {"CUDA_VISIBLE_DEVICES": visible},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.fixture(autouse=True)
def _no_scheduler(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("SLURM_")]:
        monkeypatch.delenv(name)
    monkeypatch.delenv("GPU_DEVICE_ORDINAL", raising=False)
    monkeypatch.setattr(devices, "POLL_SECONDS", 0.02)


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Pretend a machine without GPUs, and return where its driver's files would be."""
    monkeypatch.setattr(devices, "PROC", tmp_path / "proc")
    monkeypatch.setattr(devices, "DEV", tmp_path / "dev")
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    return tmp_path


@pytest.mark.slow
def test_no_two_processes_share_a_device(tmp_path: Path) -> None:
    counts, orders = [1, 2, 2, 1, 2, 1], ["0,1,2", "2,1,0", "1,2,0"] * 2
    running = [start(*asked, 0.15) for asked in zip(counts, [tmp_path] * 6, orders, strict=True)]
    outputs = [process.communicate(timeout=60) for process in running]
    assert [process.returncode for process in running] == [0] * 6, outputs
    used = [out.split() for out, _ in outputs]
    assert [len(set(devices) & {"0", "1", "2"}) for devices in used] == counts


@pytest.mark.slow
def test_a_child_that_outlives_its_job_keeps_the_device(tmp_path: Path) -> None:
    action = (
        "import subprocess; c = subprocess.Popen(['sleep', '600'], close_fds=False, "
        "stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL); print(c.pid, flush=True)"
    )
    holder = start(1, tmp_path, "0", 600, action)
    assert holder.stdout is not None
    assert holder.stdout.readline() == "0\n"
    child = int(holder.stdout.readline())
    waiting = start(1, tmp_path, "0", 0)
    holder.kill()
    holder.communicate()
    (tmp_path / "marks" / "0").unlink()
    time.sleep(0.4)
    assert waiting.poll() is None
    os.kill(child, signal.SIGKILL)
    assert waiting.communicate(timeout=20)[0] == "0\n", "what is killed holds nothing"


def claimed(count: int, folder: Path) -> list[str]:
    """Return the devices of a claim, which its environment names, and let them go."""
    before = os.environ.get("CUDA_VISIBLE_DEVICES")
    with locked_gpus(count, folder) as mine:
        assert os.environ.get("CUDA_VISIBLE_DEVICES") == (",".join(mine) if mine else before)
    assert os.environ.get("CUDA_VISIBLE_DEVICES") == before
    return list(mine)


def test_a_claim_is_said_and_its_environment_comes_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "3,1")
    assert claimed(2, tmp_path) == ["3", "1"]
    locks = tmp_path / "locks"
    holder = start(1, tmp_path, "3", 1.0)
    assert holder.stdout is not None and holder.stdout.readline() == "3\n"
    assert claimed(1, locks) == ["1"]
    with monkeypatch.context() as slurm:
        slurm.setenv("SLURM_JOB_ID", "7")  # its jobs number their devices by themselves
        with locked_gpus(1, locks) as mine:
            assert mine == ["3"]
    with caplog.at_level("INFO"):
        assert claimed(2, locks) == ["3", "1"]
    assert caplog.text.count("waiting for a GPU") == 1
    holder.communicate()
    monkeypatch.setattr(devices.os, "getuid", lambda: 12345)
    with pytest.raises(InputError, match="belongs to another user"):
        claimed(1, locks)


@pytest.mark.parametrize("visible", ["", "-1", "NoDevFiles"])
def test_no_gpu_no_lock(machine: Path, monkeypatch: pytest.MonkeyPatch, visible: str) -> None:
    folder = machine / "locks"
    assert claimed(4, folder) == []
    for seen, count in ((visible, 1), ("0", 0)):
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", seen)
        assert claimed(count, folder) == []
    assert not folder.exists()


def test_fewer_devices_than_asked_for(machine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert devices.model_name() is None
    place = machine / "proc" / "0000:01:00.0" / "information"
    place.parent.mkdir(parents=True)
    place.write_text("Model: \t\t NVIDIA H200\nGPU UUID: \t GPU-aa-1\nDevice Minor: \t 0\n")
    assert devices.model_name() == "NVIDIA H200"
    (machine / "dev").mkdir()
    (machine / "dev" / "nvidia0").touch()
    with pytest.raises(InputError, match=r"asks for 2 GPUs, but this machine has 1: lower"):
        claimed(2, machine / "locks")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0,0,-1,1")
    with pytest.raises(InputError, match=r"CUDA_VISIBLE_DEVICES=0,0,-1,1 has 1: lower"):
        claimed(2, machine / "locks")


def test_devices_are_those_of_the_environment_or_all(machine: Path) -> None:
    assert candidates({}) == []
    (machine / "dev").mkdir()
    for name in ("nvidia0", "nvidia2", "nvidiactl", "nvidia-uvm"):
        (machine / "dev" / name).touch()
    assert candidates({}) == ["0", "1"]
    for visible in ("1,0", "GPU-bb", "MIG-5c,MIG-GPU-aa-1/2/0"):
        assert candidates({"CUDA_VISIBLE_DEVICES": visible}) == visible.split(",")
    assert claimed(2, machine / "locks") == ["0", "1"]
