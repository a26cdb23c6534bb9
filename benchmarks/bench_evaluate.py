"""`anonbench evaluate` from a folder to its answer, beside the time of the two models in it.

Photographs of half a megapixel: real ones from the folder beside the checkout, resized, where it is
there; else drawn portraits. Faces by CenterFace, three methods, and the small model that comes with
the packages, which encodes each image four times. The models alone get images that are decoded and
anonymized already. What is above their time is the start of Python and of the packages, reading,
anonymizing, scores and tests.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", str(len(os.sched_getaffinity(0))))

import numpy as np
from common import ANONBENCH, SHARED, emit, measure, measure_command
from PIL import Image

from anonbench.anonymization.apply import layers
from anonbench.config import Detection
from anonbench.core.vocabulary import Method, Variant
from anonbench.detection.search import build
from anonbench.embedding.given_images import look_at
from anonbench.embedding.given_systems import open_encoder
from anonbench_demo import portraits

PHOTOGRAPHS, PIXELS = 1000, 500_000
DETECTOR, SYSTEM = "centerface", "timm:tf_efficientnet_lite0"
THREADS = int(os.environ["OMP_NUM_THREADS"])
VARIANTS = [Variant(), *(Variant(method.value, 100) for method in Method)]


def write(folder: Path) -> str:
    """Write photographs of half a megapixel; return what they show."""
    found = sorted((SHARED / "data/celeba_wild/img_celeba").glob("*.jpg"))
    for number in range(PHOTOGRAPHS):
        if found:
            image = Image.open(found[number % len(found)]).convert("RGB")
        else:
            image = Image.fromarray(portraits.draw(0, f"someone-{number}", 0).image)
        scale = (PIXELS / (image.width * image.height)) ** 0.5
        size = round(image.width * scale), round(image.height * scale)
        image.resize(size).save(folder / f"{number:04d}.jpg", quality=90)
    return "photographs of CelebA" if found else "drawn portraits"


def whole(folder: Path) -> dict[str, Any]:
    """Run the command in a process of its own."""
    command = [*ANONBENCH, "evaluate", str(folder), "--system", SYSTEM, "--detector", DETECTOR]
    printed, taken = measure_command([*command, "--json"])
    content = json.loads(printed)
    return taken | {"scored": content["card"]["images"]["scored"], "advice": content["advice"]}


def models(folder: Path) -> dict[str, dict[str, float]]:
    """Time the models alone on the same images, batch by batch."""
    detector = build(DETECTOR, Detection(), THREADS)
    total = {"detector": np.zeros(2), "system": np.zeros(2)}
    with open_encoder(SYSTEM) as system:
        system.encode([np.zeros((64, 64, 3), np.uint8)])  # the first call is slow
        for batch in look_at(folder).batches(THREADS):
            pixels = [image.pixels for image in batch]
            regions, spent = measure(lambda images=pixels: detector.detect(images))
            total["detector"] += list(spent.values())
            used = [pair for pair in zip(pixels, regions, strict=True) if pair[1]]
            for variant in VARIANTS:
                hidden = [layers(image, found, variant)[-1] for image, found in used]
                _, spent = measure(lambda images=hidden: system.encode(images))
                total["system"] += list(spent.values())
    return {
        name: {"seconds": round(seconds, 2), "cpu_seconds": round(cpu, 2)}
        for name, (seconds, cpu) in total.items()
    }


def main() -> None:
    with TemporaryDirectory() as name:
        what = write(Path(name))
        found, alone = whole(Path(name)), models(Path(name))
    ratio = {
        kind: round(found[kind] / sum(each[kind] for each in alone.values()), 3)
        for kind in ("seconds", "cpu_seconds")
    }
    about = {"images": PHOTOGRAPHS, "of": what, "megapixels": PIXELS / 1e6}
    emit(about | {"evaluate": found, "models": alone, "ratio": ratio})


if __name__ == "__main__":
    main()
