from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from anonbench.core.io import write_csv
from anonbench.core.numeric.statistics import wilson
from anonbench.evaluation.privacy.probes import COLUMNS
from anonbench.evaluation.privacy.rates import ALL, HIDDEN, RATE_COLUMNS, rates, read_rates, worst


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
        cluster=cluster or list(range(len(hit))),
        hidden=hidden or [True] * len(hit),
        gallery=100,
        chance_1=chance,
        hit_10=1.0,
        chance_10=0.1,
        reason="",
    )[list(COLUMNS)]


def test_a_rate_is_the_mean_with_wilsons_interval() -> None:
    table = rates("a", probes([1, 0, 0, 1] * 10), 0.95)
    row = table[(table["rank"] == 1) & (table["regions"] == ALL)].iloc[0]
    assert (row["rate"], row["n"], row["clusters"]) == (0.5, 40, 40)
    assert (row["low"], row["high"]) == pytest.approx(wilson(20, 40, 0.95), abs=0.005)
    assert (row["gallery"], row["chance"]) == (100, 0.01)
    assert table.columns.tolist() == RATE_COLUMNS
    assert table.loc[table["rank"] == 10, "rate"].eq(1).all()


def test_probes_of_one_person_count_as_one() -> None:
    hit = [1.0] * 10 + [0.0] * 10
    whole = rates("a", probes(hit, [i // 10 for i in range(20)]), 0.95).iloc[0]
    half = rates("a", probes(hit, [i // 5 for i in range(20)]), 0.95).iloc[0]
    alone = rates("a", probes(hit), 0.95).iloc[0]
    width = [row["high"] - row["low"] for row in (alone, half, whole)]
    assert width == sorted(width) and width[0] < width[1] < width[2]
    # four persons of five alike: as wide as four independent probes, but for 4 / 3 of few groups
    low, high = wilson(2 * 0.75, 4 * 0.75, 0.95)
    assert (half["low"], half["high"]) == pytest.approx((low, high))


def test_a_rate_of_zero_has_an_interval() -> None:
    row = rates("a", probes([0.0] * 50), 0.95).iloc[0]
    assert row["low"] == 0 and 0 < row["high"] < 0.1


@pytest.mark.parametrize("hit", [0.0, 1.0])
def test_where_all_are_alike_a_person_counts_once(hit: float) -> None:
    few = rates("a", probes([hit] * 50, [i % 5 for i in range(50)]), 0.95).iloc[0]
    assert (few["low"], few["high"]) == pytest.approx(wilson(5 * hit, 5, 0.95))
    one = rates("a", probes([hit] * 50, [0] * 50), 0.95).iloc[0]
    assert (one["low"], one["high"]) == pytest.approx(wilson(hit, 1, 0.95))


def test_hidden_regions_are_told_from_all() -> None:
    table = rates("a", probes([1, 1, 0, 0], hidden=[False, False, True, True]), 0.95)
    found = table[table["rank"] == 1].set_index("regions")["rate"]
    assert found.to_dict() == {ALL: 0.5, HIDDEN: 0.0}


def test_the_worst_is_farthest_above_chance() -> None:
    given = pd.concat(
        [
            probes([1, 0, 0, 0]),
            probes([1, 1, 0, 0], attacker="parrot"),
            probes([1, 1, 1, 0], entity="text", chance=0.7),
            probes([1, 1, 1, 1], method="original"),
        ]
    )
    found = worst(rates("a", given, 0.95)).set_index("method")
    assert found.loc["blur", ["attacker", "rate", "entity"]].tolist() == ["parrot", 0.5, "face"]
    assert found.loc["original", "rate"] == 1


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
