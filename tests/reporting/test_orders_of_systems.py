"""Agreement of systems on the order of methods."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from anonbench.reporting.systems import orders_of, values_of

METHODS = ["pixelate", "blur", "mask"]


def scores(**values: float) -> pd.DataFrame:
    """Return tidy scores of a system under its methods."""
    rows = [
        {"method": method, "degree": degree, "adaption": adaption, "query": "original"}
        | {"metric": metric, "value": value - (degree < 100) / 4 - (adaption != "unadapted") / 8}
        | {"low": value - 0.1, "high": value + 0.1, "n": 9, "clusters": 8, "reason": ""}
        for method, value in values.items()
        for degree in (50, 100)
        for adaption in ("unadapted", "pixels")
        for metric in ("map", "overlap")
    ]
    return pd.DataFrame(rows)


def compared(**differences: tuple[float, float]) -> pd.DataFrame:
    """Return comparisons of `a_b`: the difference, and its corrected p-value."""
    rows = [
        {"a": pair.split("_")[0], "b": pair.split("_")[1], "difference": difference, "p_holm": p}
        | {"query": "original", "metric": "map", "adaption": "unadapted", "degree": 100}
        for pair, (difference, p) in differences.items()
    ]
    return pd.DataFrame(rows)


def test_what_systems_keep_is_that_of_the_system_at_the_highest_degree() -> None:
    values = values_of({"ours": scores(pixelate=0.9, mask=0.4), "hog": scores(blur=0.7)})
    assert values[["system", "method", "value"]].to_numpy().tolist() == [
        ["ours", "pixelate", 0.9],
        ["ours", "mask", 0.4],
        ["hog", "blur", 0.7],
    ]


def test_only_what_both_know_clearly_can_agree() -> None:
    values = values_of(
        {
            "ours": scores(pixelate=0.9, blur=0.8, mask=0.4),
            "theirs": scores(pixelate=0.6, blur=0.7, mask=0.3),
        }
    )
    comparisons = {
        "ours": compared(
            pixelate_blur=(0.1, 0.01), pixelate_mask=(0.5, 0.01), blur_mask=(0.4, 0.2)
        ),
        "theirs": compared(
            pixelate_blur=(-0.1, 0.04), pixelate_mask=(0.3, 0.01), blur_mask=(0.4, 0.01)
        ),
    }
    (row,) = orders_of(values, comparisons, 0.05).itertuples()
    assert (row.a, row.b, row.query, row.metric) == ("ours", "theirs", "original", "map")
    assert (row.methods, row.pairs, row.clear, row.agree) == (3, 3, 2, 1)
    assert row.tau == pytest.approx(1 / 3)  # two of three pairs are in the same order
    (row,) = orders_of(values, comparisons, 0.02).itertuples()
    assert (row.clear, row.agree) == (1, 1)


@pytest.mark.slow
@given(st.lists(st.floats(0, 1), min_size=3, max_size=3, unique=True), st.integers(0, 2**16))
def test_a_system_agrees_with_itself_and_not_with_its_opposite(
    kept: list[float], seed: int
) -> None:
    p = np.random.default_rng(seed).uniform(0, 0.1, 3)
    pairs = [(0, 1), (0, 2), (1, 2)]

    def of(sign: int) -> tuple[pd.DataFrame, pd.DataFrame]:
        values = scores(**dict(zip(METHODS, (sign * value for value in kept), strict=True)))
        differences = {
            f"{METHODS[a]}_{METHODS[b]}": (sign * (kept[a] - kept[b]), float(p[number]))
            for number, (a, b) in enumerate(pairs)
        }
        return values, compared(**differences)

    systems = {"a": of(1), "b": of(1), "c": of(-1)}
    values = values_of({name: each[0] for name, each in systems.items()})
    found = orders_of(values, {name: each[1] for name, each in systems.items()}, 0.05)
    found = found.set_index(["a", "b"])
    clear = int((p < 0.05).sum())
    assert (found["clear"] == clear).all()
    assert found.loc[("a", "b"), "agree"] == clear and found.loc[("a", "b"), "tau"] == 1
    assert found.loc[("a", "c"), "agree"] == 0 and found.loc[("a", "c"), "tau"] == -1
