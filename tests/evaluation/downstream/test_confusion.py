"""Which class was taken for which, in long form."""

from __future__ import annotations

import numpy as np
from sklearn.metrics import confusion_matrix

from anonbench.evaluation.downstream.evaluate import confusion


def test_counts_are_scikit_learns() -> None:
    generator = np.random.default_rng(0)
    labels, knn, linear = generator.choice(list("abcde"), (3, 300))
    table = confusion(labels, {"knn": knn, "linear": linear}, np.array(list("abcde")))
    assert list(table.columns) == ["label", "predicted", "knn", "linear"]
    for name, found in (("knn", knn), ("linear", linear)):
        matrix = table.pivot(index="label", columns="predicted", values=name).fillna(0)
        assert matrix.to_numpy().tolist() == confusion_matrix(labels, found).tolist()


def test_classes_that_never_occur_are_there_and_pairs_that_never_occur_are_not() -> None:
    labels, found = np.array(["b", "a", "z"]), np.array(["b", "b", "a"])
    table = confusion(labels, {"knn": found}, np.array(["a", "b", "c"]))
    assert table.to_numpy().tolist() == [
        ["a", "a", 0],
        ["a", "b", 1],
        ["b", "b", 1],
        ["c", "c", 0],
        ["z", "a", 1],
        ["z", "z", 0],
    ]
    assert table["knn"].dtype == np.int64
