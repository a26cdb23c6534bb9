"""Agreement of systems on the order of methods."""

from __future__ import annotations

import pandas as pd
import pytest

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
