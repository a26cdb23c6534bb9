"""Agreement of two rankings, against the definitions in plain Python and closed forms."""

from __future__ import annotations

import math
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from anonbench.evaluation.retrieval.scoring import metrics as agreement

P = 0.9


@st.composite
def two_lists(draw: st.DrawFn) -> tuple[list[int], list[int]]:
    size = draw(st.integers(1, 12))
    images = st.permutations(range(draw(st.integers(size, 2 * size))))
    return draw(images)[:size], draw(images)[:size]


def places(reference: list[int], found: list[int]) -> np.ndarray:
    absent = len(reference)
    row = [reference.index(i) if i in reference else absent for i in found]
    return np.array([row], dtype=np.int16)


def measure(reference: list[int], found: list[int], p: float = P) -> dict[str, float]:
    given, depth = places(reference, found), len(found)
    steps = np.arange(depth, dtype=np.int16)
    weights = agreement.overlap_weights(p, depth, depth + 1)
    return {
        "overlap": float(agreement.overlap(given, depth)[0]),
        "rbo": float(agreement.rank_biased_overlap(given, steps, weights)[0]),
        "tau": float(agreement.kendall_tau(given, steps, depth)[0]),
        "unchanged": float(agreement.unchanged(given, steps, depth)[0]),
    }


def plain_rbo(one: list[int], other: list[int], p: float) -> float:
    """Equation 30 of Webber, Moffat and Zobel 2010, for lists of one length."""
    k = len(one)
    agreed = [len(set(one[:d]) & set(other[:d])) / d for d in range(1, k + 1)]
    summed = sum(a * p**d for d, a in enumerate(agreed, 1))
    return agreed[-1] * p**k + (1 - p) / p * summed


def plain_tau(one: list[int], other: list[int]) -> float:
    """K^(1/2) of Fagin, Kumar and Sivakumar 2003, case by case, scaled by its maximum."""
    cost = 0.0
    for i, j in combinations(sorted({*one, *other}), 2):
        held = [{i, j} & set(items) for items in (one, other)]
        if all(len(pair) == 2 for pair in held):
            cost += (one.index(i) < one.index(j)) != (other.index(i) < other.index(j))
        elif sorted(map(len, held)) == [1, 2]:
            items, single = (one, held[1]) if len(held[0]) == 2 else (other, held[0])
            ahead = i if items.index(i) < items.index(j) else j
            cost += ahead not in single
        elif sorted(map(len, held)) == [1, 1]:
            cost += 1
        else:
            cost += 0.5
    size = len(one)
    return 1 - 2 * cost / (size * size + size * (size - 1) / 2)


@given(two_lists(), st.floats(0.05, 0.99))
def test_equal_the_definitions(lists: tuple[list[int], list[int]], p: float) -> None:
    reference, found = lists
    measured = measure(reference, found, p)
    assert measured["overlap"] == len(set(reference) & set(found)) / len(found)
    assert measured["rbo"] == pytest.approx(plain_rbo(reference, found, p), abs=1e-12)
    assert measured["tau"] == pytest.approx(plain_tau(reference, found), abs=1e-12)
    assert measured["unchanged"] == float(reference == found)


@given(two_lists())
def test_are_symmetric(lists: tuple[list[int], list[int]]) -> None:
    assert measure(*lists) == pytest.approx(measure(*lists[::-1]), abs=1e-12)


@given(st.integers(1, 300), st.floats(0.01, 0.999))
def test_equal_lists_score_exactly_one(size: int, p: float) -> None:
    same = list(range(size))
    assert set(measure(same, same, p).values()) == {1.0}


@pytest.mark.parametrize("size", [1, 2, 10])
def test_lists_without_a_common_image(size: int) -> None:
    found = measure(list(range(size)), list(range(size, 2 * size)))
    assert found == {"overlap": 0.0, "rbo": 0.0, "tau": -1.0, "unchanged": 0.0}


@pytest.mark.parametrize(("size", "expected"), [(2, 1 - 2 / 5), (10, 1 - 90 / 145)])
def test_reversed_lists(size: int, expected: float) -> None:
    found = measure(list(range(size)), list(range(size))[::-1])
    assert found["tau"] == pytest.approx(expected)
    assert (found["overlap"], found["unchanged"]) == (1.0, 0.0)
    assert 0 < found["rbo"] < 1


def test_the_first_results_weigh_most_in_rank_biased_overlap() -> None:
    same = list(range(20))
    early = measure(same, [1, 0, *same[2:]])["rbo"]
    late = measure(same, [*same[:18], 19, 18])["rbo"]
    # a swap at the top changes the overlap of depth 1 alone, whose weight is 1 - p
    assert early == pytest.approx(1 - (1 - P))
    assert late == pytest.approx(1 - (1 - P) * P**18 / 19)


def test_weights_are_those_of_all_depths_from_a_place_on() -> None:
    weights = agreement.overlap_weights(P, 3, 5)
    terms = [(1 - P) / P * P**d / d for d in (1, 2, 3)]
    rest = P**3 / 3
    expected = [sum(terms) + rest, sum(terms[1:]) + rest, terms[2] + rest, 0.0, 0.0]
    assert weights == pytest.approx(expected)
    assert math.isclose(weights[:3].sum(), 1.0)
