"""The tidy table of scores, and intervals of new trainings."""

import json
from itertools import product
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import scipy.stats
from hypothesis import assume, given
from hypothesis import strategies as st

from anonbench.core.io import write_csv
from anonbench.core.numeric.clusters import clustered_mean, clustered_rate
from anonbench.core.vocabulary import Model, Variant
from anonbench.evaluation.correlation import write_correlation
from anonbench.evaluation.retrieval.scoring.metrics import PER_QUERY
from anonbench.evaluation.scores import (
    COLUMNS,
    ScenarioFiles,
    collect,
    corrected,
    read_scores,
    retrained_interval,
)

IMAGES = 80
KINDS = ("anonymized", "original")
CLUSTERS = pd.Series(np.arange(IMAGES) // 7, [f"{i:03d}" for i in range(IMAGES)], name="person")
LABELS = np.array(["a"] * 50 + ["b"] * 20 + ["c"] * 10)


def scenario(
    folder: Path, model: str, variant: str, level: float, downstream: bool = True, seed: int = 0
) -> ScenarioFiles:
    generator = np.random.default_rng(int(level * 100))
    kinds = KINDS[variant == "original" :]
    ids = list(CLUSTERS.index)
    rows = pd.DataFrame({"id": ids * len(kinds), "query": np.repeat(kinds, IMAGES)})
    for column in PER_QUERY.values():
        rows[column] = np.clip(level + 0.1 * generator.standard_normal(len(rows)), 0, 1)
    rows["unchanged"] = generator.integers(0, 2, len(rows)).astype(float)
    stem = f"{model}.{variant}.{seed}"
    floor = {"anonymized": {"map": 0.16}, "original": {"map": 0.06}}
    rows.to_parquet(folder / f"{stem}.parquet")
    summary = {"k": 4, "top": 10, "chance": {"map": 0.06, "mndcg": 0.5}, "floor": floor}
    (folder / f"{stem}.json").write_text(json.dumps(summary))
    predicted = LABELS.copy()
    predicted[:15] = "b"  # 60 of 80 are right: 35 of 50, 15 of 20, 10 of 10
    predicted[50:55] = "a"
    table = pd.DataFrame({"id": ids, "label": LABELS, "knn": predicted, "linear": predicted})
    table.to_parquet(folder / f"{stem}.predictions")
    (folder / f"{stem}.down.json").write_text(json.dumps({"k": 20, "chance": 0.3}))
    suffixes = ("json", "parquet", *(("down.json", "predictions") if downstream else ()))
    files = [folder / f"{stem}.{suffix}" for suffix in suffixes]
    return ScenarioFiles(Model.parse(model), seed, Variant.parse(variant), *files)


def gather(given: list[ScenarioFiles], confidence: float = 0.9) -> pd.DataFrame:
    return collect("demo", given, CLUSTERS, 0, (), confidence)


def test_one_row_a_number(tmp_path: Path) -> None:
    given = [
        scenario(tmp_path, "A-blur-50", "blur-50", 0.4),
        scenario(tmp_path, "unadapted", "blur-50", 0.6),
        scenario(tmp_path, "unadapted", "original", 0.8, downstream=False),
    ]
    table = gather(given, confidence=0.95)
    pd.testing.assert_frame_equal(table, gather(given[::-1], 0.95))
    assert list(table.columns) == COLUMNS and (table["reason"] == "").all()
    keys = [("original", 0, "original", metric) for metric in PER_QUERY]
    both = [("blur", 50, query, metric) for metric in PER_QUERY for query in KINDS[::-1]]
    keys += 2 * [*both, ("blur", 50, "", "knn"), ("blur", 50, "", "linear")]
    found = table[["method", "degree", "query", "metric"]]
    assert [*found.itertuples(index=False, name=None)] == keys

    cells = table.query("adaption == 'A' and query == 'original'").set_index("metric")
    rows = pd.read_parquet(given[0].per_query).query("query == 'original'")
    expected = clustered_mean(rows["ap"].to_numpy(), CLUSTERS.to_numpy(), 0.95)
    numbers = rows["ap"].mean(), 80, 4, expected.se, expected.low, expected.high
    cell = cells.loc["map", ["value", "n", "k", "se", "low", "high"]]
    assert tuple(cell) == pytest.approx(numbers)
    assert cells.loc["tau", "value"] == pytest.approx(rows["tau"].mean())
    depths = {"rbo": 4, "overlap": 4, "unchanged": 10, "tau": 10}
    assert cells.loc[list(depths), "k"].to_dict() == depths
    assert (table["low"] <= table["value"]).all() and (table["value"] <= table["high"]).all()


def test_accuracies(tmp_path: Path) -> None:
    table = gather([scenario(tmp_path, "C-mask-100", "mask-100", 0.4)], 0.95)
    cells = table[table["query"] == ""].set_index("metric")
    right = np.ones(80)
    right[:15] = right[50:55] = 0.0
    expected = clustered_rate(right, CLUSTERS.to_numpy(), 0.95)
    assert expected.effective < 40  # those that are wrong are in three clusters
    se = np.sqrt(0.75 * 0.25 / expected.effective)
    numbers = cells[["value", "low", "high", "se", "chance", "floor"]]
    assert np.allclose(numbers, (0.75, expected.low, expected.high, se, 0.3, 0.3))
    assert cells["k"].fillna(-1).to_dict() == {"knn": 20, "linear": -1}
    chances = table.groupby("metric")["chance"].unique().map(list)
    assert chances["map"] == [0.06] and chances["mndcg"] == [0.5]
    floors = table[table["metric"] == "map"].set_index("query")["floor"]
    assert floors.to_dict() == {"original": 0.06, "anonymized": 0.16}
    assert table.loc[table["metric"] == "rbo", "chance"].isna().all()


def test_the_control_has_rows_of_its_own(tmp_path: Path) -> None:
    pairs = (("unadapted", "original"), ("unadapted", "blur-50"), ("B-blur-50", "blur-50"))
    given = [
        scenario(tmp_path, model, variant, 0.5, seed=seed)
        for seed, (model, variant) in product((3, 4, 9), pairs)
        if seed != 9 or model == "unadapted"
    ]
    table = collect("demo", given, CLUSTERS, 3, (9,), 0.9)
    seeds = {
        metric: rows.groupby("adaption")["seed"].unique().map(sorted).to_dict()
        for metric, rows in table[table["degree"] == 50].groupby("metric")
    }
    assert seeds["map"] == seeds["tau"] == {"unadapted": [3], "control": [4, 9], "B": [3, 4]}
    assert seeds["knn"] == {"unadapted": [3, 4], "control": [9], "B": [3, 4]}
    originals = table[(table["degree"] == 0) & (table["metric"] == "map")]
    assert originals["adaption"].tolist() == ["unadapted", "control", "control"]


shares = st.floats(0, 1)


@given(shares, shares, shares)
def test_corrected_scores_span_floor_to_ceiling(score: float, floor: float, ceiling: float) -> None:
    if ceiling <= floor:  # there is no room
        assert np.isnan(corrected(np.array([score, 0.2]), floor, ceiling)).all()
    assert np.isnan([corrected(score, np.nan, ceiling), corrected(score, floor, np.nan)]).all()
    assume(ceiling - floor > 1e-6)
    assert corrected(floor, floor, ceiling) == 0.0
    assert corrected(ceiling, floor, ceiling) == 1.0
    value = float(corrected(score, floor, ceiling))
    assert floor + value * (ceiling - floor) == pytest.approx(score, abs=1e-9)
    assert (value > 0) == (score > floor) and (value > 1) == (score > ceiling)


def test_undefined_queries_are_left_out(tmp_path: Path) -> None:
    files = scenario(tmp_path, "unadapted", "mask-100", 0.5)
    rows = pd.read_parquet(files.per_query)
    rows.loc[:2, "ndcg"] = np.nan
    rows.assign(tau=np.nan).to_parquet(files.per_query)
    table = gather([files])
    cell = table.query("metric == 'mndcg' and query == 'anonymized'").iloc[0]
    expected = clustered_mean(rows.loc[3:79, "ndcg"].to_numpy(), CLUSTERS.to_numpy()[3:], 0.9)
    numbers = 77, expected.se, expected.low, expected.high
    assert tuple(cell[["n", "se", "low", "high"]]) == pytest.approx(numbers)
    none = table[table["metric"] == "tau"]
    assert (none["n"] == 0).all() and none[["value", "low", "high", "se"]].isna().all(axis=None)


def test_no_query_unchanged_is_no_certainty(tmp_path: Path) -> None:
    files = scenario(tmp_path, "unadapted", "mask-100", 0.5)
    rows = pd.read_parquet(files.per_query)
    rows["unchanged"] = (rows.index < 10).astype(float)
    rows.to_parquet(files.per_query)
    table = gather([files], confidence=0.95).query("metric == 'unchanged'").set_index("query")
    for query, count in zip(KINDS, (10, 0), strict=True):
        hits = (np.arange(IMAGES) < count).astype(float)
        expected = clustered_rate(hits, CLUSTERS.to_numpy(), 0.95)
        assert tuple(table.loc[query, ["low", "high"]]) == pytest.approx(
            (expected.low, expected.high)
        )
        assert expected.high - expected.low > 0.1


def test_seeds_share_the_interval_of_new_trainings(tmp_path: Path) -> None:
    levels = enumerate((0.4, 0.5, 0.7))
    given = [scenario(tmp_path, "A-blur-50", "blur-50", level, seed=s) for s, level in levels]
    table = gather(given).query("metric == 'map' and query == 'original'")
    rows = (pd.read_parquet(files.per_query) for files in given)
    values = np.stack([each.query("query == 'original'")["ap"] for each in rows])
    expected = retrained_interval(values, CLUSTERS.to_numpy(), 0.9)
    ends = table[["retrained_low", "retrained_high"]].to_numpy()
    assert np.allclose(ends, (expected.low, expected.high))
    assert (ends[:, 0] < table["value"].min()).all() and (ends[:, 1] > table["value"].max()).all()
    linear, sure, two = (
        gather(files, confidence).query("metric == 'linear'")
        for files, confidence in ((given, 0.5), (given, 0.9999), (given[:2], 0.9))
    )
    middle = linear[["retrained_low", "retrained_high"]].mean(axis=1)
    assert np.allclose(middle, linear["value"]) and (linear["retrained_high"] > middle + 0.01).all()
    assert (sure["retrained_high"] == 1.0).all()  # and no more
    assert two["retrained_reason"].str.startswith("2 seeds, and at least 3").all()
    assert two["retrained_low"].isna().all()


def test_the_table_is_what_the_correlation_reads(tmp_path: Path) -> None:
    names = [("unadapted", 0.9), ("A-mask-25", 0.5), ("B-mask-25", 0.4), ("C-mask-25", 0.6)]
    given = [scenario(tmp_path, name, "mask-25", level) for name, level in names]
    given.append(scenario(tmp_path, "unadapted", "mask-25", 0.2, seed=1))
    table, matrix, within = (tmp_path / f"{name}.csv" for name in ("scores", "matrix", "within"))
    write_csv(gather(given), table)
    write_correlation(read_scores(table), 25, matrix, within)
    cells = pd.read_csv(matrix).set_index(["metric", "metric_b"])
    assert cells.loc[("map_original", "mndcg_original"), "pearson"] > 0.9
    assert cells.loc[("map_original", "knn"), "reason"] == "k-NN is the same in all 4 rows"


PERSONS = np.repeat(np.arange(10), 3)


def test_an_interval_ends_where_the_score_does() -> None:
    values = np.where(PERSONS == 0, 0.5, 0.99)
    plain, found = (clustered_mean(values, PERSONS, 0.95, 0.0, most) for most in (np.inf, 1.0))
    assert plain.high > 1.0 and found.high == 1.0
    assert (found.value, found.low, found.se) == (plain.value, plain.low, plain.se)
    assert clustered_mean(-values, PERSONS, 0.95, -1.0, 1.0).low == -1.0


def test_new_trainings_need_three_seeds() -> None:
    scores = np.random.default_rng(0).random((3, 30))
    for count, reason in ((1, "1 seed, "), (2, "2 seeds, ")):
        found = retrained_interval(scores[:count], PERSONS, 0.95)
        assert found.reason.startswith(reason) and np.isnan([found.low, found.high]).all()
        assert found.value == pytest.approx(scores[:count].mean())
    assert retrained_interval(scores, PERSONS // 2, 0.95).reason.startswith("5 clusters")
    queries = clustered_mean(scores.mean(axis=0), PERSONS, 0.95)
    whole = retrained_interval(scores, PERSONS, 0.95)
    seeds = scores.mean(axis=1).var(ddof=1) / 3
    assert whole.se == pytest.approx(np.sqrt(queries.se**2 + seeds))
    # Satterthwaite's: nine degrees of freedom of ten persons, two of three seeds
    assert whole.df == pytest.approx(whole.se**4 / (queries.se**4 / 9 + seeds**2 / 2))
    ends = scipy.stats.t.interval(0.95, whole.df, scores.mean(), whole.se)
    assert (whole.low, whole.high) == pytest.approx(ends)
    same = retrained_interval(scores[[0, 0, 0]], PERSONS, 0.95)
    assert same.se == pytest.approx(clustered_mean(scores[0], PERSONS, 0.95).se)
