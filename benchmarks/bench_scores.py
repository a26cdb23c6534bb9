"""Retrieval scores side by side: libraries, a plain NumPy argsort, and the matrix products alone.

    OMP_NUM_THREADS=1 python benchmarks/bench_scores.py

Small: libraries get the same similarities, in their own format, and the relevant images for free;
we rank the reference too and give all seven scores. Similarities are positive: with others some
peers are wrong (`cannot` says which). Full size: one block of queries, with both query kinds of a
scenario.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from common import clustered, emit, measure

from anonbench.config import Retrieval
from anonbench.core.numeric.similarity import ProductBuffer, blocks, unit_rows
from anonbench.evaluation.retrieval.scoring import metrics
from anonbench.evaluation.retrieval.scoring.engine import Engine
from anonbench.evaluation.retrieval.scoring.metrics import COLUMNS

Scores = tuple[np.ndarray, np.ndarray | None]
"""Average precision and nDCG of each query."""
Prepare = Callable[[np.ndarray, np.ndarray, np.ndarray, int], Callable[[], Scores]]
"""Of relevance, gains and scores, each [Q, N], and k."""
SMALL = (2_000, 256)
FULL = (19_792, 39_972)
"""Validation images of CelebA, and of RVL-CDIP."""
DEPTH = 1024
REPEAT = 6
ARGSORTED = 48
"""Queries of full size that are sorted whole."""
SETTINGS = Retrieval()
TOLERANCE = 1e-5


def units(images: int, depth: int, noise: float) -> np.ndarray:
    """Return unit vectors in clusters; another `noise` is another version of the same images."""
    return unit_rows(clustered(images, depth, noise, round(noise * 100)))


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
    from torchmetrics.functional import retrieval

    rows = list(zip(*map(torch.from_numpy, (scores, relevant, gains)), strict=True))

    def run() -> Scores:
        ap = [float(retrieval.retrieval_average_precision(row, hits)) for row, hits, _ in rows]
        ndcg = [float(retrieval.retrieval_normalized_dcg(row, g, top_k=k)) for row, _, g in rows]
        return np.array(ap), np.array(ndcg)

    return run


def as_dictionaries(relevant: np.ndarray, scores: np.ndarray) -> tuple[Any, Any]:
    names = [f"{i:06d}" for i in range(max(scores.shape))]
    truth = {names[q]: {names[i]: 1 for i in np.flatnonzero(r)} for q, r in enumerate(relevant)}
    run = {names[q]: dict(zip(names, row, strict=False)) for q, row in enumerate(scores.tolist())}
    return truth, run


def by_pytrec_eval(relevant: np.ndarray, gains: np.ndarray, scores: np.ndarray, k: int) -> Any:
    import pytrec_eval

    truth, run = as_dictionaries(relevant, scores)
    evaluator = pytrec_eval.RelevanceEvaluator(truth, {"map"})
    return lambda: (np.array([each["map"] for each in evaluator.evaluate(run).values()]), None)


def by_ranx(relevant: np.ndarray, gains: np.ndarray, scores: np.ndarray, k: int) -> Any:
    from ranx import Qrels, Run, evaluate

    truth, given = as_dictionaries(relevant, scores)
    qrels, run = Qrels(truth), Run(given)
    return lambda: (np.asarray(evaluate(qrels, run, "map", return_mean=False, threads=1)), None)


PEERS: dict[str, tuple[Prepare, str]] = {
    "scikit-learn": (by_sklearn, "negative gains; nDCG of single queries in one call"),
    "torchmetrics": (by_torchmetrics, "average precision of negative scores: wrong"),
    "pytrec_eval-terrier": (by_pytrec_eval, "nDCG: its gains are integers"),
    "ranx": (by_ranx, "nDCG: its gains are integers"),
}


def small() -> dict[str, Any]:
    """Compare everyone at a size that all can do."""
    images, depth = SMALL
    k = metrics.cutoff(images, SETTINGS)
    original, anonymized = units(images, depth, 0.0), units(images, depth, 1.0)
    reference = np.abs(original @ original.T)
    scores = np.abs(anonymized @ anonymized.T)
    engine = Engine(SETTINGS, images)
    to_reference, to_database = Given(reference), Given(scores)

    def ours() -> dict[str, np.ndarray]:
        parts: list[np.ndarray] = []
        for block in blocks(images, engine.block):
            own = np.arange(block.start, block.stop)
            truth = engine.reference(to_reference, own[:, None], own)
            parts.extend(engine.score_block(truth, to_database, [own[:, None]], own))
        return dict(zip(COLUMNS, np.concatenate(parts, axis=1), strict=True))

    found, spent = measure(ours, repeat=7)
    means = {column: round(float(found[column].mean()), 6) for column in COLUMNS}
    result: dict[str, Any] = {"images": images, "k": k, "ours": spent | means}
    relevant = np.zeros(reference.shape, dtype=np.int64)
    np.put_along_axis(relevant, np.argsort(-reference, kind="stable")[:, :k], 1, axis=1)
    result["NumPy argsort"] = peer(lambda: by_argsort(reference, scores, k), found, spent)
    right = []
    for name, (prepare, cannot) in PEERS.items():
        try:
            run = prepare(relevant, reference, scores, k)
        except ModuleNotFoundError:
            result[name] = "not installed"
            continue
        run()  # the first run compiles and warms up
        result[name] = peer(run, found, spent) | {"cannot": cannot}
        right += [result[name]["times_ours"]] if result[name]["equal"] else []
    result["times_ours_of_the_fastest_library"] = min(right, default=None)
    return result


def peer(
    run: Callable[[], Scores], ours: dict[str, np.ndarray], spent: dict[str, float]
) -> dict[str, Any]:
    (ap, ndcg), theirs = measure(run)
    pairs = [(ap, ours["ap"])] + ([] if ndcg is None else [(ndcg, ours["ndcg"])])
    return theirs | {
        "times_ours": round(theirs["cpu_seconds"] / spent["cpu_seconds"], 1),
        "ap": float(ap.mean()),
        "ndcg": None if ndcg is None else float(ndcg.mean()),
        # single queries differ where float32 similarities tie: we decide by id
        "queries_apart": int((np.abs(ap - ours["ap"]) > TOLERANCE).sum()),
        "equal": all(abs(float(a.mean() - b.mean())) < TOLERANCE for a, b in pairs),
    }


def full(images: int) -> dict[str, Any]:
    """Score a block of a full-size set, with both query kinds."""
    k = metrics.cutoff(images, SETTINGS)
    original, anonymized = units(images, DEPTH, 0.0), units(images, DEPTH, 1.0)
    engine = Engine(SETTINGS, images)
    reference, database = engine.database(original), engine.database(anonymized)
    block = blocks(images, engine.block)[0]
    own = np.arange(block.start, block.stop)
    kinds = (original[block], anonymized[block])
    room = np.empty((len(own), images), dtype=np.float32)
    few = [queries[:ARGSORTED] for queries in kinds]
    truth = few[0] @ original.T

    def ours() -> list[dict[str, np.ndarray]]:
        of_kinds = engine.score_block(
            engine.reference(reference, kinds[0], own), database, kinds, own
        )
        return [dict(zip(COLUMNS, each, strict=True)) for each in of_kinds]

    def products() -> None:
        for queries, searched in ((kinds[0], original), *((each, anonymized) for each in kinds)):
            np.matmul(queries, searched.T, out=room)

    found = ours()
    # in turns, since other jobs on the machine change its speed
    turns = [[measure(work)[1]["cpu_seconds"] for work in (ours, products)] for _ in range(REPEAT)]
    spent, multiplied = np.min(turns, axis=0)
    plain, sorting = measure(lambda: [by_argsort(truth, each @ anonymized.T, k) for each in few])
    milliseconds = 1e3 * spent / len(own)
    per_query = 1e3 * sorting["cpu_seconds"] / ARGSORTED
    return {
        "images": images,
        "dimensions": DEPTH,
        "k": k,
        "queries": len(own),
        "cpu_seconds": spent,
        "milliseconds_per_query_and_scenario": round(milliseconds, 3),
        "products_cpu_seconds": multiplied,
        "over_products": round(spent / multiplied, 3),
        "NumPy argsort": {
            "milliseconds_per_query_and_scenario": round(per_query, 3),
            "times_ours": round(per_query / milliseconds, 1),
            # float32 rounds products of another shape elsewhere, which moves near ties
            "largest_difference": max(
                float(np.abs(expected[i] - given[column][:ARGSORTED]).max())
                for expected, given in zip(plain, found, strict=True)
                for i, column in enumerate(("ap", "ndcg"))
            ),
        },
    }


def main() -> None:
    emit({"small": small(), "full": [full(images) for images in FULL]})


if __name__ == "__main__":
    main()
