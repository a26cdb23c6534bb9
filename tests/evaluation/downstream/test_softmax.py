"""Multinomial logistic regression against scikit-learn's, in double precision."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from scipy import special
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler
from threadpoolctl import threadpool_limits

from anonbench.evaluation.downstream.softmax import Fit, Problem, Standardization


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    with threadpool_limits(1, user_api="blas"), ThreadPoolExecutor(2) as threads:
        yield threads


def correlated(count: int, depth: int, classes: int, power: float) -> tuple[np.ndarray, np.ndarray]:
    """Features whose spread falls with the axis, the axes in general position."""
    generator = np.random.default_rng(count + classes)
    codes = generator.integers(0, classes, count)
    axes = np.linalg.qr(generator.standard_normal((depth, depth)))[0]
    values = generator.standard_normal((count, depth))
    values += generator.standard_normal((classes, depth))[codes]
    values = values * np.arange(1, depth + 1) ** -power @ axes + 3.0
    return values.astype(np.float32), codes


def problem(
    values: np.ndarray, codes: np.ndarray, pool: ThreadPoolExecutor
) -> tuple[Standardization, Problem]:
    standard = Standardization.of(values, pool)
    features = standard(values, np.arange(len(values)), pool)
    classes = int(codes.max()) + 1
    return standard, Problem(features, codes, classes, standard.variance, pool)


def softmax(ours: Problem, found: Fit) -> np.ndarray:
    return np.asarray(special.softmax(ours.features.astype(np.float64) @ found.weights, axis=1))


@pytest.mark.parametrize(("classes", "strength"), [(2, 10.0), (5, 0.01)])
def test_finds_scikit_learns_solution(
    pool: ThreadPoolExecutor, classes: int, strength: float
) -> None:
    values, codes = correlated(900, 12, classes, 1.0)
    _, ours = problem(values, codes, pool)
    found = ours.fit(strength, 500)
    assert found.converged

    scaled = StandardScaler().fit_transform(values.astype(np.float64))
    # with two classes scikit-learn has one weight vector, the difference of ours: half the penalty
    peer = LogisticRegression(C=strength * (2 if classes == 2 else 1), tol=1e-8, max_iter=20_000)
    expected = peer.fit(scaled, codes).predict_proba(scaled)
    assert softmax(ours, found) == pytest.approx(expected, abs=2e-4)
    assert (found.predict(ours.features, pool) == peer.predict(scaled)).mean() > 0.998


def test_more_features_than_rows(pool: ThreadPoolExecutor) -> None:
    """Rows that were not fitted lie outside the fitted ones' span."""
    values, codes = correlated(160, 90, 3, 0.5)
    standard, ours = problem(values[:40], codes[:40], pool)
    assert standard.axes.shape == (90, 40)
    found = ours.fit(0.3, 500)
    assert found.converged
    features = standard(values, np.arange(160), pool)

    scaler = StandardScaler().fit(values[:40].astype(np.float64))
    scaled = scaler.transform(values.astype(np.float64))
    peer = LogisticRegression(C=0.3, tol=1e-8, max_iter=20_000).fit(scaled[:40], codes[:40])
    ours_of_all = special.softmax(features.astype(np.float64) @ found.weights, axis=1)
    assert ours_of_all == pytest.approx(peer.predict_proba(scaled), abs=2e-4)
