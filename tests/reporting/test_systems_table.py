"""Findings across systems: what they keep, how they agree on the order of methods, the tables."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from anonbench.reporting.answers import (
    ORDERS,
    VALUES,
    by_mean,
    orders_of,
    values_of,
    write_systems,
)


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


@pytest.fixture
def values() -> pd.DataFrame:
    kept = {"ours": {"blur": 0.8, "mask": 0.2}, "hog": {"blur": 0.5, "mask": 0.6}}
    rows = [
        (system, query, metric, method, value, value - 0.05, value + 0.05, 240, 40, "")
        for system, of_methods in kept.items()
        for query in ("original", "anonymized")
        for metric in ("map", "mndcg")
        for method, value in of_methods.items()
    ]
    return pd.DataFrame(rows, columns=VALUES)


def written(folder: Path, values: pd.DataFrame) -> dict[str, bytes]:
    orders = pd.DataFrame([("original", "map", "ours", "hog", 2, -1.0, 1, 1, 0)], columns=ORDERS)
    folder.mkdir()
    write_systems(
        values,
        orders,
        csv=folder / "systems.csv",
        orders_csv=folder / "orders.csv",
        markdown=folder / "findings.md",
    )
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_tables_have_each_value_with_its_interval(tmp_path: Path, values: pd.DataFrame) -> None:
    lines = written(tmp_path / "a", values)["findings.md"].decode().splitlines()
    assert lines[0] == "| Method | ours | hog |"
    assert lines[2:5] == [
        "| With original query images |  |  |",
        "| Blur | 80.0 (75.0–85.0) | 50.0 (45.0–55.0) |",
        "| Mask | 20.0 (15.0–25.0) | 60.0 (55.0–65.0) |",
    ]
    text = "\n".join(lines)
    assert "240 queries of 40 clusters" in text
    assert "| ours, hog | original | 2 | -1.00 | 1 of 1 | 0 |" in text


def test_a_system_need_not_have_every_method(tmp_path: Path, values: pd.DataFrame) -> None:
    without = values[(values["system"] == "ours") | (values["method"] == "mask")]
    lines = written(tmp_path / "a", without)["findings.md"].decode().splitlines()
    assert "| Blur | 80.0 (75.0–85.0) | – |" in lines


def test_methods_come_by_what_they_keep_in_the_mean(values: pd.DataFrame) -> None:
    assert by_mean(values) == ["blur", "mask"]
    values.loc[values["method"] == "mask", "value"] = 0.9
    assert by_mean(values) == ["mask", "blur"]
