"""The tidy table of scores."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import scipy.stats

from anonbench.config import Correlation
from anonbench.core.io import write_csv
from anonbench.core.vocabulary import Model, Variant
from anonbench.evaluation import scores as scores_module
from anonbench.evaluation.correlation import write_correlation
from anonbench.evaluation.retrieval.metrics import PER_QUERY
from anonbench.evaluation.scores import COLUMNS, ScenarioFiles, adaption_of, collect, scenario_files

IMAGES = 80
KINDS = ("anonymized", "original")
CLUSTERS = pd.Series(np.arange(IMAGES) // 7, [f"{i:03d}" for i in range(IMAGES)], name="person")
LABELS = np.array(["a"] * 50 + ["b"] * 20 + ["c"] * 10)


def scenario(
    folder: Path,
    model: str,
    variant: str,
    level: float,
    downstream: bool = True,
    seed: int = 0,
) -> ScenarioFiles:
    generator = np.random.default_rng(int(level * 100))
    kinds = ["original"] if variant == "original" else ["anonymized", "original"]
    count = IMAGES * len(kinds)
    rows = pd.DataFrame(
        {
            "id": [f"{i:03d}" for i in range(IMAGES)] * len(kinds),
            "query": np.repeat(kinds, IMAGES),
        }
    )
    for column in PER_QUERY.values():
        rows[column] = np.clip(level + 0.1 * generator.standard_normal(count), 0, 1)
    rows["unchanged"] = generator.integers(0, 2, count).astype(float)
    stem = f"{model}.{variant}.{seed}"
    floor = {"anonymized": {"map": 0.16}, "original": {"map": 0.06}}
    rows.to_parquet(folder / f"{stem}.parquet")
    (folder / f"{stem}.json").write_text(
        json.dumps({"k": 4, "top": 10, "chance": {"map": 0.06, "mndcg": 0.5}, "floor": floor})
    )
    predicted = LABELS.copy()
    predicted[:15] = "b"  # 60 of 80 are right: 35 of 50, 15 of 20, 10 of 10
    predicted[50:55] = "a"
    table = pd.DataFrame({"id": [f"{i:03d}" for i in range(IMAGES)], "label": LABELS})
    table.assign(knn=predicted, linear=predicted).to_parquet(folder / f"{stem}.predictions")
    accuracy = {"accuracy": 0.75, "correct": 60, "n": 80, "macro_accuracy": (0.7 + 0.75 + 1) / 3}
    values = {
        "k": 20,
        "chance": 0.3,
        "knn": {"20": accuracy, "10": accuracy | {"accuracy": 0.5, "correct": 40}},
        "linear": accuracy,
        "val": {"classes": 3},
    }
    (folder / f"{stem}.down.json").write_text(json.dumps(values))
    return ScenarioFiles(
        Model.parse(model),
        seed,
        Variant.parse(variant),
        folder / f"{stem}.json",
        folder / f"{stem}.parquet",
        folder / f"{stem}.down.json" if downstream else None,
        folder / f"{stem}.predictions" if downstream else None,
    )


def gather(
    given: list[ScenarioFiles], bootstrap: int = 50, confidence: float = 0.9
) -> pd.DataFrame:
    return collect("demo", given, CLUSTERS, 0, (), bootstrap, confidence)


def test_one_row_a_number(tmp_path: Path) -> None:
    given = [
        scenario(tmp_path, "A-blur-50", "blur-50", 0.4),
        scenario(tmp_path, "unadapted", "blur-50", 0.6),
        scenario(tmp_path, "unadapted", "original", 0.8, downstream=False),
    ]
    table = gather(given, bootstrap=200, confidence=0.95)
    assert list(table.columns) == COLUMNS
    assert len(table) == 2 * (2 * 7 + 6) + 7
    pd.testing.assert_frame_equal(table, gather(given[::-1], 200, 0.95))
    assert table["method"].tolist()[:7] == ["original"] * 7
    assert table["degree"].tolist()[:8] == [0] * 7 + [50]
    assert set(table.loc[table["degree"] == 0, "query"]) == {"original"}
    assert table["metric"].tolist()[:7] == list(PER_QUERY)
    assert table["metric"].tolist()[21:27] == [
        "knn",
        "linear",
        "knn_macro",
        "linear_macro",
        "knn@10",
        "knn@20",
    ]

    cell = table.query(
        "adaption == 'A' and method == 'blur' and metric == 'map' and query == 'original'"
    ).iloc[0]
    rows = pd.read_parquet(given[0].per_query).query("query == 'original'")
    assert cell["value"] == pytest.approx(rows["ap"].mean())
    assert (cell["n"], cell["k"]) == (80, 4)
    assert cell["se"] == pytest.approx(scipy.stats.sem(rows["ap"]))
    assert cell["high"] - cell["low"] == pytest.approx(2 * 1.96 * cell["se"], rel=0.25)
    assert (table["low"] <= table["value"]).all() and (table["value"] <= table["high"]).all()
    tau = table.query("adaption == 'A' and metric == 'tau' and query == 'original'").iloc[0]
    assert (tau["value"], tau["k"]) == (pytest.approx(rows["tau"].mean()), 10)
    depths = table.groupby("metric")["k"].unique().map(list)
    assert depths["rbo"] == depths["overlap"] == [4] and depths["unchanged"] == [10]


def test_every_score_says_how_many_clusters_it_stands_on(tmp_path: Path) -> None:
    given = scenario(tmp_path, "unadapted", "blur-50", 0.5)
    rows = pd.read_parquet(given.per_query)
    rows.loc[rows["id"] < "007", "ndcg"] = np.nan  # all of the first cluster
    rows.to_parquet(given.per_query)
    table = gather([given]).set_index("metric")
    assert table.loc["map", "clusters"].tolist() == [12, 12]
    assert table.loc["mndcg", "clusters"].tolist() == [11, 11]
    assert (table.loc[["knn", "linear", "knn_macro", "knn@10"], "clusters"] == 12).all()


def test_clusters_change_no_score(tmp_path: Path) -> None:
    given = [scenario(tmp_path, "unadapted", "blur-50", 0.5)]
    alone = collect("demo", given, pd.Series(range(IMAGES), CLUSTERS.index), 0, (), 50, 0.9)
    assert set(alone["clusters"]) == {IMAGES}
    columns = ["value", "se", "n", "k", "chance"]
    pd.testing.assert_frame_equal(alone[columns], gather(given)[columns])


def test_accuracies(tmp_path: Path) -> None:
    table = gather([scenario(tmp_path, "C-mask-100", "mask-100", 0.4)], 10, 0.95)
    cells = table[table["query"] == ""].set_index("metric")
    plain = cells.loc[["knn", "linear", "knn@20"]]
    assert (plain["value"] == 0.75).all() and cells.loc["knn@10", "value"] == 0.5
    assert np.allclose(plain["se"], np.sqrt(0.75 * 0.25 / 80))
    expected = scipy.stats.binomtest(60, 80).proportion_ci(0.95, "wilson")
    assert np.allclose(plain[["low", "high"]], (expected.low, expected.high))
    assert cells["k"].isna().to_dict() == {name: name.startswith("linear") for name in cells.index}
    assert (cells.loc["knn_macro", "k"], cells.loc["knn@10", "k"]) == (20, 10)
    macro = cells.loc["linear_macro"]
    assert macro["value"] == pytest.approx((35 / 50 + 15 / 20 + 1) / 3)
    error = np.sqrt(0.7 * 0.3 / 50 + 0.75 * 0.25 / 20) / 3
    assert macro["se"] == pytest.approx(error)
    assert macro["high"] - macro["value"] == pytest.approx(scipy.stats.norm.ppf(0.975) * error)
    assert macro["chance"] == pytest.approx(1 / 3)
    chances = table.groupby("metric")["chance"].unique().map(list)
    assert chances["map"] == [0.06] and chances["mndcg"] == [0.5]
    floors = table[table["metric"] == "map"].set_index("query")["floor"]
    assert floors.to_dict() == {"original": 0.06, "anonymized": 0.16}
    assert (cells["floor"] == cells["chance"]).all()
    assert chances["knn"] == chances["linear"] == chances["knn@10"] == [0.3]
    assert table.loc[table["metric"] == "rbo", "chance"].isna().all()


def test_the_control_has_rows_of_its_own(tmp_path: Path) -> None:
    given = [
        scenario(tmp_path, model, variant, 0.5, seed=seed)
        for seed in (3, 4, 9)
        for model, variant in (
            ("unadapted", "original"),
            ("unadapted", "blur-50"),
            ("B-blur-50", "blur-50"),
        )
        if seed != 9 or model == "unadapted"
    ]
    table = collect("demo", given, CLUSTERS, 3, (9,), 10, 0.9)
    seeds = {
        metric: rows.groupby("adaption")["seed"].unique().map(sorted).to_dict()
        for metric, rows in table[table["degree"] == 50].groupby("metric")
    }
    assert seeds["map"] == seeds["tau"] == {"unadapted": [3], "control": [4, 9], "B": [3, 4]}
    assert seeds["knn"] == {"unadapted": [3, 4], "control": [9], "B": [3, 4]}
    assert seeds["knn_macro"] == seeds["knn@10"] == seeds["knn"]
    originals = table[(table["degree"] == 0) & (table["metric"] == "map")]
    assert originals["adaption"].tolist() == ["unadapted", "control", "control"]


@pytest.mark.parametrize(
    ("model", "seed", "retrieval", "expected"),
    [
        ("unadapted", 0, True, "unadapted"),
        ("unadapted", 1, True, "control"),
        ("unadapted", 1, False, "unadapted"),
        ("unadapted", 7, False, "control"),
        ("A-blur-50", 1, True, "A"),
        ("A-blur-50", 7, True, "A"),
    ],
)
def test_which_row_a_training_belongs_to(
    model: str, seed: int, retrieval: bool, expected: str
) -> None:
    assert adaption_of(Model.parse(model), seed, 0, (7,), retrieval) == expected


def test_undefined_queries_are_left_out(tmp_path: Path) -> None:
    files = scenario(tmp_path, "unadapted", "mask-100", 0.5)
    rows = pd.read_parquet(files.per_query)
    rows.loc[:2, "ndcg"] = np.nan
    rows["tau"] = np.nan
    rows.to_parquet(files.per_query)
    table = gather([files])
    cell = table.query("metric == 'mndcg' and query == 'anonymized'").iloc[0]
    assert cell["n"] == 77
    assert cell["low"] < cell["value"] < cell["high"]
    assert cell["se"] == pytest.approx(scipy.stats.sem(rows.loc[3:79, "ndcg"]))
    none = table[table["metric"] == "tau"]
    assert (none["n"] == 0).all() and none[["value", "low", "high", "se"]].isna().all(axis=None)


def test_no_query_unchanged_is_no_certainty(tmp_path: Path) -> None:
    files = scenario(tmp_path, "unadapted", "mask-100", 0.5)
    rows = pd.read_parquet(files.per_query)
    rows["unchanged"] = 0.0
    rows.loc[:9, "unchanged"] = 1.0
    rows.to_parquet(files.per_query)
    table = gather([files], confidence=0.95)
    some, none = (table.query(f"metric == 'unchanged' and query == '{q}'").iloc[0] for q in KINDS)
    for cell, count in ((some, 10), (none, 0)):
        expected = scipy.stats.binomtest(count, IMAGES).proportion_ci(0.95, "wilson")
        assert (cell["low"], cell["high"]) == pytest.approx((expected.low, expected.high))


def test_batches_change_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    given = [
        scenario(tmp_path, name, "blur-50", 0.1 * i)
        for i, name in enumerate(("unadapted", "A-blur-50", "B-blur-50", "C-blur-50"))
    ]
    whole = gather(given)
    monkeypatch.setattr(scores_module, "_BATCH", 3)
    pd.testing.assert_frame_equal(gather(given), whole)


def test_the_table_is_what_the_correlation_reads(tmp_path: Path) -> None:
    names = [("unadapted", 0.9), ("A-mask-25", 0.5), ("B-mask-25", 0.4), ("C-mask-25", 0.6)]
    given = [scenario(tmp_path, name, "mask-25", level) for name, level in names]
    given.append(scenario(tmp_path, "unadapted", "mask-25", 0.2, seed=1))
    write_csv(gather(given), tmp_path / "scores.csv")
    outputs = [tmp_path / name for name in ("matrix.csv", "methods.csv", "details.json")]
    write_correlation(tmp_path / "scores.csv", 25, Correlation(bootstrap=50), *outputs)
    cells = pd.read_csv(outputs[0]).set_index(["metric", "metric_b"])
    assert cells.loc[("map_original", "mndcg_original"), "pearson"] > 0.9
    assert cells.loc[("map_original", "knn"), "reason"] == "k-NN is the same in all 4 rows"


def test_files_of_scenarios_are_those_given() -> None:
    keys = [("unadapted", 0, "original"), ("A-blur-50", 1, "blur-50")]
    names = [[f"{stage}{i}" for i in range(2)] for stage in "abcd"]
    first, second = scenario_files(keys, *names)
    assert second == ScenarioFiles(
        Model.parse("A-blur-50"), 1, Variant.parse("blur-50"), *map(Path, ("a1", "b1", "c1", "d1"))
    )
    assert (first.seed, first.variant, first.predictions) == (0, Variant(), Path("d0"))
    unlabelled = scenario_files(keys, *names[:2], [], [])
    assert [files.downstream for files in unlabelled] == [None, None]
    with pytest.raises(ValueError, match="zip"):
        scenario_files(keys, names[0][:1], *names[1:])


def test_no_scenarios_give_an_empty_table() -> None:
    assert gather([]).empty
