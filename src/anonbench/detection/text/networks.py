"""Networks of a text detector, by what runs them: from an image's tensor to a map of its text."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from anonbench.core.errors import InputError
from anonbench.core.libraries.onnx import cpu_session
from anonbench.detection.text.ppocr_model import WITHOUT_OPENVINO

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


def openvino_bfloat16(path: Path, threads: int) -> Network:
    """Return the network as OpenVINO computes it in bfloat16, by at most so many threads at once.

    The last activation is taken in float32, by NumPy: OpenVINO's takes a sixth of the whole time.
    Each call is computed by one thread, so results do not depend on their number.

    Raises:
        InputError: OpenVINO is not installed, the processor has no bfloat16 of its own (which would
            be slower, and float32 would find other boxes), or the file is no text detector's.

    """
    try:
        import openvino
    except ModuleNotFoundError:
        raise InputError(WITHOUT_OPENVINO) from None
    core = openvino.Core()
    if "BF16" not in core.get_property("CPU", "OPTIMIZATION_CAPABILITIES"):
        raise InputError(
            "detection.ppocr.engine: openvino computes in bfloat16, which this processor "
            f"({core.get_property('CPU', 'FULL_DEVICE_NAME')}) does not; set it to direct"
        )
    try:
        model = core.read_model(path)
    except Exception as error:  # RuntimeError, and whatever its readers raise
        raise _unusable(path, error) from error
    sides = [[len(x.get_partial_shape()) for x in xs] for xs in (model.inputs, model.outputs)]
    _require_maps(path, *sides)
    model, activation = _without_sigmoid(openvino, model)
    compiled = core.compile_model(
        model,
        "CPU",
        {
            "INFERENCE_PRECISION_HINT": "bf16",
            "INFERENCE_NUM_THREADS": threads,
            "NUM_STREAMS": threads,
            # several jobs on a machine would be pinned to the same cores
            "ENABLE_CPU_PINNING": False,
        },
    )
    local = threading.local()

    def run(tensor: np.ndarray) -> np.ndarray:
        if not hasattr(local, "request"):
            local.request = compiled.create_infer_request()
        return activation(local.request.infer({0: tensor}, share_inputs=True)[0])

    return run


def _without_sigmoid(openvino: Any, model: Any) -> tuple[Any, Callable[[np.ndarray], np.ndarray]]:
    last = model.get_results()[0].input_value(0).get_node()
    if last.get_type_name() != "Sigmoid":
        return model, np.asarray
    return openvino.Model([last.input_value(0)], model.get_parameters(), "logits"), _sigmoid


def _sigmoid(logits: np.ndarray) -> np.ndarray:
    # in place: a page's map has 700,000 values; below -87, exp overflows to the right limit
    with np.errstate(over="ignore"):
        maps: np.ndarray = np.negative(logits)
        np.exp(maps, out=maps)
        maps += 1
        np.reciprocal(maps, out=maps)
    return maps


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
