"""Rates by gallery size: exact below what was searched, bounds beyond, the strongest attack."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from anonbench.core.io import write_csv
from anonbench.core.numeric.gallery_size import hits_among
from anonbench.core.numeric.seeding import rng
from anonbench.evaluation.privacy.gallery_sizes import (
    COLUMNS,
    SIZES,
    gallery_sizes,
    read_gallery_sizes,
)
from anonbench.evaluation.privacy.probes import COLUMNS as PROBES
from anonbench.evaluation.privacy.rates import rates

OTHERS = 149


def probes(above: np.ndarray, attacker: str = "naive", persons: int = 30) -> pd.DataFrame:
    """Return probes of persons in turn, `above` whose mate so many of the others come."""
    table = pd.DataFrame({"one_above": above, "one_tied": 0, "one_others": OTHERS})
    return table.assign(
        entity="face",
        match="person",
        method="blur",
        degree=100,
        attacker=attacker,
        against="original",
        id=[f"i{i}" for i in range(len(above))],
        order=0,
        context=0.0,
        cluster=np.arange(len(above)) % persons,
        hidden=True,
        gallery=OTHERS + 1,
        hit_1=(above == 0).astype(float),
        chance_1=1 / (OTHERS + 1),
        hit_10=(above < 10).astype(float),
        chance_10=10 / (OTHERS + 1),
        reason="",
    )[list(PROBES)]


def curve(table: pd.DataFrame) -> pd.DataFrame:
    return gallery_sizes(table, rates("a", table, 0.95), 0.95)


ABOVE = rng("above").integers(0, 30, 240) * (rng("found").uniform(size=240) < 0.6)


def test_a_rate_falls_with_the_gallery_and_its_bounds_hold_it() -> None:
    found = curve(probes(ABOVE))
    assert found.columns.tolist() == COLUMNS and found["size"].tolist() == list(SIZES)
    assert found["rate"].is_monotonic_decreasing and found["low"].is_monotonic_decreasing
    assert (found["low"] <= found["rate"]).all() and (found["rate"] <= found["high"]).all()
    assert found["searched"].eq(OTHERS + 1).all()
    ten = hits_among(ABOVE, np.zeros_like(ABOVE), np.full(240, OTHERS), 9)
    assert found["rate"].iloc[0] == pytest.approx(ten.mean())
    # nobody searched so many: the interval does not end below what was seen
    beyond = found[found["size"] > OTHERS + 1]
    assert beyond["high"].nunique() == 1 and (np.diff(beyond["low"]) <= 0).all()


def test_it_is_the_strongest_attack_that_is_followed() -> None:
    weak = probes(np.full(240, 20), attacker="naive")
    found = curve(pd.concat([weak, probes(ABOVE, attacker="parrot")]))
    assert set(found["attacker"]) == {"parrot"} and len(found) == len(SIZES)


def test_few_persons_have_rates_and_no_bounds(tmp_path: Path) -> None:
    found = curve(probes(ABOVE, persons=7))
    assert found["rate"].notna().all() and found[["low", "high"]].isna().all(axis=None)
    assert found["reason"].str.startswith("7 clusters").all()
    write_csv(found, tmp_path / "sizes.csv")
    again = read_gallery_sizes(tmp_path / "sizes.csv")
    pd.testing.assert_frame_equal(again, found, check_dtype=False)


def test_nothing_attacked_is_an_empty_table() -> None:
    absent = probes(ABOVE[:1]).assign(reason="no region", id="", hit_1=np.nan, hit_10=np.nan)
    assert curve(absent).empty
    pair = probes(ABOVE).assign(one_others=1, one_above=0)
    assert curve(pair).empty
