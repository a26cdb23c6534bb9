"""Network of a text detector: from an image's tensor to a map of its text."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np

from anonbench.core.errors import InputError
from anonbench.core.libraries.onnx import cpu_session

# Read when the package is imported: it sends usage data to Microsoft otherwise.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")

Network = Callable[[np.ndarray], np.ndarray]
"""Float32 [1, 3, H, W] to how likely each pixel is text, float32 [1, 1, H, W]. Several threads may
call it at once."""


def onnx_runtime(path: Path) -> Network:
    """Return the network as ONNX Runtime computes it, in the thread that calls it.

    Raises:
        InputError: the file is no text detector's.

    """
    try:
        session = cpu_session(path)
    except Exception as error:  # the library's own exceptions have no common base
        raise _unusable(path, error) from error
    inputs, outputs = session.get_inputs(), session.get_outputs()
    _require_maps(path, [len(x.shape) for x in inputs], [len(x.shape) for x in outputs])
    (name,) = (x.name for x in inputs)

    def run(tensor: np.ndarray) -> np.ndarray:
        (maps,) = session.run(None, {name: tensor})
        return np.asarray(maps)

    return run


def _require_maps(path: Path, inputs: list[int], outputs: list[int]) -> None:
    if inputs != [4] or outputs != [4]:
        raise InputError(
            f"detector ppocr: {path} is no text detector: it must turn one tensor of images into "
            f"one of maps"
        )


def _unusable(path: Path, error: Exception) -> InputError:
    return InputError(
        f"detector ppocr cannot load {path} ({type(error).__name__}); it is damaged or no ONNX "
        f"file: get it again"
    )
