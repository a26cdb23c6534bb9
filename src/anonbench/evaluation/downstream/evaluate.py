"""k-NN and linear accuracy of one model on one variant.

k-NN is weighted, as DINOv2 evaluates its features (Caron et al. 2021 (DINO), after Wu et al. 2018):
cosine similarity s, the k nearest train images vote for their class with weight exp(s / T). On
equal votes the class that sorts first wins. If equal similarities leave open which images are among
the k, the tied images share the remaining votes.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from anonbench.config import Downstream
from anonbench.core.errors import InputError
from anonbench.core.io import write_json, write_parquet
from anonbench.core.numeric.clusters import MIN_CLUSTERS
from anonbench.core.numeric.similarity import Similarity, first, threads, unit_rows
from anonbench.core.progress import track
from anonbench.core.provenance import versions
from anonbench.datasets.clusters import clusters_of
from anonbench.embedding.store import Embeddings, read_embeddings
from anonbench.evaluation.downstream.linear import LinearProbe, linear_probe

log = logging.getLogger(__name__)

ALL_K = (10, 20, 100, 200)  # numbers of neighbours that are reported, besides the table's


def evaluate_downstream(
    train: Path,
    val: Path,
    labels: pd.DataFrame,
    clusters: pd.Series,
    settings: Downstream,
    seed: int,
    predictions: Path,
    summary: Path,
) -> None:
    """Fit both classifiers on the train split and score them on the validation split.

    Args:
        train, val: embeddings of the splits' images, by the same model (HDF5).
        labels: id and label of the images of both splits. Images without a label are left out
            and counted in the summary.
        clusters: of all images, by id (`anonbench.datasets.clusters.read_clusters`): the part that
            is held out of the train split has whole clusters.
        seed: of that part.
        predictions: Parquet that is written: id, label, knn, linear (validation, sorted by id).
        summary: JSON that is written: accuracies, counts, notes, settings, versions.

    Raises:
        InputError: a split has no labelled image, or the train split only one class, or the
            splits' embeddings differ in their dimensions, or an embedding is not finite, or a train
            image has no cluster.
    """
    present = labels.dropna(subset=["label"])
    known = dict(zip(present["id"].astype(str), present["label"].astype(str), strict=True))
    fitted, train_labels, train_unlabelled = _labelled(read_embeddings(train), known, "train")
    validation, val_labels, val_unlabelled = _labelled(read_embeddings(val), known, "validation")
    _check(fitted, train_labels, validation)

    ks = sorted({settings.k, *ALL_K})
    neighbours = knn_predict(fitted, train_labels, validation, ks)
    grouped = clusters_of(pd.Series(fitted.ids), clusters)
    probe = linear_probe(fitted, train_labels, grouped, validation, seed)
    unseen = int((~np.isin(val_labels, train_labels)).sum())
    notes = _notes(ks, len(fitted.ids), unseen, probe)
    for note in notes:
        log.warning("%s", note)

    predicted = {"knn": neighbours[settings.k], "linear": probe.predictions}
    table = {"id": validation.ids, "label": val_labels, **predicted}
    write_parquet(pd.DataFrame(table, dtype="str"), predictions)
    write_json(
        summary,
        {
            "train": {"images": len(fitted.ids), "classes": len(np.unique(train_labels))},
            "val": {
                "images": len(validation.ids),
                "classes": len(np.unique(val_labels)),
                "of_unseen_classes": unseen,
            },
            "chance": _chance(train_labels, val_labels),
            "unlabelled": {"train": train_unlabelled, "val": val_unlabelled},
            "knn": {
                str(k): {"neighbours": min(k, len(fitted.ids))} | _accuracies(found, val_labels)
                for k, found in neighbours.items()
            },
            "k": settings.k,
            "linear": _accuracies(probe.predictions, val_labels)
            | {
                "strength": probe.strength,
                "held_out": int(probe.held_out.images.sum()),
                "held_out_clusters": probe.held_out.clusters,
                "held_out_by": str(clusters.name) if probe.held_out.whole_clusters else "",
                "held_out_accuracy": {str(c): a for c, a in probe.held_out_accuracy.items()},
                "iterations": probe.iterations,
                "converged": probe.converged,
                "stopped": list(probe.stopped),
            },
            "notes": notes,
            "temperature": TEMPERATURE,
            "versions": versions("numpy", "scipy"),
        },
    )


def _labelled(
    embeddings: Embeddings, known: dict[str, str], split: str
) -> tuple[Embeddings, np.ndarray, int]:
    """Embeddings that have a label, sorted by id; their labels; number without a label."""
    order = sorted(
        (i for i, name in enumerate(embeddings.ids) if name in known),
        key=embeddings.ids.__getitem__,
    )
    without = len(embeddings.ids) - len(order)
    if not order:
        raise InputError(
            f"none of the {split} split's {without} images has a label: "
            "check `label` of the data set, or leave it out to go without a downstream task"
        )
    ids = [embeddings.ids[i] for i in order]
    # a split at the paper's size is 1.3 GB: avoid a copy if it is already sorted
    whole = order == list(range(len(embeddings.ids)))
    values = embeddings.values if whole else embeddings.values[order]
    return Embeddings(ids, values), np.array([known[name] for name in ids]), without


def _chance(train_labels: np.ndarray, val_labels: np.ndarray) -> float | None:
    """Accuracy of always answering the train split's most frequent class."""
    if not np.isin(val_labels, train_labels).any():  # no answer is right
        return None
    classes, counts = np.unique(train_labels, return_counts=True)
    return float((val_labels == classes[counts.argmax()]).mean())


def _check(train: Embeddings, train_labels: np.ndarray, val: Embeddings) -> None:
    if train.values.shape[1] != val.values.shape[1]:
        raise InputError(
            f"train embeddings have {train.values.shape[1]} dimensions, validation embeddings "
            f"{val.values.shape[1]}: embed both with the same model"
        )
    if len(np.unique(train_labels)) < 2:
        raise InputError(
            f"all {len(train_labels)} labelled train images are of class {str(train_labels[0])!r}: "
            "there is nothing to classify; choose another `label` or leave it out"
        )


def _notes(ks: list[int], images: int, unseen: int, probe: LinearProbe) -> list[str]:
    more = [k for k in ks if k > images]
    notes = [f"k = {k} is more than the {images} train images: all of them vote" for k in more]
    if unseen:
        notes.append(f"{unseen} validation images are of classes that the train split lacks")
    held_out = probe.held_out
    if not held_out.images.any():
        notes.append("no class is large enough to hold images out: the middle strength was taken")
    elif not held_out.whole_clusters:
        notes.append(
            "each class is one cluster: the strength was chosen on held-out images of known "
            "clusters; name finer ones (datasets.<name>.cluster) if there are any"
        )
    elif held_out.clusters < MIN_CLUSTERS:
        notes.append(
            f"the strength was chosen on {held_out.clusters} held-out clusters: add train images "
            "of others"
        )
    if probe.beyond_grid:
        notes.append(
            f"the best strength, {probe.strength:g}, is the end of those that are tried: another "
            "one may be better"
        )
    if probe.stopped:
        listed = ", ".join(f"{strength:g}" for strength in probe.stopped)
        notes.append(f"on the held-in part the linear probe did not converge at strength {listed}")
    if not probe.converged:
        notes.append(f"the linear probe did not converge in {probe.iterations} iterations")
    return notes


def _accuracies(predicted: np.ndarray, labels: np.ndarray) -> dict[str, Any]:
    """Accuracy, its mean over the validation split's classes, and the counts."""
    correct = predicted == labels
    codes = np.unique(labels, return_inverse=True)[1]
    return {
        "accuracy": float(correct.mean()),
        "macro_accuracy": float(np.mean(np.bincount(codes, correct) / np.bincount(codes))),
        "correct": int(correct.sum()),
        "n": len(labels),
    }


TEMPERATURE = 0.07  # of a neighbour's weight, exp(similarity / temperature)
# similarities in memory at once: half a GB against the paper's 320,000 train images
_BLOCK_VALUES = 1 << 26


def knn_predict(
    train: Embeddings, train_labels: np.ndarray, val: Embeddings, ks: Sequence[int]
) -> dict[int, np.ndarray]:
    """Predict the class of each validation image, for several k.

    The result does not depend on the number of threads, set by OMP_NUM_THREADS.

    Args:
        train: embeddings [N, D], in any order, of the classes `train_labels` [N].
        val: embeddings [M, D].
        ks: numbers of neighbours; larger ones are capped at N.

    Returns:
        By k, the predicted classes [M].
    """
    order = sorted(range(len(train.ids)), key=train.ids.__getitem__)
    classes, codes = np.unique(train_labels[order], return_inverse=True)
    units = unit_rows(train.values)
    if order != list(range(len(order))):
        units = units[order]
    queries = unit_rows(val.values)
    capped = {k: min(k, len(units)) for k in ks}
    widest = max(capped.values())
    nearest = Similarity(units, max(1, min(512, _BLOCK_VALUES // len(units))))
    votes = {k: np.empty(len(queries), dtype=np.int64) for k in ks}

    def vote(similarities: np.ndarray, query: int) -> None:
        neighbours = _first(similarities, widest)
        close = similarities[neighbours]
        # relative to the nearest: the same ratios, and no overflow at a small temperature
        weights = np.exp((close.astype(np.float64) - close[0]) / TEMPERATURE)
        for k, count in capped.items():
            upto = int(np.searchsorted(-close, -close[count - 1], side="right"))
            voting = weights[:upto]
            if upto > count:
                first = int(np.searchsorted(-close, -close[count - 1]))
                voting = voting.copy()
                voting[first:] *= (count - first) / (upto - first)
            votes[k][query] = np.bincount(codes[neighbours[:upto]], voting).argmax()

    blocks = nearest.slices(len(queries))
    with ThreadPoolExecutor(threads()) as pool:
        for block in track(blocks, len(blocks), "blocks of k-NN queries"):
            list(pool.map(vote, nearest(queries[block]), range(block.start, block.stop)))
    return {k: classes[found] for k, found in votes.items()}


def _first(similarity: np.ndarray, k: int) -> np.ndarray:
    """Positions of the k highest similarities of [N], and of all ties with the k-th."""
    found = first(similarity, k)
    reached = int(np.count_nonzero(similarity >= similarity[found[-1]]))
    return found if reached == k else first(similarity, reached)
