"""k-NN and the linear probe side by side with FAISS and scikit-learn, and what full size costs.

    OMP_NUM_THREADS=1 python benchmarks/bench_downstream.py

Features are correlated as embeddings are: their spread falls with the axis. scikit-learn's probe
minimizes the same objective, and `objective` says who came closer to the minimum. At full size all
320,000 train images are searched, for some of the 40,000 validation images.
Projections are from CPU seconds: minutes on so many free cores.
"""

from __future__ import annotations

import warnings
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import faiss
import numpy as np
from common import emit, measure, peak_memory_gb
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from threadpoolctl import threadpool_limits

from anonbench.core.numeric.similarity import Similarity, threads
from anonbench.embedding.store import Embeddings
from anonbench.evaluation.downstream import knn
from anonbench.evaluation.downstream.knn import knn_predict
from anonbench.evaluation.downstream.linear import MOST_ITERATIONS, linear_probe
from anonbench.evaluation.downstream.softmax import Problem, Standardization

CLASSES, DEPTH, TEMPERATURE = 16, 1024, 0.07
KS = (10, 20, 100, 200)
SMALL = (16_000, 2_000)
LINEAR = (16_000, 4_000)
FULL = (320_000, 40_000)
BLOCK = 384
STRENGTH = 1.0


def features(images: int, seed: int, power: float = 1.0) -> tuple[Embeddings, np.ndarray]:
    """Return embeddings of noisy classes on axes in general position, and the classes."""
    shared, own = np.random.default_rng(0), np.random.default_rng(seed)
    spread = (np.arange(1, DEPTH + 1) ** -power).astype(np.float32)
    axes = np.linalg.qr(shared.standard_normal((DEPTH, DEPTH)))[0].astype(np.float32)
    axes *= spread[:, None]
    centres = 0.15 * shared.standard_normal((CLASSES, DEPTH)).astype(np.float32)
    labels = own.integers(0, CLASSES, images)
    values = np.empty((images, DEPTH), dtype=np.float32)
    for start in range(0, images, 8192):
        some = labels[start : start + 8192]
        noise = own.standard_normal((len(some), DEPTH), dtype=np.float32)
        np.matmul(noise + centres[some], axes, out=values[start : start + 8192])
    return Embeddings([f"{i:06d}" for i in range(images)], values), labels


def vote(similarity: np.ndarray, labels: np.ndarray, k: int) -> np.ndarray:
    """Return the class of the k first neighbours with the greatest weight; both [M, ≥ k]."""
    weights = np.exp(similarity[:, :k].astype(np.float64) / TEMPERATURE)
    ballots = np.zeros((len(similarity), CLASSES))
    np.add.at(ballots, (np.arange(len(ballots))[:, None], labels[:, :k]), weights)
    return ballots.argmax(axis=1)


def by_faiss(
    index: faiss.IndexFlatIP, train_labels: np.ndarray, val: Embeddings
) -> dict[int, np.ndarray]:
    """FAISS's exact search; the vote is ours."""
    queries = val.values.copy()
    faiss.normalize_L2(queries)
    similarity, neighbours = index.search(queries, max(KS))
    return {k: vote(similarity, train_labels[neighbours], k) for k in KS}


def flat_index(train: Embeddings) -> faiss.IndexFlatIP:
    units = train.values.copy()
    faiss.normalize_L2(units)
    index = faiss.IndexFlatIP(DEPTH)
    index.add(units)
    return index


def by_sklearn(train: Embeddings, labels: np.ndarray, val: Embeddings, k: int) -> np.ndarray:
    """scikit-learn's classifier on unit vectors, whose similarity is 1 - d² / 2."""
    model = KNeighborsClassifier(
        k,
        weights=lambda distances: np.exp((1.0 - np.square(distances) / 2.0) / TEMPERATURE),
        algorithm="brute",
    )
    units = [e.values / np.linalg.norm(e.values, axis=1, keepdims=True) for e in (train, val)]
    return model.fit(units[0], labels).predict(units[1])


def neighbours() -> dict[str, Any]:
    """k-NN at a size that all can do."""
    train, labels = features(SMALL[0], 1)
    val, truth = features(SMALL[1], 2)

    def ours() -> dict[int, np.ndarray]:
        return knn_predict(train, labels, val, KS, TEMPERATURE)

    expected, spent = measure(ours, repeat=2)
    accuracy = {str(k): float((expected[k] == truth).mean()) for k in KS}
    result: dict[str, Any] = {"train": SMALL[0], "val": SMALL[1], "ours": spent | accuracy}
    found, spent = measure(lambda: by_faiss(flat_index(train), labels, val), repeat=2)
    result["FAISS flat"] = spent | {
        "predictions_apart": {str(k): int((found[k] != expected[k]).sum()) for k in KS}
    }
    one, spent = measure(lambda: by_sklearn(train, labels, val, 20), repeat=2)
    result["scikit-learn, one k"] = spent | {
        "predictions_apart": {"20": int((one != expected[20]).sum())}
    }
    return result


def probe() -> dict[str, Any]:
    """One fit of the linear probe on a twentieth of the paper's images."""
    train, labels = features(LINEAR[0], 1)
    val, truth = features(LINEAR[1], 2)
    limit = MOST_ITERATIONS
    with threadpool_limits(1, user_api="blas"), ThreadPoolExecutor(threads()) as pool:
        every = np.arange(LINEAR[0])
        standard, measured = measure(lambda: Standardization.of(train.values, pool))
        rotated, rotation = measure(lambda: standard(train.values, every, pool))
        problem = Problem(rotated, labels, CLASSES, standard.variance, pool)
        ours, spent = measure(lambda: problem.fit(STRENGTH, limit))
        asked = standard(val.values, np.arange(LINEAR[1]), pool)
        accuracy = float((ours.predict(asked, pool) == truth).mean())

        plain = [(e.values - standard.mean) / standard.deviation for e in (train, val)]
        model = LogisticRegression(C=STRENGTH, max_iter=limit)
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always", ConvergenceWarning)
            _, peer = measure(lambda: model.fit(plain[0], labels))
    _, whole = measure(lambda: linear_probe(train, labels, np.arange(len(labels)), val, 0))
    back = np.vstack([standard.axes.astype(np.float64).T @ model.coef_.T, model.intercept_])
    return {
        "train": LINEAR[0],
        "strength": STRENGTH,
        "standardize": {"cpu_seconds": round(measured["cpu_seconds"] + rotation["cpu_seconds"], 3)},
        "ours": spent
        | {
            "iterations": ours.iterations,
            "cpu_seconds_an_iteration": round(spent["cpu_seconds"] / ours.iterations, 4),
            "converged": ours.converged,
            "objective": objective(rotated, labels, ours.weights),
            "accuracy": accuracy,
        },
        "scikit-learn": peer
        | {
            "iterations": int(model.n_iter_.max()),
            "cpu_seconds_an_iteration": round(peer["cpu_seconds"] / model.n_iter_.max(), 4),
            "converged": not caught,
            "objective": objective(rotated, labels, back),
            "accuracy": float((model.predict(plain[1]) == truth).mean()),
        },
        "all strengths": whole,
        "full_size_minutes": round(whole["cpu_seconds"] / threads() * FULL[0] / LINEAR[0] / 60, 1),
    }


def objective(rotated: np.ndarray, labels: np.ndarray, weights: np.ndarray) -> float:
    """Return what both minimize, in float64, at weights [D + 1, K]."""
    total = 0.0
    for start in range(0, len(rotated), 4096):
        logits = rotated[start : start + 4096].astype(np.float64) @ weights
        logits -= logits.max(axis=1, keepdims=True)
        own = logits[np.arange(len(logits)), labels[start : start + 4096]]
        total += float((np.log(np.exp(logits).sum(axis=1)) - own).sum())
    penalty = float(np.square(weights[:-1]).sum()) / (2.0 * STRENGTH)
    return round((total + penalty) / len(rotated), 8)


def full() -> dict[str, Any]:
    """k-NN against all of the paper's train images, for some of its validation images."""
    train, labels = features(FULL[0], 1)
    val, _ = features(3 * BLOCK, 2)
    first = Embeddings(val.ids[:BLOCK], val.values[:BLOCK])
    _, block = measure(lambda: knn_predict(train, labels, first, KS, TEMPERATURE), repeat=2)
    expected, blocks = measure(lambda: knn_predict(train, labels, val, KS, TEMPERATURE))
    peak = peak_memory_gb()
    product = Similarity(train.values, BLOCK)
    rows = product(first.values)
    _, multiplied = measure(lambda: product(first.values))
    _, ordered = measure(lambda: [first(row, max(KS)) for row in rows])
    _, selected = measure(lambda: [knn._first(row, max(KS)) for row in rows])
    index = flat_index(train)
    peer, searched = measure(lambda: by_faiss(index, labels, val))
    a_block = (blocks["cpu_seconds"] - block["cpu_seconds"]) / 2
    seconds = block["cpu_seconds"] + a_block * (FULL[1] / BLOCK - 1)
    return {
        "train": FULL[0],
        "searched": 3 * BLOCK,
        "ours": blocks,
        "a block more": {
            "images": BLOCK,
            "cpu_seconds": round(a_block, 3),
            "product alone": multiplied["cpu_seconds"],
            "selection alone": selected["cpu_seconds"],
            "selection by first alone": ordered["cpu_seconds"],
        },
        "FAISS flat, index built": searched,
        "predictions_apart": {str(k): int((peer[k] != expected[k]).sum()) for k in KS},
        "full_size_minutes": round(seconds / threads() / 60, 1),
        "peak_gb": peak,
    }


if __name__ == "__main__":
    result = {"k-NN": neighbours(), "linear probe": probe()}
    emit(result | {"peak_gb": peak_memory_gb(), "k-NN, full size": full()})
