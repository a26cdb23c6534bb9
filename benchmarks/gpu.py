"""The GPU's checks and benchmark in one command: `python benchmarks/gpu.py --output gpu.json`.

Needs torch, timm, NumPy, PyYAML and this repository, and no installation; the ratio needs lightly,
too, and the loader pandas, pyarrow, OpenCV and Pillow. Ends within ten minutes, whatever happens:
parts run in processes of their own, and what they found is in the file as soon as it is known.
Trains ViT-L/16 on 2 x 224 and 8 x 96 pixels with 65,536 prototypes in bf16, ours against a plain
eager implementation of the same recipe (`eager.py`): same weights, crops, masks, batch. `--tiny`
tries the command on a CPU. Status 0: all passed; 1: the file's `problems` say what did not.
"""

from __future__ import annotations

import argparse
import json
import signal
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "src"), str(ROOT / "benchmarks")]

from gpu_parts import guard  # noqa: E402
from gpu_parts.guard import Outcome  # noqa: E402

from anonbench.core.io import write_json  # noqa: E402

SECONDS = 570.0
"""Of the whole command: less than a job of ten minutes has."""
LEAST_SECONDS = 20.0
"""With less time left, no part starts."""
BATCHES = (384, 256, 192, 128, 96, 64, 48, 32, 16)
"""Tried from the largest on that may fit."""
SLACK = 1.25
"""How much more than there is a batch may need, by its uncompiled steps, to be tried compiled."""


class Run:
    """The parts so far, on disk after each, and the time that is left."""

    def __init__(self, path: Path, seconds: float = SECONDS) -> None:
        self._path, self._seconds, self._began = path, seconds, time.monotonic()
        self.parts: list[dict[str, Any]] = []
        path.parent.mkdir(parents=True, exist_ok=True)
        self._write(complete=False)

    def part(self, name: str, function: str, limit: float, **arguments: Any) -> Outcome:
        """Run a part (see `guard.run`) within the time that is left, and keep how it ended."""
        left = max(self._seconds - (time.monotonic() - self._began), 0.0)
        outcome: Outcome = {"outcome": "no time", "seconds": 0.0, "reason": f"{left:.0f} s left"}
        if left >= min(limit, LEAST_SECONDS):
            outcome = guard.run(function, min(limit, left), **arguments)
        self.parts.append({"name": name, "arguments": arguments} | outcome)
        self._write(complete=False)
        print(f"{name} {json.dumps(arguments)}: {outcome['outcome']}", file=sys.stderr)
        return outcome

    def largest(
        self, name: str, function: str, limit: float, batches: Sequence[int], **arguments: Any
    ) -> None:
        """Run a part at smaller and smaller batches until one fits in the memory."""
        for batch in batches:
            outcome = self.part(name, function, limit, batch=batch, **arguments)
            if outcome["outcome"] != "out of memory":
                return

    def close(self) -> list[str]:
        """Write the whole file and return its problems."""
        return self._write(complete=True)

    def _write(self, complete: bool) -> list[str]:
        ended = {part["name"]: part for part in self.parts}  # of several attempts the last
        problems = [] if complete else ["the command did not come to its end"]
        problems += [
            f"{name}: {part['outcome']}: {part['reason']}"
            for name, part in ended.items()
            if part["outcome"] not in ("passed", "not applicable")
        ]
        found = {
            "problems": problems,
            "ratio": ended.get("step", {}).get("found", {}).get("ratio"),
            "seconds": round(time.monotonic() - self._began, 1),
            "parts": self.parts,
        }
        write_json(self._path, found)
        return problems


def fitting(device: Outcome, batches: Sequence[int]) -> list[int]:
    """Return the batches that may fit, by what small ones needed; the smallest in any case."""
    found = device.get("found", {})
    if "gb_an_image" not in found:
        return list(batches)
    room = SLACK * found["memory_gb"] - found["fixed_gb"]
    chosen = [batch for batch in batches if batch * found["gb_an_image"] <= room]
    return chosen or [batches[-1]]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--output", type=Path, required=True)
    parser.add_argument("--tiny", action="store_true")
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))  # ends the part as well
    run, tiny = Run(options.output), options.tiny
    device = run.part("device", "gpu_parts.device:measure", 90, tiny=tiny)
    run.part("checks", "gpu_parts.checked:measure", 150, tiny=tiny)
    run.part("two processes", "gpu_parts.ranks:measure", 90, tiny=tiny)
    batches = fitting(device, (8, 4) if tiny else BATCHES)
    run.largest("step", "gpu_parts.step:measure", 240, batches, tiny=tiny)
    run.part("loader", "gpu_parts.loader:measure", 60, tiny=tiny)
    problems = run.close()
    print(options.output.read_text(encoding="utf-8"))
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
