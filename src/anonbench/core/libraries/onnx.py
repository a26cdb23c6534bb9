"""ONNX Runtime on the CPU, with a fixed number of threads and without its notes."""

from __future__ import annotations

from pathlib import Path

import onnxruntime


def cpu_session(path: Path, threads: int = 1) -> onnxruntime.InferenceSession:
    """Return a model's session; the library's exceptions pass, which have no common base."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(
        str(path), sess_options=options, providers=["CPUExecutionProvider"]
    )
