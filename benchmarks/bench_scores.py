"""AP and nDCG side by side: ours, and every installed library that can express them.

    OMP_NUM_THREADS=1 python benchmarks/bench_scores.py

All get the same float32 similarities; the peers get the relevant images for free. Similarities are
positive, since scikit-learn refuses negative gains and torchmetrics' average precision is wrong for
negative scores. At full size the bar is the matrix products alone.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from typing import Any

import numpy as np
from common import emit, measure, peak_memory_gb

from anonbench.config import Retrieval
from anonbench.embeddings import Embeddings
from anonbench.ranking import Similarity, unit_rows
from anonbench.retrieval import metrics

Scores = tuple[np.ndarray, np.ndarray]
SMALL = (2_000, 256)
FULL = ((19_792, 256, 1024), (39_972, 1024, 512))
TOLERANCE = 1e-5


def units(images: int, depth: int, noise: float) -> np.ndarray:
    """Return unit vectors in clusters; another `noise` is another version of the same images."""
    generator = np.random.default_rng(images)
    centres = generator.standard_normal((50, depth), dtype=np.float32)
    values = 1.0 + centres[generator.integers(0, 50, images)]
    values += generator.standard_normal((images, depth), dtype=np.float32)
    own = np.random.default_rng(round(noise * 100))
    values += noise * own.standard_normal((images, depth), dtype=np.float32)
    return unit_rows(Embeddings([str(i) for i in range(images)], values), "benchmark")


def by_argsort(reference: np.ndarray, scores: np.ndarray, k: int) -> Scores:
    """Both metrics in plain NumPy, with full sorts."""
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


def by_sklearn(relevant: np.ndarray, gains: np.ndarray, scores: np.ndarray, k: int) -> Scores:
    """scikit-learn: AP a row at a time, nDCG at once."""
    from sklearn.metrics import average_precision_score, ndcg_score

    ap = [average_precision_score(r, s) for r, s in zip(relevant, scores, strict=True)]
    # one call gives the mean only
    return np.array(ap), np.array([ndcg_score(gains, scores, k=k, ignore_ties=True)])


def by_torchmetrics(relevant: np.ndarray, gains: np.ndarray, scores: np.ndarray, k: int) -> Scores:
    """torchmetrics' functional interface, a row at a time."""
    import torch

    from anonbench.compat import install_torchvision_ops

    install_torchvision_ops()
    from torchmetrics.functional.retrieval import (
        retrieval_average_precision,
        retrieval_normalized_dcg,
    )

    hits, worth, given = (torch.from_numpy(values) for values in (relevant, gains, scores))
    rows = range(len(scores))
    return (
        np.array([float(retrieval_average_precision(given[i], hits[i])) for i in rows]),
        np.array([float(retrieval_normalized_dcg(given[i], worth[i], top_k=k)) for i in rows]),
    )


def by_pytrec_eval(relevant: np.ndarray, gains: np.ndarray, scores: np.ndarray, k: int) -> Scores:
    """pytrec_eval: AP only, its gains are integers."""
    import pytrec_eval

    names = [f"{i:06d}" for i in range(scores.shape[1])]
    truth = {str(q): {names[i]: 1 for i in np.flatnonzero(row)} for q, row in enumerate(relevant)}
    run = {str(q): dict(zip(names, row, strict=True)) for q, row in enumerate(scores.tolist())}
    found = pytrec_eval.RelevanceEvaluator(truth, {"map"}).evaluate(run)
    return np.array([found[str(q)]["map"] for q in range(len(scores))]), np.empty(0)


PEERS: dict[str, tuple[str, Callable[..., Scores]]] = {
    "scikit-learn": ("sklearn", by_sklearn),
    "torchmetrics": ("torchmetrics", by_torchmetrics),
    "pytrec_eval": ("pytrec_eval", by_pytrec_eval),
}


def small() -> dict[str, Any]:
    """Compare everyone at a size that all can do."""
    images, depth = SMALL
    settings = Retrieval()
    k = metrics.cutoff(images, settings)
    original, anonymized = units(images, depth, 0.0), units(images, depth, 1.0)
    reference = np.abs(original @ original.T)
    scores = np.abs(anonymized @ anonymized.T)

    def ours() -> Scores:
        truth = metrics.reference(reference, k, 0, settings)
        return metrics.score(truth, scores, settings)

    (ap, ndcg), spent = measure(ours, repeat=5)
    truth = metrics.reference(reference, k, 0, settings)
    _, alone = measure(lambda: metrics.score(truth, scores, settings), repeat=5)
    result: dict[str, Any] = {
        "images": images,
        "k": k,
        # with the reference ranking, which the peers get for free, and without it
        "ours": spent | {"map": ap.mean(), "mndcg": ndcg.mean()},
        "ours, scenario alone": alone,
    }

    relevant = np.zeros(reference.shape, dtype=np.int64)
    np.put_along_axis(relevant, truth.relevant, 1, axis=1)
    runs = {"NumPy argsort": lambda: by_argsort(reference, scores, k)}
    for name, (module, run) in PEERS.items():
        if importlib.util.find_spec(module) is None:
            result[name] = "not installed"
        else:
            runs[name] = lambda run=run: run(relevant, reference, scores, k)  # type: ignore[misc]
    for name, work in runs.items():
        work()  # the first run imports and warms up
        (peer_ap, peer_ndcg), spent = measure(work)
        result[name] = spent | {
            "times_ours": round(spent["cpu_seconds"] / result["ours"]["cpu_seconds"], 1),
            "times_scenario_alone": round(spent["cpu_seconds"] / alone["cpu_seconds"], 1),
            "map": peer_ap.mean(),
            "mndcg": peer_ndcg.mean() if len(peer_ndcg) else None,
            # single queries differ where float32 similarities tie: we decide by id
            "queries_apart": int((np.abs(peer_ap - ap) > TOLERANCE).sum()),
            "equal": bool(
                abs(peer_ap.mean() - ap.mean()) < TOLERANCE
                and (not len(peer_ndcg) or abs(peer_ndcg.mean() - ndcg.mean()) < TOLERANCE)
            ),
        }
    return result


def full(images: int, depth: int, queries: int) -> dict[str, Any]:
    """Score some queries of a full-size set, both query kinds, against products and argsort."""
    settings = Retrieval()
    k = metrics.cutoff(images, settings)
    original = units(images, depth, 0.0)
    database = units(images, depth, 1.0)
    to_reference = Similarity(original, settings.block)
    to_database = Similarity(database, settings.block)
    before = peak_memory_gb()
    kinds = (original, database)

    def products() -> None:
        for block in to_reference.slices(queries):
            to_reference(original[block])
            for asked in kinds:
                to_database(asked[block])

    def ours() -> list[Scores]:
        results = []
        for block in to_reference.slices(queries):
            truth = metrics.reference(to_reference(original[block]), k, block.start, settings)
            for asked in kinds:
                results.append(metrics.score(truth, to_database(asked[block]), settings))
        return results

    def argsort() -> list[Scores]:
        results = []
        for block in to_reference.slices(queries):
            reference = to_reference(original[block]).copy()
            for asked in kinds:
                results.append(by_argsort(reference, to_database(asked[block]), k))
        return results

    products()
    _, bar = measure(products, repeat=2)
    found, spent = measure(ours, repeat=2)
    peak = peak_memory_gb()
    expected, plain = measure(argsort)
    equal = all(np.allclose(a, b, atol=1e-12) for a, b in zip(found, expected, strict=True))
    return {
        "images": images,
        "dimensions": depth,
        "queries": queries,
        "k": k,
        "matrix_products": bar,
        "ours": spent | {"gb_beyond_embeddings": round(peak - before, 3)},
        "NumPy argsort": plain,
        "ours_over_products": round(spent["cpu_seconds"] / bar["cpu_seconds"], 2),
        "argsort_over_ours": round(plain["cpu_seconds"] / spent["cpu_seconds"], 1),
        "equal": equal,
        "minutes_for_all_queries": round(spent["seconds"] / queries * images / 60, 1),
    }


if __name__ == "__main__":
    emit({"small": small(), "full": [full(*size) for size in FULL]})
