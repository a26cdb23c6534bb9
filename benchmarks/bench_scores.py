"""Retrieval scores side by side: libraries, a plain NumPy argsort, and the matrix products alone.

    OMP_NUM_THREADS=1 python benchmarks/bench_scores.py

Small: libraries get the same similarities, in their own format, and the relevant images for free;
we rank the reference too and give all seven scores. Similarities are positive: with others some
peers are wrong (`cannot` says which). Full size: one block of queries, with both query kinds of a
scenario; what all queries and the paper's rankings take is projected from it.
"""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from common import emit, measure

from anonbench.config import Retrieval
from anonbench.core.numeric.similarity import ProductBuffer, unit_rows
from anonbench.evaluation.retrieval.scoring import metrics
from anonbench.evaluation.retrieval.scoring.engine import Engine
from anonbench.evaluation.retrieval.scoring.metrics import COLUMNS

Scores = tuple[np.ndarray, np.ndarray | None]
SMALL = (2_000, 256)
FULL = (19_792, 39_972)
"""Validation images of CelebA, and of RVL-CDIP."""
RANKINGS = {19_792: 24, 39_972: 96}
"""The paper's: 4 models x 3 methods x 2 query kinds, of one degree and of four."""
DEPTH = 1024
REPEAT = {1: 6, 2: 4, 4: 4}
"""How often so many scenarios are scored."""
SETTINGS = Retrieval()
TOLERANCE = 1e-5


def units(images: int, depth: int, noise: float) -> np.ndarray:
    """Return unit vectors in clusters; another `noise` is another version of the same images."""
    generator = np.random.default_rng(images)
    centres = generator.standard_normal((50, depth), dtype=np.float32)
    values = 1.0 + centres[generator.integers(0, 50, images)]
    values += generator.standard_normal((images, depth), dtype=np.float32)
    own = np.random.default_rng(round(noise * 100))
    values += noise * own.standard_normal((images, depth), dtype=np.float32)
    return unit_rows(values)


class Given:
    """A database whose similarities are given."""

    def __init__(self, similarity: np.ndarray) -> None:
        self._similarity = similarity

    def __call__(self, queries: np.ndarray, room: ProductBuffer) -> np.ndarray:
        return self._similarity[queries[:, 0]]


def by_argsort(reference: np.ndarray, scores: np.ndarray, k: int) -> Scores:
    """AP and nDCG in plain NumPy, with full sorts."""
    truth = np.argsort(-reference, axis=1, kind="stable")[:, :k]
    found = np.argsort(-scores, axis=1, kind="stable")
    relevant = np.zeros(reference.shape, dtype=bool)
    np.put_along_axis(relevant, truth, True, axis=1)
    hits = np.take_along_axis(relevant, found, axis=1)
    precision = np.cumsum(hits, axis=1) / np.arange(1, reference.shape[1] + 1)
    weights = 1 / np.log2(np.arange(2, k + 2))
    gains = reference.astype(np.float64)
    dcg = np.take_along_axis(gains, found[:, :k], axis=1) @ weights
    return (precision * hits).sum(axis=1) / k, dcg / (
        np.take_along_axis(gains, truth, axis=1) @ weights
    )


def by_sklearn(relevant: np.ndarray, gains: np.ndarray, scores: np.ndarray, k: int) -> Any:
    from sklearn.metrics import average_precision_score, ndcg_score

    def run() -> Scores:
        ap = [average_precision_score(r, s) for r, s in zip(relevant, scores, strict=True)]
        # one call gives the mean only
        return np.array(ap), np.array([ndcg_score(gains, scores, k=k, ignore_ties=True)])

    return run


def by_torchmetrics(relevant: np.ndarray, gains: np.ndarray, scores: np.ndarray, k: int) -> Any:
    import torch

    from anonbench.core.libraries.compat import install_torchvision_ops

    install_torchvision_ops()
    from torchmetrics.functional.retrieval import (
        retrieval_average_precision,
        retrieval_normalized_dcg,
    )

    hits, worth, given = (torch.from_numpy(values) for values in (relevant, gains, scores))
    rows = range(len(scores))

    def run() -> Scores:
        return (
            np.array([float(retrieval_average_precision(given[i], hits[i])) for i in rows]),
            np.array([float(retrieval_normalized_dcg(given[i], worth[i], top_k=k)) for i in rows]),
        )

    return run


def as_dictionaries(relevant: np.ndarray, scores: np.ndarray) -> tuple[Any, Any]:
    names = [f"{i:06d}" for i in range(scores.shape[1])]
    queries = [f"{i:06d}" for i in range(len(scores))]
    truth = {
        q: {names[i]: 1 for i in np.flatnonzero(r)} for q, r in zip(queries, relevant, strict=True)
    }
    run = {
        q: dict(zip(names, row, strict=True))
        for q, row in zip(queries, scores.tolist(), strict=True)
    }
    return truth, run


def by_pytrec_eval(relevant: np.ndarray, gains: np.ndarray, scores: np.ndarray, k: int) -> Any:
    import pytrec_eval

    truth, run = as_dictionaries(relevant, scores)
    evaluator = pytrec_eval.RelevanceEvaluator(truth, {"map"})

    def work() -> Scores:
        found = evaluator.evaluate(run)
        return np.array([found[query]["map"] for query in run]), None

    return work


def by_ranx(relevant: np.ndarray, gains: np.ndarray, scores: np.ndarray, k: int) -> Any:
    from ranx import Qrels, Run, evaluate

    truth, given = as_dictionaries(relevant, scores)
    qrels, run = Qrels(truth), Run(given)

    def work() -> Scores:
        ap = evaluate(qrels, run, "map", return_mean=False, threads=1)
        return np.asarray(ap), None

    return work


PEERS: dict[str, tuple[str, Callable[..., Any], str]] = {
    "scikit-learn": ("sklearn", by_sklearn, "negative gains; nDCG of single queries in one call"),
    "torchmetrics": (
        "torchmetrics",
        by_torchmetrics,
        "average precision of negative scores: wrong",
    ),
    "pytrec_eval-terrier": ("pytrec_eval", by_pytrec_eval, "nDCG: its gains are integers"),
    "ranx": ("ranx", by_ranx, "nDCG: its gains are integers"),
}


def small() -> dict[str, Any]:
    """Compare everyone at a size that all can do."""
    images, depth = SMALL
    k = metrics.cutoff(images, SETTINGS)
    original, anonymized = units(images, depth, 0.0), units(images, depth, 1.0)
    reference = np.abs(original @ original.T)
    scores = np.abs(anonymized @ anonymized.T)
    engine = Engine(SETTINGS, k)
    to_reference, to_database = Given(reference), Given(scores)

    def ours() -> dict[str, np.ndarray]:
        parts = []
        for block in engine.slices(images):
            own = np.arange(block.start, block.stop)
            truth = engine.reference(to_reference, own[:, None], own)
            parts += engine.score(truth, to_database, [own[:, None]], own)
        return {column: np.concatenate([part[column] for part in parts]) for column in COLUMNS}

    found, spent = measure(ours, repeat=7)
    result: dict[str, Any] = {
        "images": images,
        "k": k,
        "ours": spent | {column: round(float(found[column].mean()), 6) for column in COLUMNS},
    }
    relevant = np.zeros(reference.shape, dtype=np.int64)
    np.put_along_axis(relevant, np.argsort(-reference, kind="stable")[:, :k], 1, axis=1)
    result["NumPy argsort"] = peer(lambda: by_argsort(reference, scores, k), found, spent)
    for name, (module, prepare, cannot) in PEERS.items():
        if importlib.util.find_spec(module) is None:
            result[name] = "not installed"
            continue
        run = prepare(relevant, reference, scores, k)
        run()  # the first run imports, compiles and warms up
        result[name] = peer(run, found, spent) | {"cannot": cannot}
    right = [
        value["times_ours"]
        for name, value in result.items()
        if name in PEERS and isinstance(value, dict) and value["equal"]
    ]
    result["times_ours_of_the_fastest_library"] = min(right, default=None)
    return result


def peer(
    run: Callable[[], Scores], ours: dict[str, np.ndarray], spent: dict[str, float]
) -> dict[str, Any]:
    (ap, ndcg), theirs = measure(run)
    means = [float(ours["ap"].mean()), float(ours["ndcg"].mean())]
    found = [float(ap.mean()), None if ndcg is None else float(ndcg.mean())]
    return theirs | {
        "times_ours": round(theirs["cpu_seconds"] / spent["cpu_seconds"], 1),
        "ap": found[0],
        "ndcg": found[1],
        # single queries differ where float32 similarities tie: we decide by id
        "queries_apart": int((np.abs(ap - ours["ap"]) > TOLERANCE).sum()),
        "equal": all(
            b is None or abs(a - b) < TOLERANCE for a, b in zip(means, found, strict=True)
        ),
    }


def memory_gb(what: str) -> float:
    """Return the memory that this process holds (VmRSS), or the most it has held (VmHWM)."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 / 1e9 for line in lines if line.startswith(what))


def forget_peak() -> float:
    """Begin anew with the most memory held; return what is held now, in GB."""
    Path("/proc/self/clear_refs").write_text("5")
    return memory_gb("VmRSS")


def full(images: int) -> dict[str, Any]:
    """Score a block of a full-size set, with more and more scenarios."""
    k = metrics.cutoff(images, SETTINGS)
    original, anonymized = units(images, DEPTH, 0.0), units(images, DEPTH, 1.0)
    held = forget_peak()
    engine = Engine(SETTINGS, k)
    reference, database = engine.database(original), engine.database(anonymized)
    block = engine.slices(images)[0]
    own = np.arange(block.start, block.stop)
    kinds = (original[block], anonymized[block])

    def ours(scenarios: int) -> list[dict[str, np.ndarray]]:
        truth = engine.reference(reference, kinds[0], own)
        return [
            each for _ in range(scenarios) for each in engine.score(truth, database, kinds, own)
        ]

    ours(1)
    beyond = round(memory_gb("VmHWM") - held, 3)
    room = np.empty((2 * len(own), images), dtype=np.float32)
    both = np.concatenate(kinds)

    def product(queries: np.ndarray, searched: np.ndarray) -> None:
        np.matmul(queries, searched.T, out=room[: len(queries)])

    def products(scenarios: int, parts: Sequence[np.ndarray]) -> None:
        product(kinds[0], original)
        for _ in range(scenarios):
            for part in parts:
                product(part, anonymized)

    counts = {}
    for scenarios, repeat in REPEAT.items():
        works: dict[str, Callable[[], Any]] = {
            "ours": partial(ours, scenarios),
            "products": partial(products, scenarios, kinds),
            "products of both kinds at once": partial(products, scenarios, [both]),
        }
        spent: dict[str, float] = {}
        # in turns, since other jobs on the machine change its speed
        for name, work in [each for _ in range(repeat) for each in works.items()]:
            seconds = measure(work)[1]["cpu_seconds"]
            spent[name] = min(seconds, spent.get(name, seconds))
        best = spent["ours"]
        counts[scenarios] = {
            "cpu_seconds": best,
            "products_cpu_seconds": spent["products"],
            "over_products": round(best / spent["products"], 3),
            "over_products_of_both_kinds_at_once": round(
                best / spent["products of both kinds at once"], 3
            ),
            "milliseconds_per_query_and_scenario": round(best / scenarios / len(own) * 1e3, 3),
        }
    # each scenario costs the same, and what the reference costs is left
    most, least = max(REPEAT), min(REPEAT)
    scenario = (counts[most]["cpu_seconds"] - counts[least]["cpu_seconds"]) / (most - least)
    shared = counts[most]["cpu_seconds"] - most * scenario
    again = images / len(own) / 60  # minutes for all queries, of a block's seconds
    cores = len(os.sched_getaffinity(0))
    rankings = RANKINGS[images]
    part = slice(0, 48)
    truth_part = kinds[0][part] @ original.T

    def argsort() -> list[Scores]:
        return [by_argsort(truth_part, queries[part] @ anonymized.T, k) for queries in kinds]

    plain, plain_time = measure(argsort)
    per_query = plain_time["cpu_seconds"] / (part.stop - part.start)
    return {
        "images": images,
        "dimensions": DEPTH,
        "k": k,
        "queries": len(own),
        "scenarios": counts,
        "gb_beyond_embeddings": beyond,
        "NumPy argsort": {
            "milliseconds_per_query_and_scenario": round(per_query * 1e3, 3),
            "times_ours": round(per_query / (counts[1]["cpu_seconds"] / len(own)), 1),
            # float32 rounds products of another shape elsewhere, which moves near ties
            "largest_difference": max(
                float(np.abs(expected[i] - given[column][part]).max())
                for expected, given in zip(plain, ours(1), strict=True)
                for i, column in enumerate(("ap", "ndcg"))
            ),
        },
        "paper": {
            "rankings": rankings,
            "cpu_minutes": round((shared + rankings / 2 * scenario) * again, 1),
            "minutes_on_all_cores": round((shared + rankings / 2 * scenario) * again / cores, 1),
            "minutes_on_all_cores_if_each_had_both_query_kinds": round(
                (shared + rankings * scenario) * again / cores, 1
            ),
        },
    }


if __name__ == "__main__":
    # first, while no library has left memory behind that would hide what we take
    sizes = [full(images) for images in FULL]
    emit({"small": small(), "full": sizes})
