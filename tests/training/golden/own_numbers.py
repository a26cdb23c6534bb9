"""Our own golden numbers: results for inputs of our own, shortened, kept in `numbers.json`.

They are written only by a code whose results are those of DINOv2's own code on that one's inputs:

    python tests/training/golden/own_numbers.py <folder of the official numbers>
"""

import json
import sys
from pathlib import Path

import golden_inputs
import numpy as np
import torch
from golden_results import RUNS, Results, parts, schedules, steps, without_keys
from official_numbers import differences

FILE = Path(__file__).parent / "numbers.json"
SHORT = 24  # arrays of no more values than this are kept whole


def shortened(results: Results) -> Results:
    """Return float64 arrays of at most `SHORT` values: a norm, two sums, and some of the values.

    The sums are weighted, so that values cannot change places; all are of the size of the largest
    value or of the norm.
    """
    return {name: _shortened(np.asarray(value, np.float64)) for name, value in results.items()}


def _shortened(values: np.ndarray) -> np.ndarray:
    flat = values.ravel()
    if flat.size <= SHORT:
        return flat
    waves = np.outer([1.0, 2.0], np.arange(flat.size)) + 0.5
    sums = np.cos(waves) @ flat
    some = flat[:: -(-flat.size // (SHORT - 3))]
    return np.concatenate([[np.linalg.norm(flat)], sums, some])


def computed() -> dict[str, Results]:
    found = {"parts": shortened(parts(golden_inputs.parts()) | schedules())}
    for run in RUNS:
        found[run] = shortened(without_keys(steps(golden_inputs.steps(run), run)))
    return found


def read() -> dict[str, Results]:
    kept = json.loads(FILE.read_text(encoding="utf-8"))
    return {part: {k: np.array(v) for k, v in values.items()} for part, values in kept.items()}


def main() -> None:
    """Write the numbers, if the official ones are met."""
    torch.set_num_threads(1)
    if wrong := differences(Path(sys.argv[1])):
        sys.exit("\n".join(["not written: ours differ from the official numbers", *wrong]))
    lines = []
    for part, results in computed().items():
        rows = [f"{json.dumps(k)}: {json.dumps(v.tolist())}" for k, v in results.items()]
        lines.append(f"{json.dumps(part)}: {{\n" + ",\n".join(rows) + "\n}")
    FILE.write_text("{\n" + ",\n".join(lines) + "\n}\n", encoding="utf-8")


if __name__ == "__main__":
    main()
