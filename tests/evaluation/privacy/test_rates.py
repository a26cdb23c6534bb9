"""Ranks and rates of probes with intervals, and their clusters."""

from __future__ import annotations

from itertools import permutations
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from anonbench.core.errors import InputError
from anonbench.core.io import write_csv
from anonbench.core.numeric.statistics import wilson
from anonbench.evaluation.privacy.probes import (
    COLUMNS,
    Places,
    chances,
    hit_rates,
    other_photos_mask,
    places,
    single_match_probes,
)
from anonbench.evaluation.privacy.rates import (
    ALL,
    HIDDEN,
    RATE_COLUMNS,
    rates,
    read_rates,
    with_clusters,
    worst,
)


def probes(
    hit: list[float],
    cluster: list[int] | None = None,
    method: str = "blur",
    attacker: str = "naive",
    hidden: list[bool] | None = None,
    entity: str = "face",
    chance: float = 0.01,
) -> pd.DataFrame:
    table = pd.DataFrame({"hit_1": hit})
    return table.assign(
        entity=entity,
        match="person",
        method=method,
        degree=0 if method == "original" else 50,
        attacker=attacker,
        against="original",
        id=[f"i{i}" for i in range(len(hit))],
        order=0,
        context=0.0,
        cluster=cluster or list(range(len(hit))),
        hidden=hidden or [True] * len(hit),
        gallery=100,
        chance_1=chance,
        hit_10=1.0,
        chance_10=0.1,
        one_above=np.where(np.array(hit) > 0.5, 0, 5),
        one_tied=0,
        one_others=19,
        reason="",
    )[list(COLUMNS)]


def test_a_rate_is_the_mean_with_wilsons_interval() -> None:
    table = rates("a", probes([1, 0, 0, 1] * 10), 0.95)
    row = table[(table["rank"] == 1) & (table["regions"] == ALL)].iloc[0]
    assert (row["rate"], row["n"], row["clusters"]) == (0.5, 40, 40)
    assert (row["low"], row["high"]) == pytest.approx(wilson(20, 40, 0.95), abs=0.005)
    assert (row["gallery"], row["chance"]) == (100, 0.01)
    assert table.columns.tolist() == RATE_COLUMNS
    assert row[["one_rate", "one_chance", "one_gallery"]].tolist() == pytest.approx([0.5, 0.05, 20])
    ten = table[(table["rank"] == 10) & (table["regions"] == ALL)].iloc[0]
    assert (ten["rate"], ten["chance"]) == (1.0, 0.1)
    # of half of the probes the one photograph is the sixth
    assert ten[["one_rate", "one_chance"]].tolist() == pytest.approx([1.0, 0.5])


def test_fewer_than_eight_persons_give_a_rate_and_the_reason_for_no_interval() -> None:
    row = rates("a", probes([1.0, 0.0] * 25, [i % 7 for i in range(50)]), 0.95).iloc[0]
    assert row["rate"] == 0.5 and row[["low", "high"]].isna().all()
    assert row["reason"] == "7 clusters, and at least 8 are needed for an interval"
    assert worst(row.to_frame().T)["rate"].tolist() == [0.5]


def test_hidden_regions_are_told_from_all() -> None:
    table = rates("a", probes([1, 0, 1, 1], hidden=[False, False, True, True]), 0.95)
    found = table[table["rank"] == 1].set_index("regions")["rate"]
    assert found.to_dict() == {ALL: 0.75, HIDDEN: 1.0}
    # an attack is as strong as it is on all regions
    assert worst(table)["rate"].tolist() == [0.75]
    assert set(rates("a", probes([1, 0], method="original"), 0.95)["regions"]) == {ALL}


def test_the_worst_is_farthest_above_chance() -> None:
    table = pd.concat(
        [
            probes([1, 0, 0, 0]),
            probes([1, 1, 0, 0], attacker="parrot"),
            probes([1, 1, 1, 0], entity="text", chance=0.7),
            probes([1, 1, 1, 1], method="original"),
        ]
    )
    found = worst(rates("a", table, 0.95)).set_index("method")
    assert found.loc["blur", ["attacker", "rate", "entity"]].tolist() == ["parrot", 0.5, "face"]
    assert found.loc["original", "rate"] == 1
    # what is left above chance: 0.49 of 0.99, 0.40 of 0.60
    likely = probes([1, 1, 1, 1, 0], entity="text", chance=0.4)
    table = pd.concat([probes([1, 0]), likely])
    assert worst(rates("a", table, 0.95))["entity"].tolist() == ["text"]


def test_what_was_not_run_has_a_reason_and_survives_the_file(tmp_path: Path) -> None:
    absent = probes([float("nan")]).assign(attacker="parrot", reason="no model", id="")
    table = rates("a", pd.concat([probes([1, 0]), absent]), 0.95)
    write_csv(table, tmp_path / "rates.csv")
    again = read_rates(tmp_path / "rates.csv")
    missing = again[again["rate"].isna()]
    assert missing[["attacker", "reason"]].to_numpy().tolist() == [["parrot", "no model"]]
    assert len(worst(again)) == 1
    nothing = rates("a", absent, 0.95)
    assert worst(nothing).empty


def attacked(cluster: list[int], entity: str = "face") -> pd.DataFrame:
    """Return one probe an image, every other one found."""
    return probes([float(number % 2) for number in range(len(cluster))], cluster, entity=entity)


def series(numbers: list[int]) -> pd.Series:
    return pd.Series(numbers, [f"i{number}" for number in range(len(numbers))])


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5)), min_size=1, max_size=12))
def test_probes_share_a_cluster_where_a_chain_links_them(pairs: list[tuple[int, int]]) -> None:
    one, other = (list(each) for each in zip(*pairs, strict=True))
    found = with_clusters(attacked(one), series(other))["cluster"].tolist()
    expected = list(range(len(pairs)))
    for _ in pairs:  # the smallest number reaches every link of its chain
        expected = [
            min(expected[j] for j in range(len(pairs)) if one[i] == one[j] or other[i] == other[j])
            for i in range(len(pairs))
        ]
    assert (
        pd.factorize(pd.Series(found))[0].tolist() == pd.factorize(pd.Series(expected))[0].tolist()
    )


def test_entities_have_numbers_of_their_own() -> None:
    both = pd.concat([attacked([0, 0, 1, 1]), attacked([0, 1, 2, 3], "text")], ignore_index=True)
    found = with_clusters(both, series([0, 1, 2, 3]))
    assert found.groupby("entity")["cluster"].nunique().to_dict() == {"face": 2, "text": 4}


def test_coarser_clusters_widen_the_interval_and_keep_the_rate() -> None:
    attack = attacked(list(range(40)))
    cases = series([number % 2 + 2 * (number // 8) for number in range(40)])
    alone, together = (
        rates("a", each, 0.95).iloc[0] for each in (attack, with_clusters(attack, cases))
    )
    assert (alone["clusters"], together["clusters"]) == (40, 10)
    assert alone["rate"] == together["rate"]
    assert together["high"] - together["low"] > 1.5 * (alone["high"] - alone["low"])


def test_what_was_not_run_stays_and_probes_of_other_data_are_refused() -> None:
    absent = attacked([0]).assign(id="", entity="text", reason="no region")
    both = pd.concat([attacked([0, 1]), absent], ignore_index=True)
    found = with_clusters(both, series([5, 5]))
    assert found["cluster"].tolist()[:2] == [0, 0]
    pd.testing.assert_frame_equal(found.iloc[2:], both.iloc[2:])
    with pytest.raises(InputError, match="1 images have scores and no cluster"):
        with_clusters(attacked([0, 1]), series([5]))


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
