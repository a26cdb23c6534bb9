"""Faces of every size and turn: which are covered, by detector, and what it takes.

    python benchmarks/bench_views.py [--all]

Real faces of photographs (CelebA in the wild, beside the checkout), true boxes where CenterFace and
MTCNN agree, each searching once, many in a scene at a size. A face is covered if at least 90 % of
its box is inside what is hidden. deface's boxes are those of its own class, grown as its command
does by default. Seconds are of one core. Without `--all` (five times as many photographs, and
images of 12 megapixels), about two minutes on an idle core.
"""

from __future__ import annotations

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

import sys
from collections import defaultdict
from collections.abc import Iterator, Sequence
from functools import partial
from math import ceil, sqrt
from typing import Any, NamedTuple

import numpy as np
from common import SHARED, emit, measure

from anonbench.config.detectors import Detection, covering
from anonbench.core.boxes import Region
from anonbench.core.libraries.onnx import cpu_session
from anonbench.core.libraries.opencv import cv2
from anonbench.core.registries.detectors import Detector
from anonbench.core.vocabulary import Entity
from anonbench.datasets.images import read_image
from anonbench.detection.base import Grown, clipped
from anonbench.detection.kinds.centerface import read_model
from anonbench.detection.search import build

PHOTOGRAPHS = 24
SCENES = ((24, 0.5), (48, 0.8), (96, 1.9), (24, 4.5), (48, 4.5))
LARGE_SCENES = ((24, 12.0), (48, 12.0), (96, 12.0))
"""Pixels of faces, and megapixels."""
CONTEXT = 1.8
"""Side of what is shown about a face, as a share of the face."""
SIZES = (0.5, 4.0, 12.0)
"""Megapixels of images that are timed."""


class Photo(NamedTuple):
    """An image and the true boxes of its faces, float [N, 4]."""

    image: np.ndarray
    faces: np.ndarray


class Deface:
    """deface's own class, with ONNX Runtime and its defaults."""

    def __init__(self, size: tuple[int, int] | None = None) -> None:
        from deface.centerface import CenterFace

        self._model = CenterFace.__new__(CenterFace)  # it wants the package onnx
        self._model.in_shape, self._model.backend = size, "onnxrt"
        self._model.sess = cpu_session(read_model())
        self._model.onnx_input_name = "input.1"
        self._model.onnx_output_names = ["537", "538", "539", "540"]

    def detect(self, images: Sequence[np.ndarray]) -> list[list[Region]]:
        """See `Detector.detect`."""
        rows = [self._model(image, threshold=0.2)[0].astype(float) for image in images]
        pairs = zip(images, rows, strict=True)
        return [clipped(Entity.FACE, each[:, :4], each[:, 4], image) for image, each in pairs]


def detectors() -> dict[str, Detector]:
    """Detectors by their names in the table, at the settings of `anonbench anonymize`."""

    def made(name: str, speed: str) -> Detector:
        return build(name, Detection.model_validate(covering({"speed": speed})))

    found = {f"centerface, {speed}": made("centerface", speed) for speed in ("thorough", "quick")}
    found["centerface, single"] = build("centerface", Detection(speed="single"))
    found["mtcnn"] = made("mtcnn", "thorough")
    try:
        found["deface"] = Grown(Deface(), 1.6)
        found["deface --scale 640x360"] = Grown(Deface((640, 360)), 1.6)
    except ImportError:
        pass
    return found


def boxes(regions: Sequence[Region]) -> np.ndarray:
    return np.array([(r.x0, r.y0, r.x1, r.y1) for r in regions], float).reshape(-1, 4)


def overlap(one: np.ndarray, other: np.ndarray) -> float:
    """Intersection over union."""
    sides = np.minimum(one[2:], other[2:]) - np.maximum(one[:2], other[:2])
    shared = float(np.prod(np.maximum(sides, 0)))
    return shared / float(np.prod(one[2:] - one[:2]) + np.prod(other[2:] - other[:2]) - shared)


def photographs(count: int) -> list[Photo]:
    """Photographs of different persons, evenly chosen, with faces that two detectors agree on."""
    paths = sorted((SHARED / "data/celeba_wild/img_celeba").glob("*.jpg"))
    if not paths:
        raise SystemExit("the photographs (CelebA in the wild) are not beside the checkout")
    pair = [build(name, Detection(speed="single")) for name in ("centerface", "mtcnn")]
    photos = []
    for path in paths[:: max(1, len(paths) // count)][:count]:
        image = read_image(path)
        image = image if image.ndim == 3 else np.repeat(image[:, :, None], 3, 2)
        ours, theirs = (boxes(detector.detect([image])[0]) for detector in pair)
        agreed = [(a + b) / 2 for a in ours for b in theirs if overlap(a, b) > 0.5]
        photos.append(Photo(image, np.array(agreed).reshape(-1, 4)))
    return photos


def resized(image: np.ndarray, factor: float) -> np.ndarray:
    how = cv2.INTER_AREA if factor < 1 else cv2.INTER_CUBIC
    return cv2.resize(image, None, fx=factor, fy=factor, interpolation=how)


def patches(photos: Sequence[Photo], size: int) -> Iterator[Photo]:
    """Yield faces with a little of what is around them, scaled to a size."""
    for image, faces in photos:
        for face in faces:
            side = float(max(face[2:] - face[:2]))
            if side < size / 2:
                continue
            middle, half = (face[:2] + face[2:]) / 2, round(CONTEXT * side / 2)
            x, y = np.round(middle).astype(int) + half  # in the image with a border
            around = cv2.copyMakeBorder(image, half, half, half, half, cv2.BORDER_REPLICATE)
            patch = resized(around[y - half : y + half, x - half : x + half], size / side)
            box = face - np.tile(np.round(middle) - half, 2)
            yield Photo(patch, box[None] * (size / side))


def scene(faces: Sequence[Photo], megapixels: float) -> Photo:
    """Put faces in rows on one image, as many as fit."""
    side = round(sqrt(megapixels * 1e6))
    pitch = max(max(face.image.shape[0] for face in faces), side // ceil(sqrt(len(faces))))
    across = side // pitch
    image = np.full((side, side, 3), 128, np.uint8)
    found = []
    for place in range(min(len(faces), across * across)):
        patch, box = faces[place]
        y, x = (pitch * index for index in divmod(place, across))
        image[y : y + patch.shape[0], x : x + patch.shape[1]] = patch
        found.append(box[0] + (x, y, x, y))
    return Photo(image, np.array(found))


def turned(photo: Photo) -> Photo:
    """Turn an image and its boxes by a quarter, as `numpy.rot90` does."""
    x0, y0, x1, y1 = photo.faces.T
    width = photo.image.shape[1]
    faces = np.stack([y0, width - x1, y1, width - x0], axis=1)
    return Photo(np.ascontiguousarray(np.rot90(photo.image)), faces)


def covered(photo: Photo, areas: np.ndarray) -> int:
    """Faces covered to 90 % of their area by boxes."""
    inside = np.zeros(photo.image.shape[:2], bool)
    for x0, y0, x1, y1 in areas:
        inside[max(0, int(y0)) : ceil(y1), max(0, int(x0)) : ceil(x1)] = True
    return sum(
        bool(inside[max(0, round(y0)) : round(y1), max(0, round(x0)) : round(x1)].mean() >= 0.9)
        for x0, y0, x1, y1 in photo.faces
    )


def recall(photos: Sequence[Photo], everything: bool) -> dict[str, Any]:
    """Percent of faces covered, by scene, detector and turn (0, 90, 180 degrees; --all: 270)."""
    table: dict[str, Any] = {}
    known = detectors()
    for size, megapixels in SCENES + (LARGE_SCENES if everything else ()):
        photo = scene(list(patches(photos, size)), megapixels)
        found: dict[str, list[float]] = defaultdict(list)
        for _ in range(4 if everything else 3):
            for name, detector in known.items():
                hidden = covered(photo, boxes(detector.detect([photo.image])[0]))
                found[name].append(round(100 * hidden / len(photo.faces), 1))
            photo = turned(photo)
        row = f"{size} px, {megapixels} megapixels"
        table[row] = {"faces": len(photo.faces)} | dict(found)
        print(row, table[row], file=sys.stderr, flush=True)
    return table


def seconds(image: np.ndarray, rounds: int) -> dict[str, Any]:
    """CPU seconds for an image, and how many times those of one search at full size."""
    table: dict[str, Any] = {}
    known = detectors()
    for megapixels in SIZES:
        scaled = resized(image, sqrt(1e6 * megapixels / (image.shape[0] * image.shape[1])))
        times: dict[str, float] = defaultdict(lambda: float("inf"))
        for _ in range(rounds):  # in turns: other jobs change the machine's speed
            for name, detector in known.items():
                spent = measure(partial(detector.detect, [scaled]))[1]["cpu_seconds"]
                times[name] = min(times[name], spent)
        once = times["centerface, single"]
        table[f"{megapixels} megapixels"] = {
            name: {"seconds": round(spent, 3), "times_single": round(spent / once, 2)}
            for name, spent in times.items()
        }
    return table


def main() -> None:
    everything = sys.argv[1:] == ["--all"]
    photos = photographs(PHOTOGRAPHS * (5 if everything else 1))
    emit(
        {
            "what": "faces of every size and turn",
            "photographs": len(photos),
            "recall": recall(photos, everything),
            "seconds": seconds(photos[0].image, 3 if everything else 1),
        }
    )


if __name__ == "__main__":
    main()
