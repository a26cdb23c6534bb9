"""The linear probe: multinomial logistic regression on standardized features.

Its regularization is chosen on a held-out part of the train split (`hold_out`); validation images
are seen once, for the final prediction.
"""

import logging
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from anonbench.core.numeric.clusters import MIN_CLUSTERS
from anonbench.core.numeric.seeding import hash_ints
from anonbench.core.numeric.similarity import threads
from anonbench.embedding.store import Embeddings
from anonbench.evaluation.downstream.softmax import Problem, Standardization

STRENGTHS = (0.0001, 0.001, 0.01, 0.1, 1.0, 10.0, 100.0)
"""Inverse regularization strengths (scikit-learn's C), of which the best on held-out images is
taken."""
HELD_OUT = 0.2
"""Share of the train split that is held out to choose the strength, by whole clusters."""
MOST_ITERATIONS = 1000  # of L-BFGS; a probe that needs more is reported
_PURPOSE = "linear probe, held out"
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class HeldOut:
    """Held-out images, and the number of clusters among them."""

    images: np.ndarray  # mask of the held-out train images, bool [N]
    clusters: int  # number of held-out clusters, or of images if they were drawn one by one
    whole_clusters: bool
    """Whether no cluster is in both parts. False if each class is a single cluster: then validation
    images are of the same clusters as train images, and held-out images have to be too."""


def hold_out(
    ids: Sequence[str], labels: np.ndarray, clusters: np.ndarray, share: float, seed: int
) -> HeldOut:
    """Draw the held-out part from seed and ids.

    About the share of each class is held out, and at least eight clusters or half of them. Every
    class keeps an image in the other part. Ids, classes and clusters are of the train images [N].
    """
    codes = np.unique(labels, return_inverse=True)[1]
    groups, first, sizes = np.unique(clusters, return_inverse=True, return_counts=True)
    pairs = np.unique(np.column_stack([codes, first]), axis=0)
    if (sizes == 1).all() or len(pairs) == int(codes.max()) + 1:  # each class is one cluster
        images = _held_out_images(ids, codes, share, seed)
        return HeldOut(images, int(images.sum()), bool((sizes == 1).all()))
    share = max(share, min(MIN_CLUSTERS / len(groups), 0.5))
    drawn = _held_out_clusters(ids, codes, first, share, seed)
    return HeldOut(drawn[first], int(drawn.sum()), True)


def _held_out_images(ids: Sequence[str], codes: np.ndarray, share: float, seed: int) -> np.ndarray:
    """Mask of held-out images [N]: the share of each class, drawn by id."""
    counts = np.bincount(codes)
    by_class = np.lexsort((hash_ints((seed, _PURPOSE), ids), codes))
    place = np.arange(len(ids)) - np.repeat(np.cumsum(counts) - counts, counts)
    taken = np.minimum(np.round(share * counts), counts - 1)
    is_held_out = np.zeros(len(ids), dtype=bool)
    is_held_out[by_class[place < np.repeat(taken, counts)]] = True
    return is_held_out


def _held_out_clusters(
    ids: Sequence[str], codes: np.ndarray, clusters: np.ndarray, share: float, seed: int
) -> np.ndarray:
    """Mask of held-out clusters [G]: those that bring the classes' counts nearer to the share."""
    counts = np.bincount(codes)
    wanted, held = share * counts, np.zeros(len(counts))
    taken = np.zeros(clusters.max() + 1, dtype=bool)
    members = np.split(np.argsort(clusters, kind="stable"), np.cumsum(np.bincount(clusters))[:-1])
    # ordered by the hash of their first ids, independent of their numbers
    by_id = np.array(sorted(range(len(ids)), key=ids.__getitem__))
    first = by_id[np.unique(clusters[by_id], return_index=True)[1]]
    hashes = hash_ints((seed, _PURPOSE), [ids[row] for row in first])
    for cluster in np.argsort(hashes, kind="stable"):
        classes, own = np.unique(codes[members[cluster]], return_counts=True)
        before, after = held[classes], held[classes] + own
        aim = wanted[classes]
        nearer = np.abs(after - aim).sum() < np.abs(before - aim).sum()
        if nearer and (after < counts[classes]).all():  # an image of each class is left
            taken[cluster] = True
            held[classes] = after
    return taken


@dataclass(frozen=True)
class LinearProbe:
    """Predictions of the probe, and details of its fit."""

    predictions: np.ndarray  # predicted classes of the validation images [M]
    strength: float  # chosen inverse regularization strength
    held_out: HeldOut
    """Train images that it was chosen on; none if the classes are too small to hold any out."""
    held_out_accuracy: dict[float, float]  # accuracy on the held-out images, by strength
    iterations: int
    converged: bool
    stopped: tuple[float, ...]
    """Strengths at which the fit that was judged on the held-out part did not converge."""

    @property
    def beyond_grid(self) -> bool:
        """Whether an end of the grid beats its neighbour, so that the best may lie outside."""
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
    seed: int,
    strengths: Sequence[float] = STRENGTHS,
) -> LinearProbe:
    """Fit on the train split's embeddings [N, D] and classes [N], predict validation's [M, D].

    Strengths ascend. Deterministic: the held-out part depends on seed, ids and clusters [N], and no
    sum depends on the number of threads, set by OMP_NUM_THREADS.
    """
    held_out = hold_out(train.ids, train_labels, clusters, HELD_OUT, seed)
    is_held_out = held_out.images
    # the held-out images last, so that either part is a view
    order = np.argsort(is_held_out, kind="stable")
    classes, codes = np.unique(train_labels, return_inverse=True)
    accuracy: dict[float, float] = {}
    stopped = []
    with threadpool_limits(1, user_api="blas"), ThreadPoolExecutor(threads()) as pool:
        # on all train images: it uses no labels, and only these could favour a strength
        standard = Standardization.of(train.values, pool)
        problem = Problem(
            standard(train.values, order, pool), codes[order], len(classes), standard.variance, pool
        )
        fitted = int((~is_held_out).sum())
        inside, outside = problem.first(fitted), problem.features[fitted:]
        for strength in strengths if is_held_out.any() else ():
            found = inside.fit(strength, MOST_ITERATIONS)
            right = found.predict(outside, pool) == problem.codes[fitted:]
            accuracy[strength] = float(np.mean(right))
            stopped += [] if found.converged else [strength]
            log.info("strength %g: held-out accuracy %.4f", strength, accuracy[strength])
        middle = strengths[len(strengths) // 2]
        # max() keeps the first on ties: the strongest regularization among equals
        strength = max(accuracy, key=accuracy.__getitem__, default=middle)
        last = problem.fit(strength, MOST_ITERATIONS)
        validation = standard(val.values, np.arange(len(val.values)), pool)
        predictions = classes[last.predict(validation, pool)]
    return LinearProbe(
        *(predictions, strength, held_out, accuracy),
        *(last.iterations, last.converged, tuple(stopped)),
    )
