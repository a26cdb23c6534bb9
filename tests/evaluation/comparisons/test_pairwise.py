"""The paired tests and best choices of a data set, against their parts and by hand."""

from collections.abc import Sequence
from itertools import combinations
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from anonbench.config.outputs import Scenario
from anonbench.core.errors import InputError
from anonbench.core.io import write_csv
from anonbench.core.numeric.clusters import clustered_mean, paired_rate_difference
from anonbench.core.vocabulary import Adaption, Model, Variant
from anonbench.evaluation.comparisons.best import (
    BEST_COLUMNS,
    METHOD_COLUMNS,
    TEST_COLUMNS,
    collect_best,
    compare,
    compare_methods,
    read_best,
    read_comparisons,
    read_method_comparisons,
    second_columns,
)
from anonbench.evaluation.comparisons.columns import Column, by_degree, choices, columns_of
from anonbench.evaluation.decision import Judging
from anonbench.evaluation.retrieval.scoring.metrics import PER_QUERY
from anonbench.evaluation.scores import ScenarioFiles

IDS = [f"{i:03d}" for i in range(60)]
CLUSTERS = pd.Series(np.arange(60) // 5, IDS, name="person")


def scenario(
    folder: Path, model: str, variant: str, seed: int, shift: float = 0.0
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
    key = Model.parse(model), seed, Variant.parse(variant)
    suffixes = ("json", "parquet", "none", "predictions")
    return ScenarioFiles(*key, *(Path(f"{stem}.{suffix}") for suffix in suffixes))


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


def ends(row: pd.Series) -> list[float]:
    return row[["difference", "low", "high"]].tolist()


def columns(scenarios: list[ScenarioFiles]) -> list[Column]:
    return list(columns_of(scenarios, 0, (7,)))


def run(scenarios: list[ScenarioFiles], confidence: float = 0.95) -> pd.DataFrame:
    return compare("demo", columns(scenarios), Judging(CLUSTERS, confidence, 0.03))


def test_columns_and_pairs_without_yardsticks(given: list[ScenarioFiles], tmp_path: Path) -> None:
    table = run(given)
    without = [scenario(tmp_path, name, "blur-50", 0) for name in ("pixels", "untrained")]
    pd.testing.assert_frame_equal(run([*without, *given]), table)
    assert list(table.columns) == TEST_COLUMNS
    rows = ["unadapted", "A", "B"]
    for _, column in table.groupby(["query", "metric"]):
        assert list(zip(column["a"], column["b"], strict=True)) == list(combinations(rows, 2))
    assert set(table["degree"]) == {50} and set(table["method"]) == {"blur"}
    assert len(table) == 3 * (2 * 7 + 2)
    assert (table["n"] == 60).all()


def by_id(files: ScenarioFiles, query: str, column: str, ids: Sequence[str] = IDS) -> np.ndarray:
    table = pd.read_parquet(files.per_query)
    return table[table["query"] == query].set_index("id")[column].loc[ids].to_numpy()


def right(files: ScenarioFiles) -> np.ndarray:
    table = pd.read_parquet(files.predictions).set_index("id").loc[IDS]
    return (table["linear"] == "yes").to_numpy(float)


def test_accuracies_of_one_seed_are_hits_and_of_several_means(given: list[ScenarioFiles]) -> None:
    """A share of seeds that are right is no hit, and every seed counts but the control's."""
    alone = [files for files in given if files.seed in (0, 7) and files.variant.degree]
    table = run(alone)
    hits = {str(files.model): right(files) for files in alone if files.seed == 0}
    expected = paired_rate_difference(
        hits["unadapted"], hits["B-blur-50"], CLUSTERS.to_numpy(), 0.95
    )
    row = table.query("metric == 'linear' and a == 'unadapted' and b == 'B'").iloc[0]
    assert ends(row) == pytest.approx([expected.value, expected.low, expected.high])
    means = {
        model: np.mean(
            [right(f) for f in given if str(f.model) == model and f.variant.degree and f.seed != 7],
            axis=0,
        )
        for model in ("unadapted", "A-blur-50")
    }
    difference = means["unadapted"] - means["A-blur-50"]
    expected = clustered_mean(difference, CLUSTERS.to_numpy(), 0.95)
    row = run(given).query("metric == 'linear' and a == 'unadapted' and b == 'A'").iloc[0]
    assert ends(row) == pytest.approx([expected.value, expected.low, expected.high])


@pytest.fixture
def methods(tmp_path: Path) -> list[ScenarioFiles]:
    """Blur and mask at 50 %, masking without B and with the worse unadapted model."""
    worse = {"unadapted": 0.1, "A": 0.0}
    shifts = {"blur-50": dict.fromkeys(["unadapted", "A", "B"], 0.0), "mask-50": worse}
    found = [
        scenario(tmp_path, "unadapted" if a == "unadapted" else f"{a}-{v}", v, 0, shift)
        for v, of_variant in shifts.items()
        for a, shift in of_variant.items()
    ]
    return [*found, scenario(tmp_path, "unadapted", "original", 0)]


def test_methods_and_choices_are_tested_against_each_other(methods: list[ScenarioFiles]) -> None:
    table = compare_methods("demo", columns(methods), Judging(CLUSTERS, 0.95, 0.03))
    assert list(table.columns) == METHOD_COLUMNS
    assert set(zip(table["adaption"], table["a"], table["b"], strict=True)) == {
        ("unadapted", "blur", "mask"),
        ("A", "blur", "mask"),
    }
    assert len(table) == 2 * (2 * 7 + 2)
    found = table.query("metric == 'map'").groupby("adaption")["verdict"].agg(set)
    assert found["unadapted"] == {"better"} and found["A"] == {"equivalent"}
    # the choices among which is the best: methods with models
    groups = [choices(group) for group in by_degree(columns(methods))]
    assert len(groups) == 2 * 7 + 2
    names = ["blur/unadapted", "blur/A", "blur/B", "mask/unadapted", "mask/A"]
    assert all(list(column.values) == names for column in groups)
    column = next(c for c in groups if (c.query, c.metric) == ("original", "map"))
    assert column.values["mask/A"].tolist() == by_id(methods[4], "original", "ap").tolist()


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
    a, b = (by_id(files, "original", "ap", kept) for files in alone[:2])
    expected = clustered_mean(a - b, CLUSTERS[kept].to_numpy(), 0.95).p_different()
    assert table.loc[("map", "unadapted", "A"), "p"] == pytest.approx(expected)


def test_files_and_few_clusters(tmp_path: Path, methods: list[ScenarioFiles]) -> None:
    path = tmp_path / "comparisons.csv"
    readers = {compare: read_comparisons, compare_methods: read_method_comparisons}
    for test, read in readers.items():
        for clusters in (CLUSTERS, CLUSTERS // 4):  # with intervals, and without
            table = test("demo", columns(methods), Judging(clusters, 0.95, 0.03))
            write_csv(table, path)
            pd.testing.assert_frame_equal(read(path), table)
        assert table["difference"].notna().all() and set(table["verdict"]) == {"not known"}
        assert table[["low", "high", "p", "p_holm", "p_equivalent"]].isna().all(axis=None)
        assert table["reason"].str.startswith("3 clusters, and at least 8 are needed").all()


QUERIES = [f"{number:03d}" for number in range(120)]
FOURS = pd.Series(np.arange(120) // 4, QUERIES)
BLUR, MASK = Variant("blur", 50), Variant("mask", 50)
# the own reference favours the unadapted model; in truth A is best, and masking costs 20 points
TRUTH = {"unadapted": 0.0, "A": 0.05, "B": -0.1}


def column(variant: Variant, levels: dict[str, float], query: str = "original") -> Column:
    generator = np.random.default_rng(7)
    hard = generator.normal(0.5, 0.1, len(QUERIES)) - 0.2 * (variant == MASK)
    values = {
        name: hard + level + generator.normal(0, 0.02, len(QUERIES))
        for name, level in levels.items()
    }
    return Column(variant, query, "map", pd.DataFrame(values, QUERIES))


OWN = {"unadapted": 0.2, "A": 0.05, "B": 0.05}


def collect(clusters: pd.Series = FOURS) -> pd.DataFrame:
    own, second = ([column(BLUR, of), column(MASK, of)] for of in (OWN, TRUTH))
    return collect_best("demo", own, second, Judging(clusters, 0.95, 0.03), 200)


def test_each_reference_has_its_best(tmp_path: Path) -> None:
    table, path = collect(), tmp_path / "best.csv"
    write_csv(table, path)
    pd.testing.assert_frame_equal(read_best(path), table, check_dtype=False)
    write_csv(table.drop(columns="wins"), path)
    with pytest.raises(InputError, match="'wins' is missing; make the table again"):
        read_best(path)
    assert list(table.columns) == BEST_COLUMNS
    best = table.set_index(["reference", "scope", "method"])["best"].to_dict()
    assert best == {
        (reference, *row): f"blur/{name}" if row[0] == "choices" else name
        for reference, name in (("own", "unadapted"), ("second", "A"))
        for row in (("models", "blur"), ("models", "mask"), ("choices", ""))
    }
    assert (table["degree"] == 50).all() and (table["dataset"] == "demo").all()


def best_models(own: Column) -> pd.DataFrame:
    table = collect_best("demo", [own], [], Judging(FOURS, 0.95, 0.03), 200)
    return table[table["scope"] == "models"]


def test_all_that_are_as_good_are_named_by_queries_that_all_have() -> None:
    models = best_models(column(BLUR, {"unadapted": 0.1, "A": 0.1, "B": -0.1})).iloc[0]
    assert models["indistinguishable"] == "unadapted;A"
    assert 0.0 < models["optimism"] < 0.02 and models["wins"] < 1.0
    assert models["unbiased"] == models["value"] - models["optimism"]
    some = column(BLUR, OWN)
    some.values.loc[QUERIES[:5], "A"] = np.nan
    row = best_models(some).iloc[0]
    assert (row["n"], row["clusters"]) == (115, 29)
    assert row["value"] == pytest.approx(some.values["unadapted"].iloc[5:].mean())
    some.values.loc[:, "A"] = np.nan
    assert best_models(some).empty


def test_few_clusters_tell_nothing_apart() -> None:
    table = collect(FOURS // 5)
    models = table[table["scope"] == "models"]
    assert set(models["indistinguishable"]) == {"unadapted;A;B"}
    assert table["reason"].str.startswith("6 clusters, and at least 8").all()
    assert table["value"].notna().all()
    assert table[["optimism", "unbiased", "wins"]].isna().all(axis=None)


def by_seeds(reference: int, scenario: str) -> pd.DataFrame:
    model, seed, variant = scenario.split("/")
    kinds = ["original"] if variant == "original" else ["anonymized", "original"]
    index = pd.MultiIndex.from_product([kinds, QUERIES], names=["query", "id"])
    value = 0.1 * reference + 0.01 * int(seed[4:]) + 0.001 * (model != "unadapted")
    return pd.DataFrame(value, index, list(PER_QUERY.values()))


def test_second_columns_are_means_over_other_seeds_references() -> None:
    models = (Model(), Model(Adaption.A, BLUR))
    runs = [Scenario(Model(), seed, Variant()) for seed in (0, 1)]
    runs += [Scenario(model, seed, BLUR) for model in models for seed in (0, 1)]
    columns = list(second_columns(runs, (0, 1, 7), by_seeds))
    assert [(c.variant, c.query, c.metric) for c in columns] == [
        (BLUR, query, metric) for query in ("original", "anonymized") for metric in PER_QUERY
    ]
    # seed 0 by 1 and 7, seed 1 by 0 and 7
    mean = (0.1 + 0.7 + 0.01 + 0.71) / 4
    for each in columns:
        assert list(each.values) == ["unadapted", "A"] and list(each.values.index) == QUERIES
        assert np.allclose(each.values["unadapted"], mean)
        assert np.allclose(each.values["A"], mean + 0.001)
    assert list(second_columns([r for r in runs if r.seed == 0], (0,), by_seeds)) == []
