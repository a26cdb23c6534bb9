"""Multinomial logistic regression that also converges on badly conditioned features.

Minimizes over the weights W [D, K] and an intercept

    1/N · Σ_i -log softmax(Wᵀx_i + b)[y_i]  +  ‖W‖² / (2 · C · N),

scikit-learn's objective, by L-BFGS. Embeddings are strongly correlated. The features are therefore
rotated to their principal axes, which changes neither the objective nor its solution, and each axis
is scaled by its curvature at W = 0 (Böhning 1992).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import reduce
from typing import TypeVar

import numpy as np
from scipy.optimize import minimize

from anonbench.core.numeric.similarity import blocks

# The number of parts depends only on the rows, and each part is summed in chunks that fit into the
# cache. So the last bit of a sum, which L-BFGS would amplify, does not depend on the number of
# threads.
_PARTS, _ROWS = 8, 2048
# in units of the preconditioned axes the loss is within D · K / 2 · 1e-10 of its minimum
_TOLERANCE = 1e-5

T = TypeVar("T")


@dataclass(frozen=True)
class Standardization:
    """Standardized features on their principal axes, with a constant one for the intercept."""

    mean: np.ndarray  # float32 [D]
    deviation: np.ndarray  # float32 [D]; 1 for a constant feature
    axes: np.ndarray  # columns are axes, float32 [D, R]; R is D, or N where there are fewer rows
    variance: np.ndarray  # along each axis, and 1 for the intercept, float64 [R + 1]

    @classmethod
    def of(cls, values: np.ndarray, pool: ThreadPoolExecutor) -> Standardization:
        """Measure features [N, D].

        Weights orthogonal to the rows' span change no prediction and are 0 in the solution.
        """
        count = len(values)
        mean = _sum(pool, values, lambda rows: rows.sum(axis=0, dtype=np.float64)) / count
        squares = _sum(pool, values, lambda rows: np.square(rows - mean).sum(axis=0))
        mean32, deviation = (each.astype(np.float32) for each in (mean, np.sqrt(squares / count)))
        deviation[deviation <= 1e-6 * np.abs(mean32)] = 1.0
        if len(values) < len(mean):  # the rows' span contains every axis of variation
            rows = _scaled(values, mean32, deviation).astype(np.float64)
            span, _ = np.linalg.qr(rows.T)
            inside = rows @ span
            variance, turned = np.linalg.eigh(inside.T @ inside / count)
            axes = span @ turned
        else:

            def product(chunk: np.ndarray) -> np.ndarray:
                scaled = _scaled(chunk, mean32, deviation)
                return np.asarray(scaled.T @ scaled)

            variance, axes = np.linalg.eigh(_sum(pool, values, product) / count)
        variance = np.append(np.maximum(variance, 0.0), 1.0)
        return cls(mean32, deviation, axes.astype(np.float32), variance)

    def __call__(
        self, values: np.ndarray, order: np.ndarray, pool: ThreadPoolExecutor
    ) -> np.ndarray:
        """Transform rows `order` [N] of values [M, D] to float32 [N, R + 1]."""
        rotated = np.empty((len(order), len(self.variance)), dtype=np.float32)
        rotated[:, -1] = 1.0

        def rotate(part: slice) -> None:
            for rows in _chunks(part):
                scaled = _scaled(values[order[rows]], self.mean, self.deviation)
                np.matmul(scaled, self.axes, out=rotated[rows, :-1])

        _each(pool, len(order), rotate)
        return rotated


@dataclass(frozen=True)
class Fit:
    """Fitted weights."""

    weights: np.ndarray  # float64 [R + 1, K]; the last row is the intercept
    iterations: int
    converged: bool

    def predict(self, features: np.ndarray, pool: ThreadPoolExecutor) -> np.ndarray:
        """Predict the most probable class code of each row of features [N, R + 1]."""
        weights = self.weights.astype(np.float32)
        found = np.empty(len(features), dtype=np.int64)

        def predict(part: slice) -> None:
            for rows in _chunks(part):
                found[rows] = (features[rows] @ weights).argmax(axis=1)

        _each(pool, len(features), predict)
        return found


@dataclass(frozen=True)
class Problem:
    """Features and classes to fit. The caller must limit BLAS to one thread."""

    features: np.ndarray
    """Standardized, on their principal axes, the last one constant: float32 [N, R + 1]."""
    codes: np.ndarray  # the class of each, 0 … K - 1 [N]
    classes: int  # K
    variance: np.ndarray  # of the features [R + 1]; it decides how fast a fit is, and nothing else
    pool: ThreadPoolExecutor  # its threads share the rows

    def first(self, count: int) -> Problem:
        """Restrict the problem to the first rows, without a copy."""
        return replace(self, features=self.features[:count], codes=self.codes[:count])

    def fit(self, strength: float, max_iterations: int) -> Fit:
        """Find the weights for one C in at most `max_iterations` iterations of L-BFGS."""
        count, depth = self.features.shape
        penalty = np.full((depth, 1), 1.0 / (strength * count))
        penalty[-1] = 0.0
        # the mean curvature of -log softmax at equal probabilities is (1 - 1/K) / K
        mean_curvature = (1.0 - 1.0 / self.classes) / self.classes
        units = np.sqrt(mean_curvature * self.variance[:, None] + penalty)

        def objective(scaled: np.ndarray) -> tuple[float, np.ndarray]:
            weights = scaled.reshape(depth, self.classes) / units
            loss, slope = self._loss(weights)
            loss = loss / count + 0.5 * float((penalty * np.square(weights)).sum())
            return loss, ((slope / count + penalty * weights) / units).ravel()

        result = minimize(
            objective,
            np.zeros(depth * self.classes),
            jac=True,
            method="L-BFGS-B",
            options={"maxiter": max_iterations, "gtol": _TOLERANCE, "ftol": 0.0, "maxls": 50},
        )
        found = result.x.reshape(depth, self.classes) / units
        return Fit(found, int(result.nit), bool(result.success))

    def _loss(self, weights: np.ndarray) -> tuple[float, np.ndarray]:
        """Summed -log softmax and its gradient, float64 [R + 1, K]."""
        narrow = weights.astype(np.float32)

        def part(rows_of_part: slice) -> tuple[float, np.ndarray]:
            loss, slope = 0.0, np.zeros(weights.shape)
            for rows in _chunks(rows_of_part):
                logits = self.features[rows] @ narrow
                logits -= logits.max(axis=1, keepdims=True)
                true_class = np.arange(len(logits)), self.codes[rows]
                loss -= float(logits[true_class].sum(dtype=np.float64))
                np.exp(logits, out=logits)
                totals = logits.sum(axis=1, keepdims=True)
                loss += float(np.log(totals).sum(dtype=np.float64))
                logits /= totals
                logits[true_class] -= 1.0
                slope += self.features[rows].T @ logits
            return loss, slope

        losses, slopes = zip(*_each(self.pool, len(self.features), part), strict=True)
        return sum(losses), reduce(np.add, slopes)


def _sum(
    pool: ThreadPoolExecutor, values: np.ndarray, term: Callable[[np.ndarray], np.ndarray]
) -> np.ndarray:
    """Sum of a term over chunks of rows, in float64."""

    def part(rows: slice) -> np.ndarray:
        return reduce(np.add, (term(values[each]).astype(np.float64) for each in _chunks(rows)))

    return reduce(np.add, _each(pool, len(values), part))


def _each(pool: ThreadPoolExecutor, rows: int, function: Callable[[slice], T]) -> list[T]:
    """Results of a function on each part of the rows."""
    parts = min(_PARTS, -(-rows // _ROWS))
    return list(pool.map(function, blocks(rows, -(-rows // parts))))


def _scaled(chunk: np.ndarray, mean: np.ndarray, deviation: np.ndarray) -> np.ndarray:
    return np.asarray((chunk - mean) / deviation)


def _chunks(part: slice) -> Iterator[slice]:
    for start in range(part.start, part.stop, _ROWS):
        yield slice(start, min(start + _ROWS, part.stop))
