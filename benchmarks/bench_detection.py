"""The detection stage on one core: images a second.

A shard's job as the workflow runs it: read, search, write the tables. Real images where the folder
`shared` lies beside the checkout, else the demo's. About a minute.
"""

from __future__ import annotations

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

import logging
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pandas as pd
from common import SHARED, emit, measure, peak_memory_gb

from anonbench.config.data import DocumentsDemo, PortraitsDemo
from anonbench.config.detectors import Detection, DetectorName
from anonbench.core.libraries.opencv import cv2
from anonbench.core.provenance import file_digest
from anonbench.datasets.images import encode, open_checked, read_image, upright_size
from anonbench.detection.shard import Job, detect_shard
from anonbench_demo import generate

ALIGNED = (178, 218)
IMAGES = {"faces": 300, "pages": 148}
DETECTORS = {"faces": DetectorName.MTCNN, "pages": DetectorName.PPOCR}


def real_images(folder: Path) -> dict[str, list[Path]]:
    """Return real images; faces at CelebA's aligned size, of which `shared` has half."""
    (folder / "faces").mkdir()
    for path in sorted((SHARED / "data/celeba").rglob("*.jpg"))[: IMAGES["faces"]]:
        pixels = cv2.resize(read_image(path), ALIGNED, interpolation=cv2.INTER_CUBIC)
        (folder / "faces" / path.name).write_bytes(encode(pixels, "jpeg"))
    pages = sorted((SHARED / "data/rvl_cdip").rglob("*.tif"))
    return {"faces": sorted((folder / "faces").iterdir()), "pages": pages}


def demo_images(folder: Path) -> dict[str, list[Path]]:
    generate(PortraitsDemo(train_identities=15, val_identities=5, photos=5), folder / "faces", 0)
    generate(DocumentsDemo(train_per_class=3, val_per_class=1), folder / "pages", 0)
    return {
        "faces": sorted((folder / "faces").rglob("*.jpg")),
        "pages": sorted((folder / "pages").rglob("*.tif")),
    }


def manifest_of(paths: list[Path]) -> pd.DataFrame:
    rows = []
    for path in paths:
        with open_checked(path) as image:
            size = upright_size(image)
        rows.append((str(path), str(path), *size, path.stat().st_size, file_digest(path)))
    return pd.DataFrame(rows, columns=["id", "path", "width", "height", "bytes", "digest"])


def search(kind: str, paths: list[Path], folder: Path) -> dict[str, Any]:
    manifest, boxes = manifest_of(paths), folder / "boxes.parquet"
    job = Job(Path(), [DETECTORS[kind]], Detection(), seed=0, kept=[folder / f"{kind}.kept"])
    _, spent = measure(lambda: detect_shard(manifest, job, boxes, folder / "images.parquet"))
    return spent | {
        "detector": str(DETECTORS[kind]),
        "images": len(paths),
        "megapixels": round(float((manifest["width"] * manifest["height"]).mean()) / 1e6, 2),
        "regions": len(pd.read_parquet(boxes)),
        "images_per_second": round(len(paths) / spent["seconds"], 2),
        "images_per_core_second": round(len(paths) / spent["cpu_seconds"], 2),
    }


def main() -> None:
    logging.disable(logging.WARNING)
    real = (SHARED / "data/celeba").is_dir()
    with TemporaryDirectory() as name:
        folder = Path(name)
        images = real_images(folder) if real else demo_images(folder)
        kinds = {
            kind: search(kind, paths[: IMAGES[kind]], folder) for kind, paths in images.items()
        }
    data = "real" if real else "demo"
    emit({"data": data, "kinds": kinds, "peak_memory_gb": peak_memory_gb()})


if __name__ == "__main__":
    main()
