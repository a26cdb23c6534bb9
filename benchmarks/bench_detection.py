"""The whole detection stage on one core: images a second, where the time goes, projected hours.

A shard's job as the workflow runs it: read, search, write the tables. Each kind of images is
searched twice, the second time from what the first one found. Real images where the folder `shared`
lies beside the checkout, else the demo's. About a minute.
"""

from __future__ import annotations

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

import logging
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from common import emit, measure, peak_memory_gb

from anonbench.config.data import DocumentsDemo, PortraitsDemo
from anonbench.config.detectors import Detection, DetectorName
from anonbench.core.boxes import Region
from anonbench.core.libraries.opencv import cv2
from anonbench.core.provenance import file_digest
from anonbench.core.registries.detectors import Detector
from anonbench.datasets.images import encode, open_checked, read_image, upright_size
from anonbench.detection import shard
from anonbench.detection.shard import Job, detect_shard
from anonbench.detection.text.reading import Original, read_batches
from anonbench_demo import generate

SHARED = Path(__file__).resolve().parents[2] / "shared" / "data"
PAPER = {"faces": 202_000, "pages": 360_000}
"""Images of CelebA, and RVL-CDIP's train and validation split."""
ALIGNED = (178, 218)
IMAGES = {"faces": 300, "pages": 148}
DETECTORS = {"faces": DetectorName.MTCNN, "pages": DetectorName.PPOCR}


def real_images() -> dict[str, list[Path]] | None:
    faces = sorted((SHARED / "celeba").rglob("*.jpg"))
    pages = sorted((SHARED / "rvl_cdip").rglob("*.tif"))
    return {"faces": faces, "pages": pages} if faces and pages else None


def enlarged(paths: Sequence[Path], folder: Path) -> list[Path]:
    """Write the faces at CelebA's aligned size: what lies in `shared` has half of it."""
    folder.mkdir()
    for path in paths:
        pixels = cv2.resize(read_image(path), ALIGNED, interpolation=cv2.INTER_CUBIC)
        (folder / path.name).write_bytes(encode(pixels, "jpeg"))
    return sorted(folder.iterdir())


def demo_images(folder: Path) -> dict[str, list[Path]]:
    generate(PortraitsDemo(train_identities=15, val_identities=5, photos=5), folder / "faces", 0)
    generate(DocumentsDemo(train_per_class=3, val_per_class=1), folder / "pages", 0)
    return {
        "faces": sorted((folder / "faces").rglob("*.jpg")),
        "pages": sorted((folder / "pages").rglob("*.tif")),
    }


def manifest_of(paths: Sequence[Path]) -> pd.DataFrame:
    rows = []
    for path in paths:
        with open_checked(path) as image:
            size = upright_size(image)
        about = path.stat().st_size, file_digest(path)
        rows.append((str(path), str(path), *size, *about))
    return pd.DataFrame(rows, columns=["id", "path", "width", "height", "bytes", "digest"])


class Clock:
    """Adds up the seconds that are spent in detectors, and waited for images."""

    def __init__(self) -> None:
        self.seconds = {"load": 0.0, "detect": 0.0, "wait_for_images": 0.0}

    @contextmanager
    def running(self, what: str) -> Iterator[None]:
        start = time.perf_counter()
        yield
        self.seconds[what] += time.perf_counter() - start

    def build(self, *arguments: Any) -> dict[DetectorName, Detector]:
        with self.running("load"):
            detectors = BUILD(*arguments)
            return {name: _Timed(detector, self) for name, detector in detectors.items()}

    def read(self, *arguments: Any) -> Iterator[list[Original]]:
        batches = read_batches(*arguments)
        while True:
            with self.running("wait_for_images"):
                batch = next(batches, None)
            if batch is None:
                return
            yield batch


class _Timed:
    def __init__(self, detector: Detector, clock: Clock) -> None:
        self._detector = detector
        self._clock = clock

    def detect(self, images: Sequence[np.ndarray]) -> list[list[Region]]:
        with self._clock.running("detect"):
            return self._detector.detect(images)


BUILD = shard.build_all  # type: ignore[attr-defined]


def search(kind: str, paths: Sequence[Path], folder: Path) -> dict[str, Any]:
    manifest = manifest_of(paths)
    clock = Clock()
    shard.build_all, shard.read_batches = clock.build, clock.read  # type: ignore[attr-defined]
    job = Job(Path(), [DETECTORS[kind]], Detection(), seed=0, kept=[folder / kind])

    def work() -> None:
        detect_shard(manifest, job, folder / "boxes.parquet", folder / "images.parquet")

    _, first = measure(work)
    found = pd.read_parquet(folder / "boxes.parquet")
    _, again = measure(work)
    seconds = first["seconds"] - clock.seconds["load"]
    rate = len(paths) / first["cpu_seconds"]
    hours = PAPER[kind] / rate / 3600
    return {
        "detector": str(DETECTORS[kind]),
        "images": len(paths),
        "megapixels": round(float((manifest["width"] * manifest["height"]).mean()) / 1e6, 2),
        "regions": len(found),
        "images_per_second": round(len(paths) / seconds, 2),
        "images_per_core_second": round(rate, 2),
        "seconds": {name: round(value, 3) for name, value in clock.seconds.items()},
        "share_of_decoding": round(decoding(manifest) / first["cpu_seconds"], 3),
        "again_seconds": again["seconds"],
        "kept_bytes_per_image": round(
            (folder / f"{kind}.{DETECTORS[kind]}.parquet").stat().st_size / len(paths)
        ),
        "paper": {
            "images": PAPER[kind],
            "hours_on_2_cores": round(hours / 2, 2),
            "hours_on_64_cores": round(hours / 64, 3),
            "hours_on_one_gpu": None,
        },
    }


def decoding(manifest: pd.DataFrame) -> float:
    """Return the CPU seconds that reading alone takes."""

    def work() -> None:
        for batch in read_batches(manifest, Path(), 10**9, 1):
            batch.clear()

    return measure(work)[1]["cpu_seconds"]


def main() -> None:
    logging.disable(logging.WARNING)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        found = real_images()
        images = found or demo_images(folder)
        images["faces"] = enlarged(images["faces"][: IMAGES["faces"]], folder / "enlarged")
        kinds = {
            kind: search(kind, paths[: IMAGES[kind]], folder) for kind, paths in images.items()
        }
    totals = [kind["paper"] for kind in kinds.values()]
    emit(
        {
            "benchmark": "detection",
            "data": "real" if found else "demo",
            "kinds": kinds,
            "paper_hours": {
                "on_2_cores": round(sum(t["hours_on_2_cores"] for t in totals), 1),
                "on_64_cores": round(sum(t["hours_on_64_cores"] for t in totals), 2),
                "on_one_gpu": None,
            },
            "peak_memory_gb": peak_memory_gb(),
        }
    )


if __name__ == "__main__":
    main()
