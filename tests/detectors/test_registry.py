"""Detectors are built by name, and nothing heavy is imported before that."""

from __future__ import annotations

import subprocess
import sys

import pytest

from anonbench.config.detectors import Detection, DetectorName
from anonbench.detectors import build
from anonbench.errors import InputError


@pytest.mark.parametrize(
    ("name", "module", "package", "install"),
    [
        (DetectorName.MTCNN, "mtcnn", "facenet_pytorch", "facenet-pytorch"),
        (DetectorName.PPOCR, "dbnet", "onnxruntime", "onnxruntime pyclipper"),
        (DetectorName.ZXING, "zxing", "zxingcpp", "zxing-cpp"),
    ],
)
def test_missing_package_says_what_to_install(
    name: DetectorName, module: str, package: str, install: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delitem(sys.modules, f"anonbench.detectors.{module}", raising=False)
    monkeypatch.setitem(sys.modules, package, None)  # as if it were not installed
    with pytest.raises(InputError, match=f"pip install.*{install}"):
        build(name, Detection())


def test_cuda_without_a_gpu_is_refused_and_auto_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    import torch

    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(InputError, match=r"detection\.device is cuda, but"):
        build(DetectorName.MTCNN, Detection(device="cuda"))
    build(DetectorName.MTCNN, Detection(device="auto"))


def test_importing_the_room_imports_no_engine() -> None:
    code = (
        "import sys, anonbench.detectors.shard\n"
        "heavy = {'torch', 'torchvision', 'onnxruntime', 'paddleocr', 'zxingcpp', 'sklearn'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
