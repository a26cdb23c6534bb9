"""`anonbench detect` on one core, as a whole process: images a second, by detector.

Real images where the folder `shared` lies beside the checkout, else the demo's. About a minute.
"""

from __future__ import annotations

import json
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from common import ANONBENCH, SHARED, emit, measure_command
from PIL import Image

from anonbench.config.data import DocumentsDemo, PortraitsDemo
from anonbench_demo import generate

ALIGNED = (178, 218)
FACES, PAGES, FEW = 300, 100, 20
DETECTORS = {
    "faces": ["mtcnn"],
    "pages": ["ppocr"],
    "few pages, all detectors": ["ppocr", "zxing", "mrz", "ink"],
}


def write(folder: Path) -> str:
    """Write faces at CelebA's aligned size, of which `shared` has half, and pages."""
    faces, pages = ((SHARED / "data" / name) for name in ("celeba", "rvl_cdip"))
    real = faces.is_dir()
    if not real:
        faces, pages = folder / "demo_faces", folder / "demo_pages"
        generate(PortraitsDemo(train_identities=15, val_identities=5, photos=5), faces, 0)
        generate(DocumentsDemo(train_per_class=3, val_per_class=1), pages, 0)
    for kind in ("faces", "pages", "few pages"):
        (folder / kind).mkdir()
    for path in sorted(faces.rglob("*.jpg"))[:FACES]:
        Image.open(path).resize(ALIGNED).save(folder / "faces" / path.name, quality=95)
    for number, path in enumerate(sorted(pages.rglob("*.tif"))[:PAGES]):
        for kind in ("pages", "few pages") if number < FEW else ("pages",):
            (folder / kind / f"{number:04d}.tif").symlink_to(path)
    return "real" if real else "demo"


def search(folder: Path, detectors: list[str]) -> dict[str, Any]:
    command = [*ANONBENCH, "detect", str(folder), "--workers", "1", "--json"]
    command += [word for name in detectors for word in ("--detector", name)]
    printed, taken = measure_command(command, passing=(0, 3))
    images = len(list(folder.iterdir()))
    return taken | {
        "detectors": detectors,
        "images": images,
        "images_per_second": round(images / taken["seconds"], 2),
        "images_per_core_second": round(images / taken["cpu_seconds"], 2),
        "found": json.loads(printed)["regions"],
    }


def main() -> None:
    with TemporaryDirectory() as name:
        data = write(Path(name))
        kinds = {
            kind: search(Path(name) / kind.partition(",")[0], detectors)
            for kind, detectors in DETECTORS.items()
        }
    emit({"data": data, "kinds": kinds})


if __name__ == "__main__":
    main()
