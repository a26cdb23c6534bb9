"""Faces by our MTCNN, beside facenet-pytorch's own, file by file: same weights, same boxes.

The peer opens each file with Pillow and calls `MTCNN.detect` for it. Both with one thread, in CPU
seconds from file to boxes; the two take turns, since other jobs on the machine change its speed.

Real photos from the folder beside the checkout, where it is there: faces that were aligned and cut
(CelebA, at half and at full size) and photos of many sizes. Else drawn portraits only.
"""

from __future__ import annotations

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch
from common import emit, measure
from PIL import Image

from anonbench.config.detectors import Detection, DetectorName
from anonbench.core.boxes import Region
from anonbench.core.libraries.compat import install_torchvision_ops
from anonbench.datasets.images import encode, read_image
from anonbench.detection.registry import build
from anonbench_demo import portraits

install_torchvision_ops()

from facenet_pytorch import MTCNN  # noqa: E402

SHARED = Path(__file__).resolve().parents[2] / "shared" / "data"
ALIGNED, WILD, DRAWN, BATCH, ROUNDS = 96, 24, 48, 32, 3
FULL_SIZE = (178, 218)
Boxes = list[np.ndarray]


def files(folder: Path) -> dict[str, list[Path]]:
    """Return what is measured, drawn portraits and full-size copies written to `folder`."""
    sets = {"drawn 178x218": _written(folder, "drawn", _drawn())}
    aligned = sorted((SHARED / "celeba" / "img_align_celeba").glob("*.jpg"))[:ALIGNED]
    if aligned:
        sets["aligned 89x109"] = aligned
        full = [np.asarray(Image.open(path).resize(FULL_SIZE)) for path in aligned[:DRAWN]]
        sets["aligned 178x218 (enlarged)"] = _written(folder, "full", full)
    wild = sorted((SHARED / "celeba_wild" / "img_celeba").glob("*.jpg"))[:WILD]
    if wild:
        sets["photos of many sizes"] = wild
    return sets


def _drawn() -> list[np.ndarray]:
    return [portraits.draw(0, f"someone-{index}", 0).image for index in range(DRAWN)]


def _written(folder: Path, name: str, images: list[np.ndarray]) -> list[Path]:
    """Write images as CelebA's are: JPEG files."""
    paths = [folder / f"{name}-{index}.jpg" for index in range(len(images))]
    for path, image in zip(paths, images, strict=True):
        path.write_bytes(encode(image, "jpeg"))
    return paths


class Ours:
    def __init__(self) -> None:
        self._detector = build(DetectorName.MTCNN, Detection())

    def __call__(self, paths: list[Path]) -> Boxes:
        found: list[list[Region]] = []
        for start in range(0, len(paths), BATCH):
            batch = [read_image(path) for path in paths[start : start + BATCH]]
            found += self._detector.detect(batch)
        return [
            np.array([(r.x0, r.y0, r.x1, r.y1) for r in regions]).reshape(-1, 4)
            for regions in found
        ]


class Theirs:
    def __init__(self) -> None:
        self._mtcnn = MTCNN(keep_all=True, select_largest=False)

    def __call__(self, paths: list[Path]) -> Boxes:
        return [self._one(path) for path in paths]

    def _one(self, path: Path) -> np.ndarray:
        image = Image.open(path).convert("RGB")
        boxes, _ = self._mtcnn.detect(image)
        if boxes is None:
            return np.zeros((0, 4))
        clipped: np.ndarray = np.clip(boxes.astype(float), 0, np.tile(image.size, 2))
        return clipped


def compare(ours: Ours, theirs: Theirs, paths: list[Path]) -> dict[str, Any]:
    for warm_up in (ours, theirs):
        warm_up(paths[:BATCH])
    own, other = [], []
    for _ in range(ROUNDS):
        our_boxes, time = measure(lambda: ours(paths))
        own.append(time["cpu_seconds"])
        their_boxes, time = measure(lambda: theirs(paths))
        other.append(time["cpu_seconds"])
    return {
        "images": len(paths),
        "faces": sum(map(len, our_boxes)),
        "ours_images_per_cpu_second": round(len(paths) / min(own), 1),
        "facenet_images_per_cpu_second": round(len(paths) / min(other), 1),
        "times_facenet": round(min(other) / min(own), 2),
        "times_facenet_each_round": [round(b / a, 2) for a, b in zip(own, other, strict=True)],
    } | _difference(our_boxes, their_boxes)


def _difference(ours: Boxes, theirs: Boxes) -> dict[str, Any]:
    pairs = list(zip(ours, theirs, strict=True))
    alike = [(a, b) for a, b in pairs if len(a) == len(b)]
    largest = max((float(np.abs(a - b).max()) for a, b in alike if len(a)), default=0.0)
    return {
        "images_with_another_count": len(pairs) - len(alike),
        "largest_difference_pixels": round(largest, 6),
    }


def main() -> None:
    torch.set_num_threads(1)
    ours, theirs = Ours(), Theirs()
    with TemporaryDirectory() as folder:
        sets = files(Path(folder))
        results = {name: compare(ours, theirs, paths) for name, paths in sets.items()}
    emit({"what": "MTCNN from file to boxes, one thread", "sets": results})


if __name__ == "__main__":
    main()
