"""Weights that the checkout does not bring."""

from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def scrfd(shared: Path) -> Path:
    path = shared / "weights/face/scrfd_2.5g_bnkps.onnx"
    if not path.is_file():
        pytest.skip("no SCRFD model in `shared`")
    return path
