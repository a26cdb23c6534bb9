"""Start of each command: what it takes to say what is wrong, or to do the least that it can.

Models are loaded by none of them. The least of several runs counts: the first one may compile
sources and read packages from the disk.

Usage: bench_start.py [RUNS]    (5)
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from common import emit
from PIL import Image

START = "import sys; from anonbench.cli import main; sys.exit(main())"  # as the program does
COMMANDS = (
    "--help",
    "plan --help",
    "plam",
    "status --results .",
    "policy check .",
    "score --reference v.npy --queries v.npy --database v.npy",
    "verify .",
    "bundle --to b --configfile none.yaml",
    "review archive --configfile none.yaml",
    "init none",
    "originals .",
    "detect none",
    "anonymize photos -o a --dry-run",
    "embed none -o e.h5",
    "evaluate none",
    "attack none none",
    "run --configfile none.yaml",
    "plan --configfile none.yaml",
)


def timed(command: str, folder: Path) -> dict[str, Any]:
    """Run a command; return its seconds, its CPU seconds and its exit status."""
    began, used = time.perf_counter(), os.times()
    words = [sys.executable, "-c", START, *command.split()]
    done = subprocess.run(words, cwd=folder, capture_output=True, stdin=subprocess.DEVNULL)
    seconds, spent = time.perf_counter() - began, os.times()
    cpu = spent.children_user + spent.children_system - used.children_user - used.children_system
    return {"seconds": seconds, "cpu_seconds": cpu, "status": done.returncode}


def main() -> None:
    runs = int(sys.argv[1]) if len(sys.argv) > 1 else 5
    found = {}
    with TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "photos").mkdir()
        Image.new("RGB", (64, 64)).save(folder / "photos" / "one.jpg")
        np.save(folder / "v.npy", np.random.default_rng(0).normal(size=(300, 16)))
        (folder / "v.ids.txt").write_text("\n".join(map(str, range(300))) + "\n")
        for command in COMMANDS:
            each = [timed(command, folder) for _ in range(runs)]
            least = {key: round(min(one[key] for one in each), 2) for key in each[0]}
            found[f"anonbench {command}"] = least
    emit({"what": "start of commands that load no model", "runs": runs, "commands": found})


if __name__ == "__main__":
    main()
