"""AP and nDCG against scikit-learn and against the definition in plain Python."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from sklearn.metrics import average_precision_score, ndcg_score

from anonbench.config import Retrieval
from anonbench.errors import InputError
from anonbench.retrieval import metrics

tied = st.sampled_from([-1.0, -0.5, 0.0, 0.25, 0.5, 1.0])
smooth = st.floats(-1, 1, width=32)
choices = st.builds(
    Retrieval,
    fraction=st.sampled_from([0.05, 0.2, 0.29, 0.5, 1.0]),
    include_self=st.booleans(),
    ap_depth=st.sampled_from(["full", "k"]),
    gain=st.sampled_from(["linear", "exponential"]),
    negative_gain=st.sampled_from(["keep", "clip", "shift"]),
)


@st.composite
def two_rows(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray]:
    size = draw(st.integers(1, 40))
    element = draw(st.sampled_from([tied, smooth]))
    row = arrays(np.float32, size, elements=element)
    return draw(row), draw(row)


def plain_scores(
    reference: list[float], scores: list[float], k: int, own: int | None, settings: Retrieval
) -> tuple[float, float]:
    """The definition, read aloud."""

    def ranking(values: list[float]) -> list[int]:
        return sorted((i for i in range(len(values)) if i != own), key=lambda i: (-values[i], i))

    def gain(i: int) -> float:
        value = reference[i]
        if settings.negative_gain != "keep":
            value = max(value, 0) if settings.negative_gain == "clip" else (value + 1) / 2
        return value if settings.gain == "linear" else 2**value - 1

    def dcg(images: list[int]) -> float:
        return sum(gain(i) / math.log2(r + 1) for r, i in enumerate(images[:k], 1))

    truth, found = ranking(reference), ranking(scores)
    relevant = set(truth[:k])
    depth = len(found) if settings.ap_depth == "full" else k
    precision = [
        len(relevant.intersection(found[:r])) / r
        for r in range(1, depth + 1)
        if found[r - 1] in relevant
    ]
    ideal = dcg(truth)
    return sum(precision) / k, dcg(found) / ideal if ideal > 0 else math.nan


def score_one(
    reference: np.ndarray, scores: np.ndarray, k: int, own: int, settings: Retrieval
) -> tuple[float, float]:
    reference, scores = reference[None].copy(), scores[None].copy()
    if not settings.include_self:
        metrics.exclude_own(reference, own)
        metrics.exclude_own(scores, own)
    truth = metrics.reference(reference, k, own, settings)
    ap, ndcg = metrics.score(truth, scores, settings)
    return float(ap[0]), float(ndcg[0])


@hypothesis_settings(max_examples=400)
@given(two_rows(), choices, st.data())
def test_equals_the_definition(
    pair: tuple[np.ndarray, np.ndarray], settings: Retrieval, data: st.DataObject
) -> None:
    reference, scores = pair
    try:
        k = metrics.cutoff(len(reference), settings)
    except InputError:
        return
    own = data.draw(st.integers(0, len(reference) - 1))
    excluded = None if settings.include_self else own
    expected = plain_scores(reference.tolist(), scores.tolist(), k, excluded, settings)
    found = score_one(reference, scores, k, own, settings)
    assert found == pytest.approx(expected, rel=1e-12, abs=1e-12, nan_ok=True)


@given(two_rows(), st.integers(1, 40))
def test_equals_scikit_learn(pair: tuple[np.ndarray, np.ndarray], k: int) -> None:
    reference, scores = pair
    size = len(reference)
    k = min(k, size)
    settings = Retrieval(negative_gain="clip")
    ap, ndcg = score_one(reference, scores, k, 0, settings)
    # scikit-learn averages over ties; ranks with our rule for ties take them away
    order = sorted(range(size), key=lambda i: (-float(scores[i]), i))
    ranks = np.empty(size)
    ranks[order] = -np.arange(size)
    relevant = np.zeros(size, dtype=int)
    relevant[sorted(range(size), key=lambda i: (-float(reference[i]), i))[:k]] = 1
    assert ap == pytest.approx(average_precision_score(relevant, ranks), abs=1e-12)
    gains = np.maximum(reference.astype(float), 0)
    if size > 1 and not math.isnan(ndcg):
        expected = ndcg_score(gains[None], ranks[None], k=k, ignore_ties=True)
        assert ndcg == pytest.approx(expected, abs=1e-12)


@given(two_rows(), choices)
def test_the_reference_scores_exactly_one(
    pair: tuple[np.ndarray, np.ndarray], settings: Retrieval
) -> None:
    try:
        k = metrics.cutoff(len(pair[0]), settings)
    except InputError:
        return
    ap, ndcg = score_one(pair[0], pair[0], k, 0, settings)
    assert ap == 1.0
    assert ndcg == 1.0 or math.isnan(ndcg)


def test_worked_example() -> None:
    # relevant: images 0 and 1; retrieved in the order 2, 0, 3, 1
    reference = np.array([1.0, 0.5, 0.25, 0.0], np.float32)
    scores = np.array([0.8, 0.1, 0.9, 0.7], np.float32)
    ap, ndcg = score_one(reference, scores, 2, 0, Retrieval(fraction=0.5))
    assert ap == pytest.approx((1 / 2 + 2 / 4) / 2)
    assert ndcg == pytest.approx((0.25 + 1 / math.log2(3)) / (1 + 0.5 / math.log2(3)))


@pytest.mark.parametrize(
    ("images", "fraction", "include_self", "k"),
    [
        (19_792, 0.05, True, 989),
        (39_972, 0.05, True, 1998),
        (39_972, 0.05, False, 1998),
        (100, 0.29, True, 29),
        (20, 0.05, True, 1),
        (21, 0.05, False, 1),
        (1, 1.0, True, 1),
    ],
)
def test_cutoff(images: int, fraction: float, include_self: bool, k: int) -> None:
    assert metrics.cutoff(images, Retrieval(fraction=fraction, include_self=include_self)) == k


@pytest.mark.parametrize(("include_self", "needed"), [(True, 20), (False, 21)])
def test_too_few_images(include_self: bool, needed: int) -> None:
    settings = Retrieval(include_self=include_self)
    with pytest.raises(InputError, match=f"at least {needed} images"):
        metrics.cutoff(needed - 1, settings)
    assert metrics.cutoff(needed, settings) == 1


@hypothesis_settings(max_examples=40)
@given(choices, st.integers(2, 5))
def test_chance_is_the_mean_over_all_rankings(settings: Retrieval, size: int) -> None:
    from itertools import permutations

    try:
        k = metrics.cutoff(size, settings)
    except InputError:
        return
    reference = np.linspace(0.9, 0.2, size).astype(np.float32)
    all_scores = [np.array(p, np.float32) / size for p in permutations(range(size))]
    found = [score_one(reference, scores, k, 0, settings) for scores in all_scores]
    block = reference[None].copy()
    if not settings.include_self:
        metrics.exclude_own(block, 0)
    chance = metrics.reference(block, k, 0, settings).chance[0]
    assert np.mean([ap for ap, _ in found]) == pytest.approx(metrics.chance_ap(size, k, settings))
    assert np.mean([ndcg for _, ndcg in found]) == pytest.approx(chance)


def test_chance_at_the_papers_size_is_about_five_percent() -> None:
    assert metrics.chance_ap(19_792, 989, Retrieval()) == pytest.approx(0.05, abs=0.001)


def test_threads_do_not_change_scores(monkeypatch: pytest.MonkeyPatch) -> None:
    generator = np.random.default_rng(0)
    reference, scores = generator.uniform(-1, 1, (2, 37, 200)).astype(np.float32)
    results = []
    for threads in ("1", "2", "5"):
        monkeypatch.setenv("OMP_NUM_THREADS", threads)
        truth = metrics.reference(reference, 10, 0, Retrieval())
        results.append(np.stack([*metrics.score(truth, scores, Retrieval()), truth.chance]))
    assert np.array_equal(results[0], results[1])
    assert np.array_equal(results[0], results[2])
