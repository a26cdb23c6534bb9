"""Weighted k-NN against the definition in plain Python."""

from __future__ import annotations

import math
from collections import defaultdict

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from anonbench.core.numeric.similarity import Similarity, unit_rows
from anonbench.embedding.store import Embeddings
from anonbench.evaluation.downstream.evaluate import TEMPERATURE, knn_predict


def plain_knn(ids: list[str], labels: np.ndarray, similarities: list[float], k: int) -> str:
    """The definition, read aloud; sums in the order of the neighbours."""
    near = sorted((-s, name, str(c)) for s, name, c in zip(similarities, ids, labels, strict=True))
    last = near[min(k, len(near)) - 1][0]
    open_ = [each for each in near if each[0] == last]
    left = min(k, len(near)) - sum(each[0] < last for each in near)
    votes: dict[str, float] = defaultdict(float)
    for negative, _, label in near:
        if negative <= last:
            share = left / len(open_) if negative == last and left < len(open_) else 1.0
            votes[label] += math.exp((-negative + near[0][0]) / TEMPERATURE) * share
    return max(sorted(votes), key=lambda label: votes[label])


@pytest.mark.slow
@settings(max_examples=40)
@given(st.integers(0, 10_000), st.integers(1, 30))
def test_equals_the_definition(seed: int, k: int) -> None:
    generator = np.random.default_rng(seed)
    ids = [f"{i:02d}" for i in generator.permutation(25)]
    # whole numbers: many equal embeddings
    train = Embeddings(ids, generator.integers(1, 4, (25, 2)).astype(np.float32))
    val = Embeddings(list("abcde"), generator.integers(1, 4, (5, 2)).astype(np.float32))
    labels = generator.choice(["x", "y", "z"], 25)
    similarities = Similarity(unit_rows(train.values), 64)(unit_rows(val.values))
    predicted = knn_predict(train, labels, val, [k])[k]
    for row, label in zip(similarities.tolist(), predicted, strict=True):
        assert label == plain_knn(ids, labels, row, k)


def test_equal_votes_are_decided_by_name_and_equal_similarities_by_no_id() -> None:
    train = Embeddings(["b", "a", "c", "d"], np.ones((4, 2), np.float32))
    val = Embeddings(["q"], np.ones((1, 2), np.float32))
    labels = np.array(["z", "y", "x", "z"])
    found = knn_predict(train, labels, val, [1, 2, 3, 4])
    # all four share the votes of the k, so that the most frequent class wins, not that of id a
    assert [found[k].tolist() for k in (1, 2, 3, 4)] == [["z"]] * 4
    two = knn_predict(
        Embeddings(["a", "b"], np.ones((2, 2), np.float32)), np.array(["y", "x"]), val, [1]
    )
    assert two[1].tolist() == ["x"]


def test_predictions_do_not_depend_on_threads(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    generator = np.random.default_rng(3)
    codes = generator.integers(0, 5, 5000)
    centres = generator.standard_normal((5, 16))
    values = (centres[codes] + 2.0 * generator.standard_normal((5000, 16))).astype(np.float32)
    ids, labels = [f"{i:04d}" for i in range(5000)], np.array(list("vwxyz"))[codes]
    train, val = Embeddings(ids[:4000], values[:4000]), Embeddings(ids[4000:], values[4000:])
    found = {}
    for threads in ("1", "2", "3"):
        monkeypatch.setenv("OMP_NUM_THREADS", threads)
        found[threads] = knn_predict(train, labels[:4000], val, [10, 20, 100, 200])
    for k, expected in found["1"].items():
        assert np.array_equal(found["2"][k], expected) and np.array_equal(found["3"][k], expected)
