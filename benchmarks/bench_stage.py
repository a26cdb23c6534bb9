"""The anonymize stage, from files to an audited shard, beside decoding and encoding alone.

    python benchmarks/bench_stage.py [METHOD ...]

Sets of images with the regions that detectors find in them: real ones where the folder `shared`
lies beside the checkout (faces at CelebA's size, photographs, scanned pages, receipts, ID
documents), else the demo's drawn ones with their true regions. The stage reads each file, compares
its digest, decodes, hides, encodes, writes the shard and audits what was written. Beside it stands
what OpenCV and Pillow take, with their defaults, to decode the same files and to encode the same
hidden pixels as PNG, and nothing else. CPU milliseconds an image, the least of several runs, one
thread.
"""

from __future__ import annotations

import gc
import hashlib
import io
import os
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import redirect_stderr
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pandas as pd
from common import emit
from PIL import Image
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from anonbench import detect
from anonbench.anonymization.apply import layers
from anonbench.anonymization.shard import anonymize_shard
from anonbench.config import Anonymization, Detection
from anonbench.core.boxes import Region, box_table, image_regions
from anonbench.core.vocabulary import Variant
from anonbench.datasets.images import read_image
from anonbench_demo import documents, ids, portraits
from anonbench_demo.build import encoded

SHARED = Path(__file__).resolve().parents[2] / "shared" / "data"
SEARCHED = {
    "faces": ("celeba/img_align_celeba/*.jpg", 200, ("mtcnn",)),
    "photographs": ("celeba_wild/img_celeba/*.jpg", 100, ("mtcnn",)),
    "pages": ("rvl_cdip/**/*.tif", 60, ("ppocr",)),
    "receipts": ("sroie/**/*.jpg", 20, ("ppocr",)),
    "id documents": ("id/*", 40, ("ppocr", "zxing", "mrz", "mtcnn")),
}
"""Where images are below `shared/data`, how many of them are taken, and what searches them."""
METHODS = sys.argv[1:] or ["mask", "pixelate", "blur"]
RUNS, ASKED = 6, Anonymization()


@dataclass(frozen=True)
class ImageFiles:
    """Images in a folder, with their regions."""

    folder: Path
    files: dict[str, str]
    """Names, by id."""
    data: dict[str, bytes]
    regions: dict[str, list[Region]]

    def tables(self, count: int) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
        """Return the first images' manifest, boxes and outcome of detection, which the stage is
        given."""
        names = sorted(self.data)[:count]
        digests = [hashlib.sha256(self.data[name]).hexdigest() for name in names]
        sizes = [len(self.data[name]) for name in names]
        paths = [self.files[name] for name in names]
        manifest = pd.DataFrame({"id": names, "path": paths, "bytes": sizes, "digest": digests})
        found = {name: self.regions[name] for name in names}
        counts = [len(each) for each in found.values()]
        outcome = pd.DataFrame({"id": names, "status": "ok", "regions": counts})
        return manifest, box_table(found, seed=0), outcome

    def anonymize(self, variant: Variant, tables: tuple[pd.DataFrame, ...]) -> None:
        """Make a shard."""
        manifest, boxes, outcome = tables
        about = manifest, self.folder, boxes, outcome
        with Path(os.devnull).open("w", encoding="utf-8") as nobody, redirect_stderr(nobody):
            anonymize_shard(*about, variant, ASKED, False, self.folder / "out.tar")


def real(to: Path) -> dict[str, ImageFiles]:
    """Copy images of each kind, and search them."""
    sets = {}
    for kind, (pattern, most, detectors) in SEARCHED.items():
        folder = to / kind
        folder.mkdir()
        for number, path in enumerate(sorted(SHARED.glob(pattern))[:most]):
            name = f"{number:04d}{path.suffix.lower()}"
            if kind == "faces":
                with Image.open(path) as image:
                    image.resize((178, 218), Image.Resampling.BICUBIC).save(
                        folder / name, quality=95
                    )
            else:
                (folder / name).write_bytes(path.read_bytes())
        found = detect(folder, detectors, detection=Detection())
        boxes = image_regions(found.boxes)
        files = {each.stem: each.name for each in folder.iterdir() if each.stem in boxes}
        data = {name: (folder / file).read_bytes() for name, file in files.items()}
        sets[kind] = ImageFiles(folder, files, data, boxes)
    return sets


def drawn(to: Path) -> dict[str, ImageFiles]:
    """Draw images of each kind."""
    pictures: dict[str, tuple[str, Callable[[str], Any]]] = {
        "faces": (".jpg", lambda who: portraits.draw(0, who, 0)),
        "id documents": (".jpg", lambda who: ids.draw(0, "id_card", who)),
        "pages": (".tif", lambda who: documents.draw(0, "letter", who)),
    }
    sets = {}
    for kind, (suffix, draw) in pictures.items():
        folder = to / kind
        folder.mkdir()
        drawings = {f"{number:04d}{suffix}": draw(f"of {number}") for number in range(40)}
        data = {name: encoded(each.image, suffix) for name, each in drawings.items()}
        for name, content in data.items():
            (folder / name).write_bytes(content)
        regions = {name: list(each.regions) for name, each in drawings.items()}
        sets[kind] = ImageFiles(folder, dict(zip(data, data, strict=True)), data, regions)
    return sets


def opencv_codec(data: bytes, hidden: np.ndarray) -> None:
    cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    cv2.imencode(".png", hidden)


def pillow_codec(data: bytes, hidden: np.ndarray) -> None:
    with Image.open(io.BytesIO(data)) as image:
        image.load()
    Image.fromarray(hidden).save(io.BytesIO(), "PNG")


def spent(work: Callable[[], object], runs: int = RUNS) -> float:
    """Return the CPU milliseconds of a call, the least of several."""
    found = []
    for _ in range(runs):
        start = time.process_time()
        work()
        found.append(1000 * (time.process_time() - start))
    return min(found)


def by_others(images: ImageFiles, method: str) -> dict[str, float]:
    """Return what other codecs take for an image."""
    pairs = [
        (data, layers(read_image(data), images.regions[name], Variant(method, 100), ASKED)[-1])
        for name, data in images.data.items()
    ]

    def of(codec: Callable[[bytes, np.ndarray], None], runs: int) -> float:
        def each() -> None:
            for pair in pairs:
                codec(*pair)

        return spent(each, runs) / len(pairs)

    return {"opencv": of(opencv_codec, RUNS), "pillow": of(pillow_codec, 1)}


def stage(images: ImageFiles, method: str) -> float:
    """Return what a further image of a shard takes."""
    variant, count = Variant(method, 100), len(images.data)

    def of(first: int) -> float:
        tables = images.tables(first)
        return spent(lambda: images.anonymize(variant, tables))

    return (of(count) - of(1)) / (count - 1)


def measured(sets: dict[str, ImageFiles]) -> dict[str, Any]:
    each = [(kind, method) for kind in sets for method in METHODS]
    # first, because the stage has the C library keep memory that is freed, which serves them too
    others = {(kind, method): by_others(sets[kind], method) for kind, method in each}
    ours = {(kind, method): stage(sets[kind], method) for kind, method in each}
    return {
        kind: about(images)
        | {
            method: {
                "stage": round(ours[kind, method], 3),
                "decode_and_encode": {way: round(ms, 3) for way, ms in spent_by.items()},
                "times": {way: round(ours[kind, method] / ms, 2) for way, ms in spent_by.items()},
            }
            for method in METHODS
            for spent_by in (others[kind, method],)
        }
        for kind, images in sets.items()
    }


def about(images: ImageFiles) -> dict[str, float]:
    pixels = []
    for data in images.data.values():
        with Image.open(io.BytesIO(data)) as image:
            pixels.append(image.width * image.height / 1e6)
    return {
        "images": len(images.data),
        "regions_an_image": round(float(np.mean([*map(len, images.regions.values())])), 1),
        "megapixels_an_image": round(float(np.mean(pixels)), 2),
    }


def main() -> None:
    with threadpool_limits(1), tempfile.TemporaryDirectory() as name:
        cv2.setNumThreads(1)
        are_real = SHARED.is_dir()
        sets = (real if are_real else drawn)(Path(name))
        gc.collect()
        gc.freeze()  # as the workflow does before its jobs
        found = measured(sets)
    kind = "real" if are_real else "drawn"
    emit({"what": f"anonymize stage, {kind} images, CPU milliseconds an image", "sets": found})


if __name__ == "__main__":
    main()
