"""The paired tests of a data set, against SciPy and by hand."""

from __future__ import annotations

from itertools import combinations
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import scipy.stats

from anonbench.core.errors import InputError
from anonbench.core.io import write_csv
from anonbench.core.vocabulary import Model, Variant
from anonbench.evaluation.pairwise import COLUMNS, compare, read_comparisons
from anonbench.evaluation.retrieval.metrics import PER_QUERY
from anonbench.evaluation.scores import ScenarioFiles

IDS = [f"{i:03d}" for i in range(60)]
CLUSTERS = pd.Series(np.arange(60) // 5, IDS, name="person")


def scenario(
    folder: Path, model: str, variant: str, seed: int, shift: float = 0.0, labelled: bool = True
) -> ScenarioFiles:
    """Write the files of one scenario; scores of all follow the queries' difficulty."""
    generator = np.random.default_rng([len(model), ord(model[0]), len(variant), seed])
    hard = np.random.default_rng(0).random(len(IDS))
    tables = []
    for kind in ["original"] if variant == "original" else ["original", "anonymized"]:
        table = pd.DataFrame({"id": IDS, "query": kind})
        for column in PER_QUERY.values():
            noise = 0.05 * generator.standard_normal(len(IDS))
            table[column] = np.clip(hard - shift + noise, 0, 1)
        tables.append(table.sample(frac=1, random_state=seed))
    stem = folder / f"{model}.{variant}.{seed}"
    pd.concat(tables).to_parquet(f"{stem}.parquet")
    right = generator.random((2, len(IDS))) < 0.8 - shift
    predictions = pd.DataFrame({"id": IDS, "label": "yes"})
    for name, correct in zip(("knn", "linear"), right, strict=True):
        predictions[name] = np.where(correct, "yes", "no")
    predictions.to_parquet(f"{stem}.predictions")
    return ScenarioFiles(
        Model.parse(model),
        seed,
        Variant.parse(variant),
        Path(f"{stem}.json"),
        Path(f"{stem}.parquet"),
        None,
        Path(f"{stem}.predictions") if labelled else None,
    )


@pytest.fixture
def given(tmp_path: Path) -> list[ScenarioFiles]:
    """Seeds 0 and 1 of training, 7 of the control; A is as good as the control, B is worse."""
    found = []
    for seed in (0, 1, 7):
        found.append(scenario(tmp_path, "unadapted", "original", seed))
        found.append(scenario(tmp_path, "unadapted", "blur-50", seed))
        if seed != 7:
            found.append(scenario(tmp_path, "A-blur-50", "blur-50", seed))
            found.append(scenario(tmp_path, "B-blur-50", "blur-50", seed, 0.1))
    return found


def run(scenarios: list[ScenarioFiles], confidence: float = 0.95) -> pd.DataFrame:
    return compare("demo", scenarios, CLUSTERS, 0, (7,), confidence)


def test_every_difference_says_how_many_clusters_it_stands_on(
    given: list[ScenarioFiles], tmp_path: Path
) -> None:
    assert set(run(given)["clusters"]) == {12}
    rows = pd.read_parquet(given[-2].per_query)
    rows.loc[rows["id"].isin(IDS[:7]), "ndcg"] = np.nan  # a cluster of five, and two of the next
    rows.to_parquet(given[-2].per_query)
    table = run(given).query("metric == 'mndcg' and method == 'original'")
    assert table["clusters"].tolist() == [11]
    with pytest.raises(InputError, match="5 images have scores and no cluster"):
        compare("demo", given, CLUSTERS[5:], 0, (7,), 0.95)


def test_columns_and_pairs(given: list[ScenarioFiles]) -> None:
    table = run(given)
    assert list(table.columns) == COLUMNS
    rows = ["unadapted", "control", "A", "B"]
    for _, column in table[table["degree"] == 50].groupby(["query", "metric"]):
        assert list(zip(column["a"], column["b"], strict=True)) == list(combinations(rows, 2))
    originals = table[table["method"] == "original"]
    assert set(originals["degree"]) == {0} and set(originals["query"]) == {"original", ""}
    assert originals["a"].unique().tolist() == ["unadapted"]
    assert originals["b"].unique().tolist() == ["control"]
    assert len(table) == 6 * (2 * 7 + 2) + 7 + 2
    assert (table["n"] == 60).all()


def by_id(files: ScenarioFiles, query: str, column: str) -> np.ndarray:
    table = pd.read_parquet(files.per_query)
    return table[table["query"] == query].set_index("id")[column].loc[IDS].to_numpy()


def test_retrieval_is_a_t_test_of_means_over_seeds(given: list[ScenarioFiles]) -> None:
    table = run(given, 0.9)
    cell = table.query(
        "degree == 50 and query == 'anonymized' and metric == 'mndcg' and a == 'control'"
    )
    seeds = {name: [] for name in ("A", "control")}
    for files in given:
        if files.variant.degree and str(files.model) == "A-blur-50":
            seeds["A"].append(by_id(files, "anonymized", "ndcg"))
        elif files.variant.degree and str(files.model) == "unadapted" and files.seed != 0:
            seeds["control"].append(by_id(files, "anonymized", "ndcg"))
    assert [len(values) for values in seeds.values()] == [2, 2]
    control, adapted = (np.mean(seeds[name], axis=0) for name in ("control", "A"))
    expected = scipy.stats.ttest_rel(control, adapted)
    row = cell[cell["b"] == "A"].iloc[0]
    assert row["p"] == pytest.approx(expected.pvalue)
    assert row["difference"] == pytest.approx((control - adapted).mean())
    assert row[["low", "high"]].tolist() == pytest.approx(list(expected.confidence_interval(0.9)))


def test_accuracies_are_mcnemars_of_the_first_seed(given: list[ScenarioFiles]) -> None:
    table = run(given)
    predictions = {
        str(files.model): pd.read_parquet(files.predictions)
        for files in given
        if files.variant.degree and files.seed == 0
    }
    a, b = (predictions[name]["linear"] == "yes" for name in ("unadapted", "B-blur-50"))
    row = table.query("degree == 50 and metric == 'linear' and a == 'unadapted' and b == 'B'")
    expected = scipy.stats.binomtest(int((a & ~b).sum()), int((a ^ b).sum()))
    assert row["p"].iloc[0] == pytest.approx(expected.pvalue)
    assert row["difference"].iloc[0] == pytest.approx(a.mean() - b.mean())


def test_the_control_of_accuracies_is_a_seed_of_its_own(given: list[ScenarioFiles]) -> None:
    row = run(given).query("degree == 0 and metric == 'knn'").iloc[0]
    right = [
        pd.read_parquet(files.predictions)["knn"] == "yes"
        for files in given
        if files.variant.degree == 0 and files.seed in (0, 7)
    ]
    assert row["difference"] == pytest.approx(right[0].mean() - right[1].mean())


def test_p_values_are_adjusted_within_a_column(given: list[ScenarioFiles]) -> None:
    table = run(given)
    for _, column in table.groupby(["degree", "query", "metric"]):
        ordered = column.sort_values("p")
        steps = ordered["p"].to_numpy() * np.arange(len(ordered), 0, -1)
        expected = np.minimum(1, [steps[: i + 1].max() for i in range(len(steps))])
        assert ordered["p_holm"].to_numpy() == pytest.approx(expected)
    worse = table.query("metric == 'map' and a == 'A' and b == 'B'")
    assert (worse["p_holm"] < 0.01).all() and (worse["difference"] > 0.05).all()


def test_order_of_files_and_rows_changes_nothing(given: list[ScenarioFiles]) -> None:
    table = run(given)
    for files in given:
        rows = pd.read_parquet(files.per_query).sample(frac=1, random_state=3)
        rows.to_parquet(files.per_query)
        rows = pd.read_parquet(files.predictions).sample(frac=1, random_state=3)
        rows.to_parquet(files.predictions)
    pd.testing.assert_frame_equal(run(given[::-1]), table)


def test_only_queries_of_both_count(given: list[ScenarioFiles]) -> None:
    alone = [files for files in given if files.seed == 0 and files.variant.degree]
    rows = pd.read_parquet(alone[1].per_query)  # of A
    rows.loc[rows["id"] == IDS[0], "ap"] = np.nan
    rows[rows["id"] != IDS[1]].to_parquet(alone[1].per_query)
    table = run(alone).query("query == 'original'").set_index(["metric", "a", "b"])
    assert table.loc[("map", "unadapted", "A"), "n"] == 58
    assert table.loc[("mndcg", "unadapted", "A"), "n"] == 59
    assert table.loc[("map", "unadapted", "B"), "n"] == 60
    kept = IDS[2:]
    values = [
        pd.read_parquet(f.per_query).query("query == 'original'").set_index("id").loc[kept, "ap"]
        for f in alone[:2]
    ]
    expected = scipy.stats.ttest_rel(*values).pvalue
    assert table.loc[("map", "unadapted", "A"), "p"] == pytest.approx(expected)


def test_without_labels_or_a_second_row_there_is_less_to_test(given: list[ScenarioFiles]) -> None:
    unlabelled = [
        ScenarioFiles(f.model, f.seed, f.variant, f.retrieval, f.per_query) for f in given
    ]
    assert set(run(unlabelled)["metric"]) == set(PER_QUERY)
    assert run(given[:1]).empty and list(run([]).columns) == COLUMNS


def test_the_file_is_read_as_it_was_written(tmp_path: Path, given: list[ScenarioFiles]) -> None:
    table = run(given)
    write_csv(table, tmp_path / "comparisons.csv")
    pd.testing.assert_frame_equal(read_comparisons(tmp_path / "comparisons.csv"), table)
    write_csv(table.drop(columns="p_holm"), tmp_path / "old.csv")
    with pytest.raises(InputError, match=r"old\.csv: column 'p_holm' is missing"):
        read_comparisons(tmp_path / "old.csv")
