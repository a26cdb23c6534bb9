"""The linear probe: multinomial logistic regression on standardized features.

Its regularization is chosen on a held-out part of the train split; validation images are seen
once, for the final prediction.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from anonbench.config import Linear
from anonbench.embeddings import Embeddings
from anonbench.seeding import hash_int


@dataclass(frozen=True)
class LinearProbe:
    """Predictions of the probe, and how it was fitted."""

    predictions: np.ndarray
    """Predicted classes of the validation images [M]."""
    strength: float
    """Chosen inverse regularization strength."""
    held_out: int
    """Train images that it was chosen on; 0 where the classes are too small to hold any out."""
    held_out_accuracy: dict[float, float]
    """Accuracy on them, by strength."""
    iterations: int
    converged: bool


def linear_probe(
    train: Embeddings, train_labels: np.ndarray, val: Embeddings, settings: Linear, seed: int
) -> LinearProbe:
    """Fit on the train split's embeddings [N, D] and classes [N], predict validation's [M, D].

    Deterministic: the held-out part depends on seed and ids, and BLAS runs on one thread, because
    the iterations of L-BFGS amplify the last bit of a sum that is split differently.
    """
    held = _held_out(train.ids, train_labels, settings.held_out, seed)
    with threadpool_limits(1, user_api="blas"):
        accuracy = (
            _held_out_accuracy(train.values, train_labels, held, settings) if held.any() else {}
        )
        # max() keeps the first on ties: the strongest regularization that does as well
        strengths = sorted(settings.strengths)
        middle = strengths[len(strengths) // 2]
        strength = max(strengths, key=lambda c: accuracy[c]) if accuracy else middle
        standard = _Standard.of(train.values)
        model, converged = _fit(standard(train.values), train_labels, strength, settings)
        predictions = model.predict(standard(val.values))
    return LinearProbe(
        predictions=predictions,
        strength=strength,
        held_out=int(held.sum()),
        held_out_accuracy=accuracy,
        iterations=int(model.n_iter_.max()),
        converged=converged,
    )


def _held_out_accuracy(
    values: np.ndarray, labels: np.ndarray, held: np.ndarray, settings: Linear
) -> dict[float, float]:
    fitted, left = values[~held], values[held]
    standard = _Standard.of(fitted)
    fitted, left = standard(fitted), standard(left)
    accuracy = {}
    for strength in settings.strengths:
        model, _ = _fit(fitted, labels[~held], strength, settings)
        accuracy[strength] = float(np.mean(model.predict(left) == labels[held]))
    return accuracy


def _held_out(ids: Sequence[str], labels: np.ndarray, share: float, seed: int) -> np.ndarray:
    """Return which train images are held out [N]: the share of each class, drawn by id."""
    draws = np.array([hash_int(seed, "linear probe, held out", name) for name in ids])
    held = np.zeros(len(ids), dtype=bool)
    for name in np.unique(labels):
        members = np.flatnonzero(labels == name)
        count = min(round(share * len(members)), len(members) - 1)
        held[members[np.argsort(draws[members], kind="stable")[:count]]] = True
    return held


@dataclass(frozen=True)
class _Standard:
    """Mean and deviation of each feature [D]; a constant feature has deviation 1."""

    mean: np.ndarray
    deviation: np.ndarray

    @classmethod
    def of(cls, values: np.ndarray) -> _Standard:
        # in chunks: float64 copies of a split at the paper's size would be 2.6 GB each
        chunks = np.array_split(values, -(-len(values) // 4096))
        mean = sum(chunk.sum(axis=0, dtype=np.float64) for chunk in chunks) / len(values)
        square = sum(np.square(chunk - mean).sum(axis=0) for chunk in chunks) / len(values)
        deviation = np.sqrt(square)
        constant = deviation <= 1e-6 * np.abs(mean)
        return cls(mean.astype(np.float32), np.where(constant, 1, deviation).astype(np.float32))

    def __call__(self, values: np.ndarray) -> np.ndarray:
        scaled = np.asarray(values - self.mean)
        scaled /= self.deviation
        return scaled


def _fit(
    values: np.ndarray, labels: np.ndarray, strength: float, settings: Linear
) -> tuple[LogisticRegression, bool]:
    model = LogisticRegression(C=strength, max_iter=settings.max_iterations, solver="lbfgs")
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", ConvergenceWarning)
        model.fit(values, labels)
    return model, not any(issubclass(w.category, ConvergenceWarning) for w in caught)
