"""Tables of the findings across systems."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from anonbench.reporting.systems import COLUMNS, VALUES, by_mean, write_systems


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
    orders = pd.DataFrame([("original", "map", "ours", "hog", 2, -1.0, 1, 1, 0)], columns=COLUMNS)
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
