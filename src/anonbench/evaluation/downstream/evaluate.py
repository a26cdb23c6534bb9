"""k-NN and linear accuracy of one model on one variant.

k-NN is weighted, as DINOv2 evaluates its features (Caron et al. 2021 (DINO), after Wu et al. 2018):
cosine similarity s, the k nearest train images vote for their class with weight exp(s / T). On
equal votes the class that sorts first wins. Images tied at the k-th place share the votes left.
"""

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

    Embeddings (HDF5) are of the splits' images by the same model. `labels` has the id and label of
    the images of both splits; those without are left out and counted. The part of the train split
    that is held out, drawn by `seed`, has whole clusters. Writes `predictions` (Parquet: id, label,
    knn, linear, sorted by id) and `summary` (JSON: accuracies, counts, notes, settings, versions).

    Raises:
        InputError: a split has no labelled image, or the train split only one class, or the
            splits' embeddings differ in their dimensions, or an embedding is not finite, or a train
            image has no cluster.
    """
    present = labels.dropna(subset=["label"])
    known = dict(zip(present["id"].astype(str), present["label"].astype(str), strict=True))
    fitted, train_labels, train_unlabelled = _labelled(read_embeddings(train), known, "train")
    validation, val_labels, val_unlabelled = _labelled(read_embeddings(val), known, "validation")
    width, other = fitted.values.shape[1], validation.values.shape[1]
    if width != other:
        raise InputError(
            f"train embeddings have {width} dimensions, validation embeddings {other}: embed both "
            "with the same model"
        )
    classes, counts = np.unique(train_labels, return_counts=True)
    if len(classes) < 2:
        raise InputError(
            f"all {len(train_labels)} labelled train images are of class {str(classes[0])!r}: "
            "there is nothing to classify; choose another `label` or leave it out"
        )

    ks = sorted({settings.k, *ALL_K})
    neighbours = knn_predict(fitted, train_labels, validation, ks)
    grouped = clusters_of(pd.Series(fitted.ids), clusters)
    probe = linear_probe(fitted, train_labels, grouped, validation, seed)
    is_unseen = ~np.isin(val_labels, classes)
    unseen = int(is_unseen.sum())
    # of always answering the train split's most frequent class, on average over those that are
    # equally frequent; None: no answer is right
    frequent = classes[counts == counts.max()]
    always = float(np.isin(val_labels, frequent).mean() / len(frequent))
    chance = None if is_unseen.all() else always
    notes = _notes(ks, len(fitted.ids), unseen, probe)
    for note in notes:
        log.warning("%s", note)

    predicted = {"knn": neighbours[settings.k], "linear": probe.predictions}
    table = {"id": validation.ids, "label": val_labels, **predicted}
    write_parquet(pd.DataFrame(table, dtype="str"), predictions)
    write_json(
        summary,
        {
            "train": {"images": len(fitted.ids), "classes": len(classes)},
            "val": {
                "images": len(validation.ids),
                "classes": len(np.unique(val_labels)),
                "of_unseen_classes": unseen,
            },
            "chance": chance,
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
    named = {name: row for row, name in enumerate(embeddings.ids) if name in known}
    without = len(embeddings.ids) - len(named)
    if not named:
        raise InputError(
            f"none of the {split} split's {without} images has a label: "
            "check `label` of the data set, or leave it out to go without a downstream task"
        )
    ids = sorted(named)
    # a split at the paper's size is 1.3 GB: avoid a copy if it is already sorted
    is_whole = ids == embeddings.ids
    values = embeddings.values if is_whole else embeddings.values[[named[name] for name in ids]]
    return Embeddings(ids, values), np.array([known[name] for name in ids]), without


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
    """Predicted classes [M] of the validation images, by k, for any number of threads.

    Embeddings are [N, D], of the classes `train_labels` [N], and [M, D]; numbers of neighbours
    above N are capped.
    """
    classes, codes = np.unique(train_labels, return_inverse=True)
    units, queries = unit_rows(train.values), unit_rows(val.values)
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
