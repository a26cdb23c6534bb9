"""Which rates are known: width, persons and gallery."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from anonbench.core.numeric.statistics import wilson
from anonbench.evaluation.privacy.probes import NO_LESSON, NO_MODEL, NONE, ONLY_ONE, TOO_LITTLE
from anonbench.evaluation.privacy.rates import ALL, REMAINDER, probes_needed, strongest
from synthetic_rates import make_rates


def judged(rates: pd.DataFrame) -> dict[str, str]:
    found = strongest(rates, 0.2, 0.95)
    return dict(zip(found["method"], found["unknown"], strict=True))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({}, ""),
        ({"clusters": 19}, "face: 19 persons, and 20 are needed"),
        ({"gallery": 99}, "face: a gallery of 99, and 100 are needed"),
        ({"low": np.nan}, "face: no interval"),
        # one reason, whatever else lacks
        ({"clusters": 19, "gallery": 99, "low": 0.0}, "face: 19 persons, and 20 are needed"),
        # named once where few persons give no interval
        ({"low": np.nan, "high": np.nan, "clusters": 5}, "face: 5 persons, and 20 are needed"),
    ],
)
def test_each_lack_is_said(change: dict[str, float], said: str) -> None:
    assert set(judged(make_rates("a").assign(**change)).values()) == {said}


@pytest.mark.parametrize(
    ("originals", "variant", "known"),
    [(0.01, 0.01, False), (0.011, 0.01, True), (0.01, 0.011, True), (0.011, 0.011, True)],
)
def test_attacks_that_fail_on_originals_show_nothing(
    originals: float, variant: float, known: bool
) -> None:
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
    assert found.loc["blur", ["entity", "shortfall"]].tolist() == ["face", ""]
    assert found.loc["blur", "rate"] == pytest.approx(0.45)
    assert found.loc["blur", "unknown"] == "barcode: 2 images, and 20 are needed"
    alone = strongest(codes, 0.2, 0.95)
    assert (alone["shortfall"] != "").all() and (alone["entity"] == "barcode").all()
    assert strongest(codes.iloc[:0], 0.2, 0.95).empty


def test_a_wide_interval_does_not_hide_a_narrow_one_that_shows_more() -> None:
    wide = make_rates("a", entity="text", match="region").assign(rate=0.6, low=0.05, high=0.9)
    narrow = make_rates("a").assign(rate=0.4, low=0.35, high=0.45)
    row = strongest(pd.concat([narrow, wide]), 0.2, 0.95).set_index("method").loc["blur"].to_dict()
    assert row["entity"] == "face" and row["low"] == 0.35
    lack = "an interval of 85.0 points: 93 probes of different images are enough"
    assert row["unknown"] == f"text: {lack}"
    # a wide one may show that an attack succeeds, but not that it fails
    row = strongest(wide.assign(low=0.3), 0.2, 0.95).set_index("method").loc["blur"].to_dict()
    assert row["shortfall"] == "" and "an interval of 60.0 points" in row["unknown"]


@pytest.mark.parametrize(
    ("reason", "unknown"),
    [
        (ONLY_ONE, f"mrz: {ONLY_ONE}"),
        (f"{TOO_LITTLE}: 9 regions", f"mrz: {TOO_LITTLE}: 9 regions"),
        (NONE, ""),
    ],
)
def test_an_entity_that_cannot_be_attacked_is_not_known(reason: str, unknown: str) -> None:
    lone = (
        make_rates("a")
        .iloc[:1]
        .assign(entity="mrz", method="", degree=0, rate=float("nan"), reason=reason)
    )
    assert set(judged(pd.concat([make_rates("a"), lone])).values()) == {unknown}


@pytest.mark.parametrize("widest", [0.05, 0.5])
def test_so_many_probes_are_needed(widest: float) -> None:
    needed = probes_needed(widest, 0.95)
    low, high = wilson(needed / 2, needed, 0.95)
    assert high - low <= widest
    low, high = wilson((needed - 1) / 2, needed - 1, 0.95)
    assert high - low > widest
    assert probes_needed(1.0, 0.95) == 1


def test_what_is_around_faces_is_known_whatever_nobody_sees_of_lines() -> None:
    lines = make_rates("a", entity="text", match="region").iloc[:1]
    lines = lines.assign(rate=np.nan, rank=pd.NA, attacker="", reason=NO_MODEL)
    table = pd.concat([make_rates("a", remainder=0.4), lines])
    assert NO_MODEL in strongest(table, 0.2, 0.95)["unknown"].iloc[-1]
    around = strongest(table, 0.2, 0.95, REMAINDER)
    assert set(around["unknown"]) == {""} and set(around["rate"]) == {0.4}


@pytest.mark.parametrize("regions", [ALL, REMAINDER])
def test_what_one_attacker_did_not_learn_is_a_lack_of_what_it_looks_at(regions: str) -> None:
    """A rate of who could not learn is a lower end, and no limit is known to be kept."""
    lack = make_rates("a").iloc[:1].assign(rate=np.nan, rank=pd.NA, regions=regions)
    table = pd.concat([make_rates("a", remainder=0.1), lack.assign(reason=NO_LESSON)])
    for part in (ALL, REMAINDER):
        row = strongest(table, 0.2, 0.95, part).set_index("method").loc["mask"].to_dict()
        assert row["unknown"] == (f"face: {NO_LESSON}" if part == regions else "")
