"""Two scorings of the same queries, compared in pairs."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.stats import ttest_rel

import anonbench
from anonbench.cli import main
from anonbench.core.errors import InputError
from anonbench.evaluation import external
from anonbench.evaluation.external import compare_scorings, read_scores

IDS = ["NA", *(f"image-{n:03d}" for n in range(119))]


def scored(noise: float, seed: int) -> tuple[external.Evaluation, np.ndarray, np.ndarray]:
    original = np.random.default_rng(0).standard_normal((120, 16))
    changed = original + noise * np.random.default_rng(seed).standard_normal((120, 16))
    pair = (IDS, original)
    return external.run(pair, pair, (IDS, changed)), original, changed


def test_the_difference_is_that_of_a_paired_t_test() -> None:
    first, second = scored(0.4, 1)[0].per_query, scored(0.6, 2)[0].per_query
    found = compare_scorings(first, second).set_index("metric")
    expected = ttest_rel(first["ap"], second["ap"])
    low, high = expected.confidence_interval(0.95)
    assert found.loc["map", ["difference", "low", "high", "p"]].tolist() == pytest.approx(
        [(first["ap"] - second["ap"]).mean(), low, high, expected.pvalue]
    )
    assert found.loc["map", "verdict"] == "better"
    persons = pd.Series(np.arange(120) // 10, index=IDS)
    wider = compare_scorings(first, second, persons).set_index("metric")
    assert wider.loc["map", "clusters"] == 12
    half = compare_scorings(first[:50], second).set_index("metric")
    assert half.loc["map", "queries"] == 50


def test_what_cannot_be_compared_is_said() -> None:
    first = scored(0.4, 1)[0].per_query
    with pytest.raises(InputError, match="no query in common"):
        compare_scorings(first, first.assign(id=first["id"] + "x"))
    with pytest.raises(InputError, match="other scoring has no column 'ap'"):
        compare_scorings(first, first.drop(columns="ap"))
    with pytest.raises(InputError, match="first scoring has a query twice"):
        compare_scorings(pd.concat([first, first]), first)


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_the_command_compares_with_an_earlier_one(
    tmp_path: Path, suffix: str, capsys: pytest.CaptureFixture[str]
) -> None:
    files = {"original": scored(0.4, 1)[1], "blur": scored(0.4, 1)[2], "mask": scored(0.6, 2)[2]}
    for name, values in files.items():
        table = pd.DataFrame(values, columns=[f"d{n}" for n in range(16)]).assign(id=IDS)
        table.to_csv(tmp_path / f"{name}.csv", index=False)
    own = tmp_path / f"blur-queries.{suffix}"
    given = ["score", *(f"--{name}={tmp_path}/original.csv" for name in ("reference", "queries"))]
    assert main([*given, f"--database={tmp_path}/blur.csv", f"--per-query={own}"]) == 0
    capsys.readouterr()
    again = [*given, f"--database={tmp_path}/mask.csv", f"--against={own}"]
    assert main(again) == 0
    assert "in pairs, this less" in capsys.readouterr().out
    assert main([*again, "--json"]) == 0
    rows = {row["metric"]: row for row in json.loads(capsys.readouterr().out)["against"]}
    assert rows["map"]["verdict"] == "worse"
    assert rows["map"]["queries"] == 120
    assert read_scores(own)["id"].iloc[0] == "NA"


def test_a_printed_table_shows_its_intervals() -> None:
    table = scored(0.4, 1)[0].table
    assert type(table[table["value"] > 0]) is pd.DataFrame
    heads = repr(table).splitlines()[0].split()
    assert heads == list(table.columns)


def test_the_package_lists_what_it_offers() -> None:
    assert {"evaluate", "score", "embed", "check_method"} <= set(dir(anonbench))
    for name in dir(anonbench):
        getattr(anonbench, name)
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        anonbench.nothing  # noqa: B018
