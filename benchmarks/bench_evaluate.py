"""`anonbench evaluate` from a folder to its answer, beside the time of the two models in it.

Photographs of half a megapixel: real ones from the folder beside the checkout, resized, where it is
there; else drawn portraits. Faces by CenterFace, three methods, and the small model that comes with
the packages, which encodes each image four times. The models alone get images that are decoded and
anonymized already. What is above their time is the start of Python and of the packages, reading,
anonymizing, scores and tests.

    python benchmarks/bench_evaluate.py [photographs]
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", str(len(os.sched_getaffinity(0))))

import numpy as np
from common import emit, measure
from PIL import Image

from anonbench.anonymization.apply import anonymize
from anonbench.config import Detection
from anonbench.core.vocabulary import Method, Variant
from anonbench.detection.search import build
from anonbench.embedding.given.embed import open_encoder
from anonbench.embedding.given.images import look_at
from anonbench_demo import portraits

SHARED = Path(__file__).resolve().parents[2] / "shared" / "data" / "celeba_wild" / "img_celeba"
PHOTOGRAPHS, PIXELS = 500, 500_000
START = "import sys; from anonbench.cli import main; sys.exit(main())"
DETECTOR, SYSTEM = "centerface", "timm:tf_efficientnet_lite0"
THREADS = int(os.environ["OMP_NUM_THREADS"])
VARIANTS = [Variant(), *(Variant(method.value, 100) for method in Method)]


def write(folder: Path, count: int) -> str:
    """Write photographs of half a megapixel; return what they show."""
    found = sorted(SHARED.glob("*.jpg"))[:count]
    for number in range(count):
        with _opened(found, number) as image:
            scale = (PIXELS / (image.width * image.height)) ** 0.5
            size = round(image.width * scale), round(image.height * scale)
            image.convert("RGB").resize(size).save(folder / f"{number:04d}.jpg", quality=90)
    return "photographs of CelebA" if found else "drawn portraits"


def _opened(found: list[Path], number: int) -> Image.Image:
    if found:
        return Image.open(found[number % len(found)])
    return Image.fromarray(portraits.draw(0, f"someone-{number}", 0).image)


def whole(folder: Path) -> dict[str, Any]:
    """Run the command in a process of its own."""
    command = [sys.executable, "-c", START, "evaluate", str(folder)]
    command += ["--system", SYSTEM, "--detector", DETECTOR, "--json"]
    began = time.perf_counter()
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        assert process.stdout is not None
        printed = process.stdout.read()
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"{' '.join(command)} ended with {process.returncode}")
    content = json.loads(printed)
    return {
        "seconds": round(time.perf_counter() - began, 2),
        "cpu_seconds": round(used.ru_utime + used.ru_stime, 2),
        "peak_memory_gb": round(used.ru_maxrss * 1024 / 1e9, 3),
        "scored": content["card"]["images"]["scored"],
        "advice": content["advice"],
    }


def models(folder: Path) -> dict[str, dict[str, float]]:
    """Time the models alone on the same images, batch by batch."""
    detector = build(DETECTOR, Detection(), THREADS)
    total = {"detector": np.zeros(2), "system": np.zeros(2)}
    with open_encoder(SYSTEM) as system:
        system.encode([np.zeros((64, 64, 3), np.uint8)])  # the first call is slow
        for pixels in _batches(folder):
            regions, spent = measure(lambda batch=pixels: detector.detect(batch))
            total["detector"] += list(spent.values())
            used = [pair for pair in zip(pixels, regions, strict=True) if pair[1]]
            for variant in VARIANTS:
                hidden = [anonymize(image, found, variant) for image, found in used]
                _, spent = measure(lambda batch=hidden: system.encode(batch))
                total["system"] += list(spent.values())
    return {
        name: {"seconds": round(seconds, 2), "cpu_seconds": round(cpu, 2)}
        for name, (seconds, cpu) in total.items()
    }


def _batches(folder: Path) -> Iterator[list[np.ndarray]]:
    for batch in look_at(folder).batches(THREADS):
        yield [image.pixels for image in batch]


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else PHOTOGRAPHS
    with TemporaryDirectory() as name:
        folder = Path(name)
        what = write(folder, count)
        found, alone = whole(folder), models(folder)
    ratios = {
        kind: round(found[kind] / sum(each[kind] for each in alone.values()), 3)
        for kind in ("seconds", "cpu_seconds")
    }
    emit(
        {
            "images": count,
            "of": what,
            "megapixels": PIXELS / 1e6,
            "evaluate": found,
            "models": alone,
            "ratio": ratios,
        }
    )


if __name__ == "__main__":
    main()
