"""Ranks and rates of probes with intervals, their clusters, and which rates are known."""

from itertools import permutations
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from anonbench.core.errors import InputError
from anonbench.core.io import write_csv
from anonbench.core.numeric.statistics import fewest_trials, wilson
from anonbench.evaluation.privacy import probes as on_probes
from anonbench.evaluation.privacy.rates import (
    ALL,
    HIDDEN,
    RATE_COLUMNS,
    REMAINDER,
    clusters_needed,
    rates,
    read_rates,
    strongest,
    with_clusters,
    worst,
)
from synthetic_rates import make_rates


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
        one_hit_1=hit,
        one_chance_1=0.05,
        one_hit_10=1.0,
        one_chance_10=0.5,
        one_gallery=20,
        reason="",
    )[list(on_probes.COLUMNS)]


def test_a_rate_is_the_mean_with_wilsons_interval() -> None:
    table = rates("a", probes([1, 0, 0, 1] * 10), 0.95)
    assert table.columns.tolist() == RATE_COLUMNS
    shown = table[table["regions"] == ALL].set_index("rank")
    numbers = ["rate", "n", "clusters", "gallery", "chance", "one_rate", "one_chance"]
    assert shown.loc[1, numbers].tolist() == pytest.approx([0.5, 40, 40, 100, 0.01, 0.5, 0.05])
    assert shown.loc[10, numbers].tolist() == pytest.approx([1.0, 40, 40, 100, 0.1, 1.0, 0.5])
    assert shown.loc[1, ["low", "high"]].tolist() == pytest.approx(wilson(20, 40, 0.95), abs=0.005)
    # a gallery is the largest that a probe was searched in
    row = rates("a", probes([1, 0]).assign(gallery=[100, 99], one_gallery=[20, 19]), 0.95).iloc[0]
    assert row[["gallery", "one_gallery"]].tolist() == [100, 20]


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
    few, several = probes([1, 0, 0, 0]), probes([1, 1, 0, 0], attacker="parrot")
    likely = probes([1, 1, 1, 0], entity="text", chance=0.7)
    originals = probes([1, 1, 1, 1], method="original")
    found = worst(rates("a", pd.concat([few, several, likely, originals]), 0.95))
    assert found[["method", "attacker", "rate", "entity"]].to_numpy().tolist() == [
        ["original", "naive", 1.0, "face"],
        ["blur", "parrot", 0.5, "face"],
    ]
    # what is left above chance: 0.49 of 0.99, 0.40 of 0.60
    likely = probes([1, 1, 1, 1, 0], entity="text", chance=0.4)
    found = worst(rates("a", pd.concat([probes([1, 0]), likely]), 0.95))
    assert found["entity"].tolist() == ["text"]


def test_what_was_not_run_has_a_reason_and_survives_the_file(tmp_path: Path) -> None:
    absent = probes([float("nan")]).assign(attacker="parrot", reason="no model", id="")
    table = rates("a", pd.concat([probes([1, 0]), absent]), 0.95)
    write_csv(table, tmp_path / "rates.csv")
    again = read_rates(tmp_path / "rates.csv")
    missing = again.loc[again["rate"].isna(), ["attacker", "reason"]]
    assert missing.to_numpy().tolist() == [["parrot", "no model"]]
    assert len(worst(again)) == 1 and worst(rates("a", absent, 0.95)).empty


def attacked(cluster: list[int], entity: str = "face") -> pd.DataFrame:
    return probes([float(number % 2) for number in range(len(cluster))], cluster, entity=entity)


def series(numbers: list[int]) -> pd.Series:
    return pd.Series(numbers, [f"i{number}" for number in range(len(numbers))])


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5)), min_size=1, max_size=12))
def test_probes_share_a_cluster_where_a_chain_links_them(pairs: list[tuple[int, int]]) -> None:
    one, other = (list(each) for each in zip(*pairs, strict=True))
    found = with_clusters(attacked(one), series(other))["cluster"]
    expected = np.arange(len(pairs))
    linked = np.array([[a == c or b == d for c, d in pairs] for a, b in pairs])
    for _ in pairs:  # the smallest number reaches every link of its chain
        expected = np.where(linked, expected, len(pairs)).min(axis=1)
    assert np.array_equal(pd.factorize(found)[0], pd.factorize(expected)[0])


def test_clusters_are_numbered_by_entity_and_those_of_other_data_are_refused() -> None:
    both = pd.concat([attacked([0, 0, 1, 1]), attacked([0, 1, 2, 3], "text")], ignore_index=True)
    found = with_clusters(both, series([0, 1, 2, 3]))
    assert found.groupby("entity")["cluster"].nunique().to_dict() == {"face": 2, "text": 4}
    # what was not run stays
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


def test_the_place_of_the_best_match_is_counted() -> None:
    gallery = unit((1, 0), (1, 1), (0, 1), (-1, 0))
    match = np.array([[0, 0, 1, 0], [1, 0, 0, 1], [1, 1, 0, 0]], bool)
    # what is left out, as of the last probe, is neither found nor in the way
    left_out = np.array([[0] * 4, [0] * 4, [1, 0, 0, 0]], bool)
    found = on_probes.places(unit((2, 0.1), (-1, 0.1), (1, 0)), gallery, match, left_out)
    assert found.above.tolist() == [2, 0, 0]
    assert (found.matches.tolist(), found.gallery.tolist()) == ([1, 2, 1], [4, 4, 3])
    rates = [on_probes.hit_rates(found, rank).tolist() for rank in (1, 2, 3)]
    assert rates == [[0, 1, 1], [0, 1, 1], [1, 1, 1]]


@pytest.mark.parametrize(("items", "right", "above"), [(4, 2, 1), (5, 1, 0), (3, 3, 2), (4, 1, 5)])
def test_a_tie_counts_as_all_its_orders_do(items: int, right: int, above: int) -> None:
    orders = set(permutations([True] * right + [False] * (items - right)))
    found = on_probes.Places(*(np.array([n]) for n in (above, items, right, right, items + above)))
    for rank in range(1, 8):
        room = max(rank - above, 0)
        share = np.mean([any(order[:room]) for order in orders])
        assert on_probes.hit_rates(found, rank)[0] == pytest.approx(share)


def test_chance_is_that_of_a_draw() -> None:
    found = on_probes.Places(*(np.array([n]) for n in (0, 1, 1, 3, 200)))
    drawn = np.random.default_rng(0).permuted(np.tile(np.arange(200), (20_000, 1)), axis=1)[:, :10]
    assert on_probes.chances(found, 1)[0] == pytest.approx(3 / 200)
    assert on_probes.chances(found, 10)[0] == pytest.approx(
        (drawn < 3).any(axis=1).mean(), abs=0.01
    )


def test_a_gallery_of_one_crop_of_each_person() -> None:
    who = np.array([0, 0, 0, 1, 1, 2])
    turn = np.array([2, 0, 1, 1, 0, 0])
    own = np.array([0, 0, 1])
    same = np.arange(6) == np.array([[1], [0], [4]])  # the second photograph is a probe, and so on
    left_out = on_probes.other_photos_mask(who, own, turn, same)
    shown = [np.flatnonzero(~row).tolist() for row in left_out]
    assert shown == [[2, 4, 5], [1, 4, 5], [1, 3, 5]]
    # whatever is drawn, the probe itself is not among them, and one of its person is
    assert not (~left_out & same).any() and ((~left_out).sum(axis=1) == 3).all()


def judged(rates: pd.DataFrame) -> dict[str, str]:
    found = strongest(rates, 0.2, 0.95)
    return dict(zip(found["method"], found["unknown"], strict=True))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({}, ""),
        ({"clusters": 20, "gallery": 100}, ""),
        ({"clusters": 19}, "face: 19 persons: 93 are enough"),
        ({"gallery": 99}, "face: a gallery of 99, and 100 are needed"),
        ({"low": np.nan}, "face: no interval"),
        # one reason, whatever else lacks
        ({"clusters": 19, "gallery": 99, "low": 0.0}, "face: 19 persons: 93 are enough"),
        # named once where few persons give no interval
        ({"low": np.nan, "high": np.nan, "clusters": 5}, "face: 5 persons: 93 are enough"),
    ],
)
def test_each_lack_is_said(change: dict[str, float], said: str) -> None:
    assert set(judged(make_rates("a").assign(**change)).values()) == {said}


@pytest.mark.parametrize(
    ("originals", "variant", "known"),
    [(0.01, 0.01, False), (0.011, 0.01, True), (0.01, 0.011, True), (0.011, 0.011, True)],
)
def test_attacks_failing_on_originals(originals: float, variant: float, known: bool) -> None:
    """Of each the lower end of the interval; chance is 0.01."""
    rates = make_rates("a").assign(rate=0.02, high=0.06, low=variant)
    rates.loc[rates["method"] == "original", "low"] = originals
    found = judged(rates)
    assert found.pop("original") == ""
    why = "face: attacks find no more than chance in originals, so that they show nothing"
    assert set(found.values()) == {"" if known else why}


def test_the_strongest_known_attack_is_shown_beside_what_is_not() -> None:
    codes = make_rates("a", entity="barcode", match="region").assign(rate=1.0, clusters=2)
    found = strongest(pd.concat([make_rates("a"), codes]), 0.2, 0.95).set_index("method")
    lack = "barcode: 2 images: 93 are enough"
    shown = found.loc["blur", ["entity", "shortfall", "unknown", "rate"]].tolist()
    assert shown == ["face", "", lack, pytest.approx(0.45)]
    alone = strongest(codes, 0.2, 0.95)
    assert (alone["shortfall"] != "").all() and (alone["entity"] == "barcode").all()
    assert strongest(codes.iloc[:0], 0.2, 0.95).empty


def test_a_wide_interval_does_not_hide_a_narrow_one_that_shows_more() -> None:
    wide = make_rates("a", entity="text", match="region").assign(rate=0.6, low=0.05, high=0.9)
    narrow = make_rates("a").assign(rate=0.4, low=0.35, high=0.45)
    both, alone = (
        strongest(table, 0.2, 0.95).set_index("method").loc["blur"]
        for table in (pd.concat([narrow, wide]), wide.assign(low=0.3))
    )
    lack = "text: an interval of 85.0 points: 93 probes of different images are enough"
    assert both[["entity", "low", "unknown"]].tolist() == ["face", 0.35, lack]
    # a wide one may show that an attack succeeds, but not that it fails
    assert alone["shortfall"] == "" and "an interval of 60.0 points" in alone["unknown"]


def test_an_entity_that_cannot_be_attacked_is_not_known() -> None:
    lone = make_rates("a").iloc[:1].assign(entity="mrz", method="", degree=0, rate=np.nan)
    for reason in (on_probes.ONLY_ONE, f"{on_probes.TOO_LITTLE}: 9 regions", on_probes.NONE):
        table = pd.concat([make_rates("a"), lone.assign(reason=reason)])
        unknown = "" if reason == on_probes.NONE else f"mrz: {reason}"
        assert set(judged(table).values()) == {unknown}


@pytest.mark.parametrize("widest", [0.05, 0.3])
def test_so_many_probes_are_needed(widest: float) -> None:
    needed = clusters_needed(widest, 0.95)
    enough, fewer = (np.ptp(wilson(n / 2, n, 0.95)) for n in (needed, needed - 1))
    assert enough <= widest < fewer
    assert clusters_needed(1.0, 0.95) == 20
    # none of so few is found, and a rate within the limit is not excluded
    assert clusters_needed(widest, 0.95, 0.001) == fewest_trials(0.001, 0.95) > needed


def test_what_is_around_faces_is_known_whatever_nobody_sees_of_lines() -> None:
    lines = make_rates("a", entity="text", match="region").iloc[:1]
    lines = lines.assign(rate=np.nan, rank=pd.NA, attacker="", reason=on_probes.NO_MODEL)
    table = pd.concat([make_rates("a", remainder=0.4), lines])
    assert on_probes.NO_MODEL in strongest(table, 0.2, 0.95)["unknown"].iloc[-1]
    around = strongest(table, 0.2, 0.95, REMAINDER)
    assert set(around["unknown"]) == {""} and set(around["rate"]) == {0.4}


@pytest.mark.parametrize("regions", [ALL, REMAINDER])
def test_what_one_attacker_did_not_learn_is_a_lack_of_what_it_looks_at(regions: str) -> None:
    """A rate of who could not learn is a lower end, and no limit is known to be kept."""
    lack = make_rates("a").iloc[:1].assign(rate=np.nan, rank=pd.NA, regions=regions)
    table = pd.concat([make_rates("a", remainder=0.1), lack.assign(reason=on_probes.NO_LESSON)])
    for part in (ALL, REMAINDER):
        row = strongest(table, 0.2, 0.95, part).set_index("method").loc["mask"].to_dict()
        assert row["unknown"] == (f"face: {on_probes.NO_LESSON}" if part == regions else "")
