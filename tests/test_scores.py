"""The tidy table of scores."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from anonbench.config import Correlation
from anonbench.correlation import write_correlation
from anonbench.files import write_csv
from anonbench.scores import COLUMNS, ScenarioFiles, collect
from anonbench.vocabulary import Model, Variant


def scenario(
    folder: Path, model: str, variant: str, level: float, downstream: bool = True
) -> ScenarioFiles:
    generator = np.random.default_rng(int(level * 100))
    rows = pd.DataFrame(
        {
            "id": [f"{i:03d}" for i in range(80)] * 2,
            "query": ["anonymized"] * 80 + ["original"] * 80,
            "ap": np.clip(level + 0.1 * generator.standard_normal(160), 0, 1),
            "ndcg": np.clip(level + 0.1 + 0.1 * generator.standard_normal(160), 0, 1),
        }
    )
    stem = f"{model}.{variant}"
    rows.to_parquet(folder / f"{stem}.parquet")
    (folder / f"{stem}.json").write_text(
        json.dumps({"k": 4, "chance": {"map": 0.06, "mndcg": 0.5}})
    )
    accuracy = {"accuracy": 0.75, "correct": 60, "n": 80}
    values = {"k": 20, "chance": 0.3, "knn": {"20": accuracy, "10": {}}, "linear": accuracy}
    (folder / f"{stem}.down.json").write_text(json.dumps(values))
    return ScenarioFiles(
        Model.parse(model),
        0,
        Variant.parse(variant),
        folder / f"{stem}.json",
        folder / f"{stem}.parquet",
        folder / f"{stem}.down.json" if downstream else None,
    )


def test_one_row_a_number(tmp_path: Path) -> None:
    given = [
        scenario(tmp_path, "A-blur-50", "blur-50", 0.4),
        scenario(tmp_path, "unadapted", "blur-50", 0.6),
        scenario(tmp_path, "unadapted", "original", 0.8, downstream=False),
    ]
    table = collect("demo", given, bootstrap=200, confidence=0.95)
    assert list(table.columns) == COLUMNS
    assert len(table) == 6 + 6 + 4
    pd.testing.assert_frame_equal(table, collect("demo", given[::-1], 200, 0.95))
    assert table["method"].tolist()[:4] == ["original"] * 4
    assert table["degree"].tolist()[:5] == [0, 0, 0, 0, 50]

    cell = table.query(
        "adaption == 'A' and method == 'blur' and metric == 'map' and query == 'original'"
    ).iloc[0]
    rows = pd.read_parquet(given[0].per_query).query("query == 'original'")
    assert cell["value"] == pytest.approx(rows["ap"].mean())
    assert (cell["n"], cell["k"]) == (80, 4)
    error = rows["ap"].std() / np.sqrt(80)
    assert cell["high"] - cell["low"] == pytest.approx(2 * 1.96 * error, rel=0.25)
    assert (table["low"] <= table["value"]).all() and (table["value"] <= table["high"]).all()

    accuracies = table[table["metric"].isin(["knn", "linear"])]
    assert (accuracies["value"] == 0.75).all() and (accuracies["query"] == "").all()
    assert accuracies.loc[accuracies["metric"] == "knn", "k"].tolist() == [20, 20]
    assert accuracies.loc[accuracies["metric"] == "linear", "k"].isna().all()
    chances = table.groupby("metric")["chance"].unique().map(list).to_dict()
    assert chances == {"map": [0.06], "mndcg": [0.5], "knn": [0.3], "linear": [0.3]}


def test_undefined_queries_are_left_out(tmp_path: Path) -> None:
    files = scenario(tmp_path, "unadapted", "mask-100", 0.5)
    rows = pd.read_parquet(files.per_query)
    rows.loc[:2, "ndcg"] = np.nan
    rows.to_parquet(files.per_query)
    table = collect("demo", [files], 50, 0.9)
    cell = table.query("metric == 'mndcg' and query == 'anonymized'").iloc[0]
    assert cell["n"] == 77
    assert cell["low"] < cell["value"] < cell["high"]


def test_the_table_is_what_the_correlation_reads(tmp_path: Path) -> None:
    names = [("unadapted", 0.9), ("A-mask-25", 0.5), ("B-mask-25", 0.4), ("C-mask-25", 0.6)]
    given = [scenario(tmp_path, name, "mask-25", level) for name, level in names]
    write_csv(collect("demo", given, 50, 0.9), tmp_path / "scores.csv")
    matrix, details = tmp_path / "matrix.csv", tmp_path / "details.json"
    write_correlation(tmp_path / "scores.csv", 25, Correlation(bootstrap=50), matrix, details)
    cells = pd.read_csv(matrix).set_index(["metric", "metric_b"])
    assert cells.loc[("map_original", "mndcg_original"), "pearson"] > 0.9
    assert cells.loc[("map_original", "knn"), "reason"] == "k-NN is the same in all 4 rows"


def test_no_scenarios_give_an_empty_table() -> None:
    assert collect("demo", [], 50, 0.9).empty
