"""Maps of hidden images' vectors: what they give back on your images, and how fast they are.

Without images, the speed alone, on drawn vectors. With images: a map for each method, judged on
other clusters than it is learned from, beside doing nothing, the mean shift and shuffled pairs.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from common import emit, peak_memory_gb

import anonbench
from anonbench.core.vocabulary import Variant
from anonbench.evaluation.mapped.judge import MAPPED, NOTHING, SHIFT, SHUFFLED

SHOWN = (NOTHING, SHIFT, SHUFFLED, MAPPED)


def speed(pairs: int, width: int) -> dict[str, Any]:
    """Return seconds of a fit with its judgement, and vectors mapped a second."""
    draw = np.random.default_rng(0)
    hidden = draw.standard_normal((pairs, width), dtype=np.float32)
    original = hidden + 0.3 * draw.standard_normal((pairs, width), dtype=np.float32)
    ids = [f"{number:07d}" for number in range(pairs)]
    began, used = time.perf_counter(), time.process_time()
    learned = anonbench.fit_map((ids, original), (ids, hidden))
    fitted, fitted_cpu = time.perf_counter() - began, time.process_time() - used
    began, used = time.perf_counter(), time.process_time()
    learned.apply(hidden)
    return {
        "pairs": pairs,
        "width": width,
        "fit_s": round(fitted, 2),
        "fit_cpu_s": round(fitted_cpu, 2),
        "applied_per_s": round(pairs / (time.perf_counter() - began)),
        "applied_per_cpu_s": round(pairs / (time.process_time() - used)),
        "peak_gb": peak_memory_gb(),
    }


def gains(given: argparse.Namespace) -> Iterator[dict[str, Any]]:
    """Give the judgement of each method's map, in percent."""
    found = anonbench.evaluate(
        given.system,
        given.images,
        methods=given.method,
        boxes=given.boxes,
        clusters=given.clusters,
        cache=given.cache,
    )
    for variant, hidden in found.vectors.items():
        if variant == Variant():
            continue
        learned = anonbench.fit_map(found.vectors[Variant()], hidden, given.clusters)
        for row in learned.card["judged"]:
            if row["remedy"] in SHOWN:
                numbers = {name: row[name] for name in ("value", "gain", "low", "high")}
                shown = {name: row[name] for name in ("remedy", "pairs", "query", "metric", "n")}
                yield (
                    {"variant": str(variant)}
                    | shown
                    | {
                        name: None if value is None else round(100 * value, 2)
                        for name, value in numbers.items()
                    }
                )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pairs", type=int, default=2000)
    parser.add_argument("--width", type=int, default=256)
    parser.add_argument("--images", type=Path, help="folder of images to hide and search")
    parser.add_argument("--boxes", type=Path, help="their regions; else they are searched")
    parser.add_argument("--clusters", type=Path, help="columns id and cluster (persons, documents)")
    parser.add_argument("--system", default="timm:tf_efficientnet_lite0")
    parser.add_argument("--method", action="append")
    parser.add_argument("--cache", type=Path)
    given = parser.parse_args()
    given.method = given.method or ["mask", "pixelate", "blur"]
    found = {"speed": speed(given.pairs, given.width)}
    emit(found | ({"gains": [*gains(given)]} if given.images else {}))


if __name__ == "__main__":
    main()
