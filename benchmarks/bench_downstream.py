"""The linear probe side by side with scikit-learn, and what full size costs.

    OMP_NUM_THREADS=1 python benchmarks/bench_downstream.py

Features are correlated as embeddings are: their spread falls with the axis. scikit-learn's probe
minimizes the same objective, and `objective` says who came closer to the minimum.
"""

from __future__ import annotations

import warnings
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
from common import emit, measure, peak_memory_gb
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from threadpoolctl import threadpool_limits

from anonbench.core.numeric.similarity import threads
from anonbench.embedding.store import Embeddings
from anonbench.evaluation.downstream.linear import MOST_ITERATIONS, linear_probe
from anonbench.evaluation.downstream.softmax import Problem, Standardization

CLASSES, DEPTH = 16, 1024
LINEAR = (16_000, 4_000)
"""Images that are learned from, and asked for."""
FULL = 320_000
STRENGTH = 1.0


def features(images: int, seed: int) -> tuple[Embeddings, np.ndarray]:
    """Return embeddings of noisy classes on axes in general position, and the classes."""
    shared, own = np.random.default_rng(0), np.random.default_rng(seed)
    axes = np.linalg.qr(shared.standard_normal((DEPTH, DEPTH)))[0].astype(np.float32)
    axes /= np.arange(1, DEPTH + 1, dtype=np.float32)[:, None]
    centres = 0.15 * shared.standard_normal((CLASSES, DEPTH)).astype(np.float32)
    labels = own.integers(0, CLASSES, images)
    values = np.empty((images, DEPTH), dtype=np.float32)
    for start in range(0, images, 8192):
        some = labels[start : start + 8192]
        noise = own.standard_normal((len(some), DEPTH), dtype=np.float32)
        np.matmul(noise + centres[some], axes, out=values[start : start + 8192])
    return Embeddings([f"{i:06d}" for i in range(images)], values), labels


def probe() -> dict[str, Any]:
    """One fit of the linear probe on a twentieth of the paper's images."""
    train, labels = features(LINEAR[0], 1)
    val, truth = features(LINEAR[1], 2)
    with threadpool_limits(1, user_api="blas"), ThreadPoolExecutor(threads()) as pool:
        standard = Standardization.of(train.values, pool)
        rotated = standard(train.values, np.arange(LINEAR[0]), pool)
        problem = Problem(rotated, labels, CLASSES, standard.variance, pool)
        ours, spent = measure(lambda: problem.fit(STRENGTH, MOST_ITERATIONS))
        asked = standard(val.values, np.arange(LINEAR[1]), pool)
        predicted = ours.predict(asked, pool)

        plain = [(each.values - standard.mean) / standard.deviation for each in (train, val)]
        model = LogisticRegression(C=STRENGTH, max_iter=MOST_ITERATIONS)
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always", ConvergenceWarning)
            _, peer = measure(lambda: model.fit(plain[0], labels))
    _, whole = measure(lambda: linear_probe(train, labels, np.arange(len(labels)), val, 0))
    back = np.vstack([standard.axes.astype(np.float64).T @ model.coef_.T, model.intercept_])
    return {
        "train": LINEAR[0],
        "strength": STRENGTH,
        "ours": spent
        | {
            "converged": ours.converged,
            "objective": objective(rotated, labels, ours.weights),
            "accuracy": float((predicted == truth).mean()),
        },
        "scikit-learn": peer
        | {
            "times_ours": round(peer["cpu_seconds"] / spent["cpu_seconds"], 1),
            "converged": not caught,
            "objective": objective(rotated, labels, back),
            "accuracy": float((model.predict(plain[1]) == truth).mean()),
        },
        "all strengths": whole,
        "all strengths, full size, cpu_seconds": round(whole["cpu_seconds"] * FULL / LINEAR[0]),
    }


def objective(rotated: np.ndarray, labels: np.ndarray, weights: np.ndarray) -> float:
    """Return what both minimize, in float64, at weights [D + 1, K]."""
    total = float(np.square(weights[:-1]).sum()) / (2.0 * STRENGTH)
    for start in range(0, len(rotated), 4096):
        logits = rotated[start : start + 4096].astype(np.float64) @ weights
        logits -= logits.max(axis=1, keepdims=True)
        own = logits[np.arange(len(logits)), labels[start : start + 4096]]
        total += float((np.log(np.exp(logits).sum(axis=1)) - own).sum())
    return round(total / len(rotated), 8)


def main() -> None:
    emit({"linear probe": probe(), "peak_gb": peak_memory_gb()})


if __name__ == "__main__":
    main()
