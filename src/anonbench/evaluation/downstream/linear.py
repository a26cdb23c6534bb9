"""The linear probe: multinomial logistic regression on standardized features.

Its regularization is chosen on a held-out part of the train split, which is divided by clusters
(`held_out`); validation images are seen once, for the final prediction.
"""

from __future__ import annotations

import logging
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from anonbench.config import Linear
from anonbench.core.numeric.similarity import threads
from anonbench.embedding.store import Embeddings
from anonbench.evaluation.downstream.held_out import HeldOut, hold_out
from anonbench.evaluation.downstream.softmax import Fit, Problem, Standardization

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class LinearProbe:
    """Predictions of the probe, and how it was fitted."""

    predictions: np.ndarray
    """Predicted classes of the validation images [M]."""
    strength: float
    """Chosen inverse regularization strength."""
    held_out: HeldOut
    """Train images that it was chosen on; none where the classes are too small to hold any out."""
    held_out_accuracy: dict[float, float]
    """Accuracy on them, by strength."""
    iterations: int
    converged: bool
    stopped: tuple[float, ...]
    """Strengths at which the fit that was judged on the held-out part did not converge."""

    @property
    def beyond_grid(self) -> bool:
        """Whether an end of the strengths is better than its neighbour: the best may lie beyond."""
        ordered = sorted(self.held_out_accuracy)
        if len(ordered) < 2 or self.strength not in (ordered[0], ordered[-1]):
            return False
        inside = ordered[1] if self.strength == ordered[0] else ordered[-2]
        return self.held_out_accuracy[self.strength] > self.held_out_accuracy[inside]


def linear_probe(
    train: Embeddings,
    train_labels: np.ndarray,
    clusters: np.ndarray,
    val: Embeddings,
    settings: Linear,
    seed: int,
) -> LinearProbe:
    """Fit on the train split's embeddings [N, D] and classes [N], predict validation's [M, D].

    Takes one more copy of the train features. Deterministic: the held-out part depends on seed,
    ids and clusters, and no sum depends on the number of threads, which OMP_NUM_THREADS grants.

    Args:
        train: embeddings of the train images.
        train_labels: their classes.
        clusters: their clusters [N], such as persons; all different where images are independent.
        val: embeddings of the validation images.
        settings: section `downstream.linear` of the config.
        seed: of the held-out part.

    """
    held_out = hold_out(train.ids, train_labels, clusters, settings.held_out, seed)
    is_held_out = held_out.images
    # the held-out images last, so that either part is a view
    order = np.concatenate([np.flatnonzero(~is_held_out), np.flatnonzero(is_held_out)])
    classes, codes = np.unique(train_labels, return_inverse=True)
    with threadpool_limits(1, user_api="blas"), ThreadPoolExecutor(threads()) as pool:
        # of all train images: no label enters it, which alone could favour a strength
        standard = Standardization.of(train.values, pool)
        problem = Problem(
            standard(train.values, order, pool), codes[order], len(classes), standard.variance, pool
        )
        path = _path(problem, int((~is_held_out).sum()), settings) if is_held_out.any() else {}
        accuracy = {strength: right for strength, (_, right) in path.items()}
        middle = sorted(settings.strengths)[len(settings.strengths) // 2]
        # max() keeps the first on ties: the strongest regularization that does as well
        strength = max(accuracy, key=lambda c: accuracy[c]) if accuracy else middle
        last = problem.fit(strength, settings.max_iterations)
        validation = standard(val.values, np.arange(len(val.values)), pool)
        predictions = classes[last.predict(validation, pool)]
    return LinearProbe(
        predictions=predictions,
        strength=strength,
        held_out=held_out,
        held_out_accuracy=accuracy,
        iterations=last.iterations,
        converged=last.converged,
        stopped=tuple(c for c, (one, _) in path.items() if not one.converged),
    )


def _path(problem: Problem, fitted: int, settings: Linear) -> dict[float, tuple[Fit, float]]:
    """Fit the first rows at every strength, in ascending order, and judge on the others."""
    inside, codes = problem.first(fitted), problem.codes[fitted:]
    path: dict[float, tuple[Fit, float]] = {}
    for strength in sorted(settings.strengths):
        found = inside.fit(strength, settings.max_iterations)
        predicted = found.predict(problem.features[fitted:], problem.pool)
        path[strength] = found, float(np.mean(predicted == codes))
        log.info("strength %g: held-out accuracy %.4f", strength, path[strength][1])
    return path
