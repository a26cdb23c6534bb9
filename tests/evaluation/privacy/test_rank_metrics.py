from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest

from anonbench.evaluation.privacy.probes import (
    Places,
    chances,
    hit_rates,
    other_photos_mask,
    places,
    single_match_probes,
)


def unit(*rows: tuple[float, ...]) -> np.ndarray:
    vectors = np.array(rows, np.float32)
    return np.asarray(vectors / np.linalg.norm(vectors, axis=1, keepdims=True))


GALLERY = unit((1, 0), (1, 1), (0, 1), (-1, 0))


def test_the_place_of_the_best_match_is_counted() -> None:
    match = np.array([[False, False, True, False], [True, False, False, True]])
    found = places(unit((2, 0.1), (-1, 0.1)), GALLERY, match, np.zeros_like(match))
    assert found.above.tolist() == [2, 0]
    assert found.matches.tolist() == [1, 2] and found.gallery.tolist() == [4, 4]
    assert hit_rates(found, 1).tolist() == [0, 1]
    assert hit_rates(found, 2).tolist() == [0, 1]
    assert hit_rates(found, 3).tolist() == [1, 1]


def test_a_crop_that_is_left_out_is_neither_found_nor_in_the_way() -> None:
    match = np.array([[True, True, False, False]])
    own = np.array([[True, False, False, False]])
    found = places(unit((1, 0)), GALLERY, match, own)
    assert found.gallery.tolist() == [3] and found.matches.tolist() == [1]
    assert hit_rates(found, 1).tolist() == [1]


@pytest.mark.parametrize(("items", "right", "above"), [(4, 2, 1), (5, 1, 0), (3, 3, 2), (4, 1, 5)])
def test_a_tie_counts_as_all_its_orders_do(items: int, right: int, above: int) -> None:
    orders = set(permutations([True] * right + [False] * (items - right)))
    found = Places(*(np.array([n]) for n in (above, items, right, right, items + above)))
    for rank in range(1, 8):
        room = max(rank - above, 0)
        share = np.mean([any(order[:room]) for order in orders])
        assert hit_rates(found, rank)[0] == pytest.approx(share)


def test_chance_is_that_of_a_draw() -> None:
    found = Places(*(np.array([n]) for n in (0, 1, 1, 3, 200)))
    drawn = np.random.default_rng(0).permuted(np.tile(np.arange(200), (20_000, 1)), axis=1)[:, :10]
    assert chances(found, 1)[0] == pytest.approx(3 / 200)
    assert chances(found, 10)[0] == pytest.approx((drawn < 3).any(axis=1).mean(), abs=0.01)


def test_a_gallery_of_one_crop_of_each_person() -> None:
    who = np.array([0, 0, 0, 1, 1, 2])
    turn = np.array([2, 0, 1, 1, 0, 0])
    own = np.array([0, 0, 1])
    same = np.arange(6) == np.array([[1], [0], [4]])  # the second photograph is a probe, and so on
    left_out = other_photos_mask(who, own, turn, same)
    shown = [np.flatnonzero(~row).tolist() for row in left_out]
    assert shown == [[2, 4, 5], [1, 4, 5], [1, 3, 5]]
    # whatever is drawn, the probe itself is not among them, and one of its person is
    assert not (~left_out & same).any() and ((~left_out).sum(axis=1) == 3).all()


def test_one_match_among_so_many() -> None:
    found = single_match_probes(np.array([0, 0, 3, 9]), np.array([0, 1, 0, 4]), np.full(4, 19))
    assert hit_rates(found, 1).tolist() == [1, 0.5, 0, 0]
    assert hit_rates(found, 10).tolist() == pytest.approx([1, 1, 1, 0.2])
    assert chances(found, 1).tolist() == pytest.approx([0.05] * 4)
