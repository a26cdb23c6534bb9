"""Detectors are built by name, and nothing heavy is imported before that."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

from anonbench.config.detectors import Detection
from anonbench.core.errors import InputError
from anonbench.detection.base import CachedDetector
from anonbench.detection.search import build, build_all
from anonbench.detection.views import Views


@pytest.mark.parametrize(
    ("name", "package", "install"),
    [
        ("mtcnn", "facenet_pytorch", "facenet-pytorch"),
        ("ppocr", "onnxruntime", "onnxruntime rapidocr"),
        ("zxing", "zxingcpp", "zxing-cpp"),
    ],
)
def test_missing_package_says_what_to_install(
    name: str, package: str, install: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delitem(sys.modules, "anonbench.core.libraries.onnx", raising=False)
    monkeypatch.setitem(sys.modules, package, None)  # as if it were not installed
    with pytest.raises(InputError, match=f"pip install.*{install}"):
        build(name, Detection())


def test_cuda_without_a_gpu_is_refused_and_auto_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    import torch

    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(InputError, match=r"detection\.device is cuda, but"):
        build("mtcnn", Detection(device="cuda"))
    build("mtcnn", Detection(device="auto"))


@pytest.mark.slow
def test_importing_the_room_imports_no_engine() -> None:
    code = (
        "import sys, anonbench.detection.shard\n"
        "heavy = {'torch', 'torchvision', 'onnxruntime', 'zxingcpp', 'sklearn'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_lines_of_text_are_found_once_for_text_and_zones(monkeypatch: pytest.MonkeyPatch) -> None:
    built = build_all(["mrz", "ppocr"], Detection())
    images = [np.full((200, 300), 255, np.uint8), np.full((80, 90), 255, np.uint8)]
    looked: list[int] = []
    detect = Views.detect
    monkeypatch.setattr(
        Views, "detect", lambda self, given: (looked.append(len(given)), detect(self, given))[1]
    )
    assert [built[name].detect(images) for name in built] == [[[], []], [[], []]]
    built["ppocr"].detect(images[:1])
    built["mrz"].detect([images[0].copy()])  # another, by identity
    assert looked == [2, 1, 1]
    assert not isinstance(build_all(["ppocr"], Detection())["ppocr"], CachedDetector)
