"""The process of one part: `python -m gpu_parts.child FUNCTION REPORT LIMIT ARGUMENTS`."""

from __future__ import annotations

import importlib
import json
import resource
import signal
import sys
import traceback
from pathlib import Path
from typing import Any

from gpu_parts.guard import SHUTDOWN_SECONDS, NotApplicable, Report

MEMORY_ERRORS = ("out of memory", "ALLOC_FAILED")
"""What CUDA's libraries say that have no error class of their own for it."""


def main(function: str, report_file: str, limit: str, arguments: str) -> None:
    # should the process that waits for this one be killed, this one still ends
    signal.alarm(int(float(limit)) + SHUTDOWN_SECONDS)
    report = Report(Path(report_file))
    module, _, name = function.partition(":")
    try:
        getattr(importlib.import_module(module), name)(report, **json.loads(arguments))
        ended = {"outcome": "passed"}
    except NotApplicable as error:
        ended = {"outcome": "not applicable", "reason": str(error)}
    except Exception as error:
        traceback.print_exc()
        what = "out of memory" if lacks_memory(error) else "failed"
        ended = {"outcome": what, "reason": f"{type(error).__name__}: {error}"[:600]}
    report.end(**ended, peak_memory_gb=peak_memory_gb())


def lacks_memory(error: Exception) -> bool:
    """Return whether a smaller batch might have gone well."""
    named = type(error).__name__ in ("OutOfMemoryError", "MemoryError")
    return named or any(words in str(error) for words in MEMORY_ERRORS)


def peak_memory_gb() -> float:
    """Return the most that this process has held of the GPU's memory, or of the machine's."""
    torch: Any = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_initialized():
        return round(torch.cuda.max_memory_reserved() / 1e9, 2)
    return round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6, 2)


if __name__ == "__main__":
    main(*sys.argv[1:])
