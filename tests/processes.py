"""New processes, and waiting for them and what they do."""

import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any


def python(
    code: str, *arguments: object, check: bool = False, **options: Any
) -> subprocess.CompletedProcess[str]:
    """Run code in a new Python; what it prints is captured."""
    command = [sys.executable, "-c", code, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=check, **options)


def wait_for(is_so: Callable[[], object]) -> None:
    """Wait until something is so; on a busy machine that may take a while."""
    end = time.monotonic() + 120
    while not is_so():
        assert time.monotonic() < end, "it did not come"
        time.sleep(0.05)


def has_ended(process: str | int) -> bool:
    """Return whether a process runs no more; the system may not have collected it yet."""
    try:
        status = Path(f"/proc/{process}/stat").read_text()
    except OSError:
        return True
    return status.rpartition(")")[2].split()[0] == "Z"
