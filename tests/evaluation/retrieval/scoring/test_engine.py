"""Engines against the definitions in plain Python, and cut-offs, gains and levels of chance."""

import math
from itertools import combinations, permutations, product
from typing import Literal
from weakref import WeakSet

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from anonbench.config import Retrieval
from anonbench.core.errors import InputError
from anonbench.core.numeric.similarity import ProductBuffer
from anonbench.evaluation.retrieval.scoring import chance, engine, metrics
from anonbench.evaluation.retrieval.scoring.engine import Engine, Search, Searched, score_all
from anonbench.evaluation.retrieval.scoring.metrics import COLUMNS, PER_QUERY

tied = st.sampled_from([-1.0, -0.5, -0.0, 0.0, 0.25, 0.5, 1.0])
smooth = st.floats(-1, 1, width=32)
choices = st.builds(
    Retrieval,
    fraction=st.sampled_from([0.05, 0.2, 0.29, 0.5, 1.0]),
    include_self=st.booleans(),
    ap_depth=st.sampled_from(["full", "k"]),
    gain=st.sampled_from(["linear", "exponential"]),
    negative_gain=st.sampled_from(["keep", "clip", "shift"]),
    gain_of=st.sampled_from(["all", "relevant"]),
    top=st.sampled_from([1, 3, 10]),
    persistence=st.sampled_from([0.5, 0.9]),
    ties=st.just("id"),
)


class Given:
    def __init__(self, similarity: np.ndarray) -> None:
        self._similarity = similarity

    def __call__(self, queries: np.ndarray, room: ProductBuffer) -> np.ndarray:
        return self._similarity.copy()


@st.composite
def two_rows(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray]:
    size = draw(st.integers(1, 40))
    row = arrays(np.float32, size, elements=draw(st.sampled_from([tied, smooth])))
    return draw(row), draw(row)


def cutoff(images: int, settings: Retrieval) -> int:
    try:
        return metrics.cutoff(images, settings)
    except InputError:
        assume(False)
        raise


def run(
    reference: np.ndarray, scores: np.ndarray, own: np.ndarray, settings: Retrieval
) -> dict[str, np.ndarray]:
    """Return the scores of rows of similarities, and the level of chance."""
    chosen = Engine(settings, reference.shape[1])
    queries = np.empty((len(own), 1), np.float32)
    truth = chosen.reference(Given(reference), queries, own)
    (found,) = chosen.score_block(truth, Given(scores), [queries], own)
    of = dict(zip(metrics.COLUMNS, found, strict=True))
    return of | {"chance": truth.chance, "floor": truth.floor}


def plain_scores(
    reference: list[float], scores: list[float], k: int, own: int | None, settings: Retrieval
) -> dict[str, float]:
    """The definitions, read aloud."""

    def ranking(values: list[float]) -> list[int]:
        return sorted((i for i in range(len(values)) if i != own), key=lambda i: (-values[i], i))

    truth, found = ranking(reference), ranking(scores)
    relevant = set(truth[:k])
    top = min(settings.top, len(truth))
    ap, dcg = plain_ap_and_dcg(reference, relevant, found, k, settings)
    _, ideal = plain_ap_and_dcg(reference, relevant, truth, k, settings)
    gains = [plain_gain(reference, relevant, image, settings) for image in truth]
    shared = [len(set(truth[:d]) & set(found[:d])) / d for d in range(1, len(truth) + 1)]
    p = settings.persistence
    return {
        "ap": ap,
        "ndcg": dcg / ideal if ideal > 0 else math.nan,
        "overlap": shared[k - 1],
        "overlap_top": shared[top - 1],
        "rbo": shared[k - 1] * p**k
        + (1 - p) / p * sum(shared[d - 1] * p**d for d in range(1, k + 1)),
        "tau": plain_tau(truth[:top], found[:top]),
        "unchanged": float(truth[:top] == found[:top]),
        "chance": sum(gains)
        / len(truth)
        * sum(1 / math.log2(r + 1) for r in range(1, k + 1))
        / ideal
        if ideal > 0
        else math.nan,
    }


def plain_gain(
    reference: list[float], relevant: set[int], image: int, settings: Retrieval
) -> float:
    if settings.gain_of == "relevant" and image not in relevant:
        return 0.0
    value = reference[image]
    if settings.negative_gain != "keep":
        value = max(value, 0) if settings.negative_gain == "clip" else (value + 1) / 2
    return value if settings.gain == "linear" else 2**value - 1


def plain_ap_and_dcg(
    reference: list[float], relevant: set[int], ranking: list[int], k: int, settings: Retrieval
) -> tuple[float, float]:
    depth = len(ranking) if settings.ap_depth == "full" else k
    hits = [rank for rank in range(1, depth + 1) if ranking[rank - 1] in relevant]
    gains = (plain_gain(reference, relevant, image, settings) for image in ranking[:k])
    dcg = sum(gain / math.log2(rank + 1) for rank, gain in enumerate(gains, 1))
    return sum(n / rank for n, rank in enumerate(hits, 1)) / k, dcg


def plain_tau(one: list[int], other: list[int]) -> float:
    """An image outside a list comes behind all in it; pairs outside a list are tied there."""

    def order(items: list[int], i: int, j: int) -> int:
        first, second = (items.index(x) if x in items else len(items) for x in (i, j))
        return (first > second) - (first < second)

    pairs = combinations(sorted({*one, *other}), 2)
    cost = sum((1 - order(one, i, j) * order(other, i, j)) / 2 for i, j in pairs)
    size = len(one)
    return 1 - 2 * cost / (size * size + size * (size - 1) / 2)


@pytest.mark.slow
@hypothesis_settings(max_examples=200, deadline=None)
@given(two_rows(), choices, st.data())
def test_equals_the_definitions(
    pair: tuple[np.ndarray, np.ndarray], settings: Retrieval, data: st.DataObject
) -> None:
    reference, scores = pair
    k = cutoff(len(reference), settings)
    own = data.draw(st.integers(0, len(reference) - 1))
    excluded = None if settings.include_self else own
    expected = plain_scores(reference.tolist(), scores.tolist(), k, excluded, settings)
    rows = run(reference[None], scores[None], np.array([own]), settings)
    found = {name: float(values[0]) for name, values in rows.items()}
    # an own gain is added and taken away again: what cancels leaves a rounding
    floor, random, level = found.pop("floor"), found.pop("chance"), expected.pop("chance")
    assert found == pytest.approx(expected, rel=1e-12, abs=1e-12, nan_ok=True)
    assert random == pytest.approx(level, rel=1e-6, abs=1e-6, nan_ok=True)
    if not settings.include_self:
        assert floor == pytest.approx(random, nan_ok=True)


def orders(values: list[float], own: int | None) -> list[list[float]]:
    """Values apart that rank the images as these do, for each order of equal ones."""
    images = [i for i in range(len(values)) if i != own]
    levels = sorted({values[i] for i in images}, reverse=True)
    groups = [permutations([i for i in images if values[i] == level]) for level in levels]
    found = []
    for chosen in product(*groups):
        ranks = {
            i: float(-rank) for rank, i in enumerate(image for group in chosen for image in group)
        }
        found.append([ranks.get(i, -math.inf) for i in range(len(values))])
    return found


@pytest.mark.slow
@hypothesis_settings(max_examples=75, deadline=None)
@given(st.data(), choices)
def test_ties_count_as_the_mean_of_orders(data: st.DataObject, settings: Retrieval) -> None:
    size = data.draw(st.integers(2, 6))
    few = st.sampled_from([-0.5, 0.0, 0.25, 1.0])
    reference, scores = (data.draw(arrays(np.float32, size, elements=few)) for _ in range(2))
    settings = settings.model_copy(update={"top": 1})
    k, own = cutoff(size, settings), data.draw(st.integers(0, size - 1))
    excluded = None if settings.include_self else own
    truths, lists = (orders(each.tolist(), excluded) for each in (reference, scores))
    assume(len(truths) * len(lists) <= 1500)
    gains, images = reference.tolist(), range(size)
    expected = []
    for truth, found in product(truths, lists):
        relevant = set(sorted(images, key=lambda i: -truth[i])[:k])
        ranking = [i for i in sorted(images, key=lambda i: -found[i]) if i != excluded]
        expected.append(plain_ap_and_dcg(gains, relevant, ranking, k, settings))
    best = sorted(images, key=lambda i: (i == excluded, -gains[i]))
    _, ideal = plain_ap_and_dcg(gains, set(images), best, k, settings)
    ap, dcg = np.mean(expected, axis=0)
    mean = settings.model_copy(update={"ties": "mean"})
    rows = np.stack([reference] * 2), np.stack([scores] * 2)
    got = run(*rows, np.array([own, own]), mean)
    assert got["ap"] == pytest.approx([ap, ap], rel=1e-9)
    ndcg = dcg / ideal if ideal > 0 else math.nan
    assert got["ndcg"] == pytest.approx([ndcg, ndcg], rel=1e-6, abs=1e-7, nan_ok=True)


@pytest.mark.parametrize("ap_depth", ["full", "k"])
def test_the_order_of_ids_changes_nothing(ap_depth: Literal["full", "k"]) -> None:
    """Long rows with few values, as a system with quantized similarities gives them."""
    generator = np.random.default_rng(3)
    reference = np.round(generator.standard_normal((6, 3000)), 1).astype(np.float32)
    scores = np.round(reference + generator.standard_normal((6, 3000)), 1).astype(np.float32)
    # all equal, and none equal in the reference
    scores[0], reference[0] = 0.5, generator.permutation(3000)
    settings = Retrieval(ap_depth=ap_depth, gain_of="relevant")
    own, order = np.arange(6), generator.permutation(3000)
    first = run(reference, scores, own, settings)
    again = run(reference[:, order], scores[:, order], np.argsort(order)[own], settings)
    for column in ("ap", "ndcg"):
        assert again[column] == pytest.approx(first[column], abs=1e-12), column
    assert first["ap"][0] == pytest.approx(chance.chance_ap(3000, settings), rel=1e-9)
    assert first["ndcg"][0] == pytest.approx(first["chance"][0], rel=1e-6)
    by_id = run(reference, scores, own, settings.model_copy(update={"ties": "id"}))
    assert abs(by_id["ap"] - first["ap"]).max() > 1e-3


@hypothesis_settings(max_examples=60, deadline=None)
@given(choices, st.integers(1, 5), st.booleans())
def test_chance_and_floor_are_means(settings: Retrieval, size: int, own_first: bool) -> None:
    """Over all that begin with the own image, which is first in the reference too, the floor."""
    size += own_first
    cutoff(size, settings)  # else there is nothing to score
    orders = np.array(list(permutations(range(size - own_first))), np.float32) / size
    if own_first:
        orders = np.insert(orders, 0, 1.0, axis=1)
    row = np.linspace(0.9, -0.2, size).astype(np.float32)
    reference = np.repeat(row[None], len(orders), axis=0)
    found = run(reference, orders, np.zeros(len(orders), np.int64), settings)
    level = found["floor" if own_first else "chance"][0]
    assert found["ndcg"].mean() == pytest.approx(level, nan_ok=True)
    for metric, expected in chance.levels(size, settings, own_first).items():
        assert found[PER_QUERY[metric]].mean() == pytest.approx(expected), metric


def similarities(rows: int = 37, size: int = 5000) -> tuple[np.ndarray, np.ndarray]:
    """Return two blocks that agree somewhat, with ties and both signs."""
    generator = np.random.default_rng(0)
    reference = generator.standard_normal((rows, size))
    noise = np.geomspace(0.01, 3, rows)[:, None]  # from a good model to a useless one
    scores = reference + noise * generator.standard_normal((rows, size))
    return tuple(np.round(x / 8, 4).astype(np.float32) for x in (reference, scores))  # type: ignore[return-value]


@pytest.mark.parametrize("strip", [1, 6000])
@pytest.mark.parametrize("ap_depth", ["full", "k"])
def test_threads_strips_and_rows(
    strip: int, ap_depth: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    reference, scores = similarities()
    settings = Retrieval.model_validate({"include_self": False, "ap_depth": ap_depth})
    own = np.random.default_rng(1).permutation(reference.shape[1])[: len(reference)]
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    expected = run(reference, scores, own, settings)
    monkeypatch.setattr(engine, "STRIP", strip)
    for threads in ("1", "3"):
        monkeypatch.setenv("OMP_NUM_THREADS", threads)
        found = run(reference, scores, own, settings)
        part = run(reference[5:8], scores[5:8], own[5:8], settings)
        for column, values in expected.items():
            assert np.array_equal(found[column], values), column
            assert np.array_equal(part[column], values[5:8]), column


def unit_vectors(seed: int, size: int, width: int) -> np.ndarray:
    values = np.random.default_rng(seed).standard_normal((size, width))
    values[size // 2] = values[3]  # a copy of an image
    return (values / np.linalg.norm(values, axis=1, keepdims=True)).astype(np.float32)


@pytest.mark.slow
@pytest.mark.parametrize("include_self", [True, False])
@pytest.mark.parametrize(("rows", "ap_depth"), [(1, "full"), (192, "k"), (193, "full")])
def test_kinds_scored_together_have_the_scores_that_each_has_alone(
    rows: int, ap_depth: Literal["full", "k"], include_self: bool
) -> None:
    settings = Retrieval(block=192, ap_depth=ap_depth, include_self=include_self)
    truth, other, database = (unit_vectors(seed, 230, 30) for seed in range(3))
    own = np.random.default_rng(0).permutation(230)[:rows]
    both = Engine(settings, 230)
    ranking = both.reference(both.database(truth), truth[own], own)
    kinds = [truth[own], other[own], database[own]]
    found = both.score_block(ranking, both.database(database), kinds, own)
    assert len(found) == 3
    for units, scores in zip(kinds, found, strict=True):
        (expected,) = both.score_block(ranking, both.database(database), [units], own)
        assert scores.shape == (len(COLUMNS), len(own))
        assert np.array_equal(scores, expected)


def test_one_scored_database_is_in_memory_at_a_time() -> None:
    chosen, units, own = Engine(Retrieval(), 230), unit_vectors(0, 230, 30), np.arange(230)
    there: WeakSet[Searched] = WeakSet()
    before = []

    def make() -> Search:
        before.append(len(there))
        there.add(found := chosen.database(units))
        return Search(found, [units.__getitem__])

    score_all(chosen, Search(chosen.database(units), [units.__getitem__]), [make] * 3, own)
    assert before == [0] * len(before) and len(before) >= 3


@pytest.mark.parametrize(
    ("images", "fraction", "include_self", "k"),
    [
        (39_972, 0.05, True, 1998),
        (39_972, 0.05, False, 1998),
        (100, 0.29, True, 29),
        (21, 0.05, False, 1),
        (1, 1.0, True, 1),
    ],
)
def test_cutoff(images: int, fraction: float, include_self: bool, k: int) -> None:
    assert metrics.cutoff(images, Retrieval(fraction=fraction, include_self=include_self)) == k


def test_too_few_images() -> None:
    for settings, needed in ((Retrieval(), 20), (Retrieval(include_self=False), 21)):
        with pytest.raises(InputError, match=f"at least {needed} images"):
            metrics.cutoff(needed - 1, settings)
        assert metrics.cutoff(needed, settings) == 1


@pytest.mark.parametrize("own", [True, False])
@pytest.mark.parametrize("k", [1, 4, 5, 9])
def test_so_many_images_are_needed(own: bool, k: int) -> None:
    settings = Retrieval(fraction=0.07, include_self=own)
    needed = metrics.images_needed(settings, k)
    assert metrics.cutoff(needed, metrics.effective_settings(needed, settings)) >= k
    with_less = metrics.effective_settings(needed - 1, settings) if k > 1 else settings
    assert k == 1 or metrics.cutoff(needed - 1, with_less) < k


def test_levels_of_large_archives_are_numbers() -> None:
    for images in (10**6, 5 * 10**6):
        levels = chance.levels(images, Retrieval(top=1000))
        assert all(np.isfinite(level) and -1.0 <= level <= 1.0 for level in levels.values())
        assert levels["unchanged"] == 0.0 < chance.levels(images, Retrieval(top=2))["unchanged"]
