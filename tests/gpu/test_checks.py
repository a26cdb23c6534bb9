"""The GPU's checks: on the CPU here, to know that they work, and on a GPU where there is one."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "benchmarks"), str(ROOT / "tests" / "gpu")]

from checks import CHECKS, Check  # noqa: E402

needs_gpu = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
@pytest.mark.parametrize("device", ["cpu", pytest.param("cuda", marks=needs_gpu)])
def test_check(check: Check, device: str) -> None:
    check(torch.device(device))


def test_the_gpu_command_needs_torch_and_timm_alone(tmp_path: Path) -> None:
    """It is tried on the CPU with a tiny model, with the project's other packages out of reach."""
    barred = ["pydantic", "pandas", "cv2", "h5py", "pyarrow", "snakemake", "lightly", "PIL.Image"]
    code = (
        "import sys, runpy\n"
        f"for name in {barred[:-1]!r}: sys.modules[name] = None\n"
        f"sys.argv = ['gpu.py', '--tiny', '--output', {str(tmp_path / 'gpu.json')!r}]\n"
        f"runpy.run_path({str(ROOT / 'benchmarks' / 'gpu.py')!r}, run_name='__main__')\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    found = json.loads((tmp_path / "gpu.json").read_text(encoding="utf-8"))
    assert found["device"] == "cpu"
    assert found["ours"]["images_per_second"] > 0
    assert found["checks"] == dict.fromkeys((check.__name__ for check in CHECKS), "passed")
    assert found["largest_relative_difference_of_losses"] < 1e-2
