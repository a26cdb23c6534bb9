"""`anonbench anonymize` beside deface 1.5.0: whole processes, the same folder, the same detector.

Photographs of half a megapixel with drawn faces, as JPEG. deface writes beside the originals, so
each of its runs has a copy. The two take turns, as other jobs on the machine change its speed. The
number of faces in each photograph is compared with that of deface's own class, since its command
shows none.
"""

from __future__ import annotations

import contextlib
import importlib.util
import io
import json
import os
import shutil
import sys
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from common import ANONBENCH, emit, measure_command
from PIL import Image

from anonbench_demo import portraits

WIDTH, HEIGHT, DRAWN = 832, 608, 60
ROUNDS = {60: 3, 500: 1}
"""Comparisons by number of photographs."""
DEFACE = Path(sys.executable).with_name("deface")
AS_DEFACE = "detection: { speed: single, centerface: { margin: 1.0 } }"
"""Config of a search as deface's."""
ENVIRONMENT = {name: value for name, value in os.environ.items() if name != "OMP_NUM_THREADS"}


def draw(folder: Path, count: int) -> None:
    """Write photographs: one to three faces of several sizes on a coloured slope."""
    folder.mkdir()
    slope = np.linspace(60, 200, WIDTH * HEIGHT).reshape(HEIGHT, WIDTH)
    for number in range(min(count, DRAWN)):
        rng = np.random.default_rng(number)
        page = np.stack([np.roll(slope, int(rng.integers(WIDTH)), 1)] * 3, 2).astype(np.uint8)
        photo = Image.fromarray(page)
        for face in range(1 + number % 3):
            drawn = Image.fromarray(portraits.draw(0, f"{number}-{face}", 0).image)
            scale = rng.uniform(0.6, 1.3)
            drawn = drawn.resize((int(178 * scale), int(218 * scale)))
            photo.paste(drawn, (face * 270 + int(rng.integers(30)), int(rng.integers(20, 300))))
        photo.save(folder / f"{number:05d}.jpg", quality=90)
    for number in range(DRAWN, count):
        shutil.copy(folder / f"{number % DRAWN:05d}.jpg", folder / f"{number:05d}.jpg")


def ours(photos: Path, folder: Path) -> dict[str, float]:
    output, config = folder / "anonymized", folder / "config.yaml"
    shutil.rmtree(output, ignore_errors=True)
    for left in folder.glob("anonymized.audit.*"):
        left.unlink()
    config.write_text(AS_DEFACE, encoding="utf-8")
    command = [*ANONBENCH, "anonymize", str(photos), "-o", str(output), "--hide", "face"]
    command += ["--method", "pixelate", "--configfile", str(config)]
    return measure_command(command, (0, 3), env=ENVIRONMENT)[1]


def theirs(photos: Path, folder: Path) -> dict[str, float]:
    copy = folder / "copy"
    shutil.rmtree(copy, ignore_errors=True)
    shutil.copytree(photos, copy)
    command = [str(DEFACE), "--replacewith", "mosaic", str(copy)]
    return measure_command(command, env=ENVIRONMENT)[1]


def faces(photos: Path, audit: Path) -> dict[str, int]:
    """Compare how many faces a run hid in each photograph with what deface's own class finds."""
    from deface.centerface import CenterFace

    with contextlib.redirect_stdout(io.StringIO()):
        centerface = CenterFace()
    records = json.loads(audit.read_text(encoding="utf-8"))["images"][:DRAWN]
    found, another = 0, 0
    for record in records:
        boxes, _ = centerface(np.asarray(Image.open(photos / record["name"])), threshold=0.2)
        number = int(((boxes[:, 2] > boxes[:, 0]) & (boxes[:, 3] > boxes[:, 1])).sum())
        found += number
        another += number != len(record["regions"])
    return {"images": len(records), "faces": found, "images_with_another_count": another}


def compare(count: int, rounds: int) -> dict[str, Any]:
    runs: dict[str, list[dict[str, float]]] = {"anonbench": [], "deface": []}
    with TemporaryDirectory() as name:
        folder = Path(name)
        photos = folder / "photos"
        draw(photos, count)
        for _ in range(rounds):
            runs["deface"].append(theirs(photos, folder))
            runs["anonbench"].append(ours(photos, folder))
        boxes = faces(photos, folder / "anonymized.audit.json")
    result: dict[str, Any] = {
        name: {key: round(median(run[key] for run in done), 2) for key in done[0]}
        for name, done in runs.items()
    }
    for key in ("seconds", "cpu_seconds"):
        result[f"times_faster_{key}"] = round(result["deface"][key] / result["anonbench"][key], 2)
    return result | {"boxes": boxes}


def main() -> None:
    if importlib.util.find_spec("skimage") is None:
        emit({"skipped": "what deface needs is not installed: make bench-setup"})
        return
    runs = {f"{count} photographs": compare(count, rounds) for count, rounds in ROUNDS.items()}
    emit({"what": "anonbench anonymize and deface 1.5.0, whole processes", "runs": runs})


if __name__ == "__main__":
    main()
