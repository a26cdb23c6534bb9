"""Text detection: the direct engine beside PaddleOCR's `TextDetection.predict`, image by image.

Both run the same PP-OCRv3 weights by ONNX Runtime with the same five thresholds, on scanned pages
in memory: real RVL-CDIP pages from the folder beside the checkout, where it is there, else
generated documents. The two take turns, so that other work on the machine hits both; the least time
counts, and each round's ratio is told. PaddleOCR gives its threads to one image, the direct engine
to one image each. CPU time says more on a busy machine, where waiting threads of PaddleOCR's spin.

Nine tenths and more of the time is the network's, which is the same in both; all that is gained on
one thread is that the direct engine flushes denormals, which Intel's processors are slow with.
Tried without gain: ONNX Runtime's options (memory patterns, reuse, arena), batches of pages, tables
for the normalization. Merging the network's biases, batch
normalization and activations saves 6 %, but moves probabilities by up to 6e-4: nothing would hold
boxes to PaddleOCR's any more (on these 24 pages they stay the same).
"""

from __future__ import annotations

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from common import emit, measure, peak_memory_gb

from anonbench.core.boxes import Region
from anonbench.datasets.images import read_image
from anonbench.detection.kinds import Ppocr
from anonbench.detection.text.dbnet import DbnetDetector
from anonbench.detection.text.dbnet_input import read_definition, to_input
from anonbench.detection.text.ppocr import load_paddleocr, model_folder
from anonbench.detection.text.ppocr_model import TextModel, find_model
from anonbench_demo import documents

SHARED = Path(__file__).resolve().parents[2] / "shared" / "data" / "rvl_cdip" / "images"
PAGES, ROUNDS, THREADS = 24, 5, (2, 1)
SETTINGS = Ppocr()
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
    paths = sorted(path for path in SHARED.rglob("*") if path.is_file())
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
    rounds = zip(times["paddleocr"], times["direct"], strict=True)
    return {
        "best": round(best["paddleocr"] / best["direct"], 2),
        "each_round": [round(theirs[unit] / ours[unit], 2) for theirs, ours in rounds],
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


def compare(threads: int, model: TextModel, images: list[np.ndarray]) -> dict[str, object]:
    with model_folder(model) as folder:
        peer = load_paddleocr(SETTINGS.model, folder, threads)
    detector = DbnetDetector(SETTINGS, threads)
    results, times = in_turn(
        {
            "direct": partial(by_us, detector, images),
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
            "goal_times_paddleocr": 1.3,
            "by_threads": {str(n): compare(n, model, images) for n in THREADS},
            "shares": shares(model, images),
            "peak_memory_gb": peak_memory_gb(),
        }
    )


if __name__ == "__main__":
    main()
