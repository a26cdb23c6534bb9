"""ONNX Runtime on the CPU, with a fixed number of threads and without log messages."""

import os
from pathlib import Path

os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")  # read when the package is imported

import onnxruntime


def cpu_session(model: Path | bytes, threads: int = 1) -> onnxruntime.InferenceSession:
    """Return the session of a model, given by its file or content.

    Exceptions of the library are passed on; they have no common base class.
    """
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(
        model if isinstance(model, bytes) else str(model),
        sess_options=options,
        providers=["CPUExecutionProvider"],
    )


def freeing_run() -> onnxruntime.RunOptions:
    """Options of a run whose memory is freed afterwards."""
    options = onnxruntime.RunOptions()
    options.add_run_config_entry("memory.enable_memory_arena_shrinkage", "cpu:0")
    return options
