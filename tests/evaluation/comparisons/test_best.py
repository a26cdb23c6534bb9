"""The best choices of a data set: by own and second references, with what is as good."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from anonbench.config.outputs import Scenario
from anonbench.core.errors import InputError
from anonbench.core.io import write_csv
from anonbench.core.vocabulary import Adaption, Model, Variant
from anonbench.evaluation.comparisons.best import (
    BEST_COLUMNS,
    collect_best,
    read_best,
    second_columns,
)
from anonbench.evaluation.comparisons.columns import Column
from anonbench.evaluation.decision import Judging
from anonbench.evaluation.retrieval.scoring.metrics import PER_QUERY

IDS = [f"{number:03d}" for number in range(120)]
CLUSTERS = pd.Series(np.arange(120) // 4, IDS)
BLUR, MASK = Variant("blur", 50), Variant("mask", 50)
# the own reference favours the unadapted model; in truth A is best, and masking costs 20 points
TRUTH = {"unadapted": 0.0, "A": 0.05, "B": -0.1}


def column(variant: Variant, levels: dict[str, float], query: str = "original") -> Column:
    generator = np.random.default_rng(7)
    hard = generator.normal(0.5, 0.1, len(IDS)) - 0.2 * (variant == MASK)
    values = {
        name: hard + level + generator.normal(0, 0.02, len(IDS)) for name, level in levels.items()
    }
    return Column(variant, query, "map", pd.DataFrame(values, IDS))


OWN = {"unadapted": 0.2, "A": 0.05, "B": 0.05}
BOTH = [column(BLUR, OWN), column(MASK, OWN)]
SECOND = [column(BLUR, TRUTH), column(MASK, TRUTH)]


def collect(clusters: pd.Series = CLUSTERS) -> pd.DataFrame:
    return collect_best("demo", BOTH, SECOND, Judging(clusters, 0.95, 0.03), 200)


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
        ("own", "models", "blur"): "unadapted",
        ("own", "models", "mask"): "unadapted",
        ("own", "choices", ""): "blur/unadapted",
        ("second", "models", "blur"): "A",
        ("second", "models", "mask"): "A",
        ("second", "choices", ""): "blur/A",
    }
    assert (table["degree"] == 50).all() and (table["dataset"] == "demo").all()


def test_all_that_are_as_good_are_named() -> None:
    tied = [column(BLUR, {"unadapted": 0.1, "A": 0.1, "B": -0.1})]
    table = collect_best("demo", tied, [], Judging(CLUSTERS, 0.95, 0.03), 200)
    models = table[table["scope"] == "models"].iloc[0]
    assert models["indistinguishable"] == "unadapted;A"
    assert 0.0 < models["optimism"] < 0.02 and models["wins"] < 1.0
    assert models["unbiased"] == models["value"] - models["optimism"]


def test_few_clusters_tell_nothing_apart(tmp_path: Path) -> None:
    table = collect(CLUSTERS // 5)
    write_csv(table, tmp_path / "best.csv")
    pd.testing.assert_frame_equal(read_best(tmp_path / "best.csv"), table, check_dtype=False)
    models = table[table["scope"] == "models"]
    assert set(models["indistinguishable"]) == {"unadapted;A;B"}
    assert table["reason"].str.startswith("6 clusters, and at least 8").all()
    assert table["value"].notna().all()
    assert table[["optimism", "unbiased", "wins"]].isna().all(axis=None)


def test_only_queries_that_all_have_count() -> None:
    some = column(BLUR, OWN)
    some.values.loc[IDS[:5], "A"] = np.nan
    row = collect_best("demo", [some], [], Judging(CLUSTERS, 0.95, 0.03), 50).iloc[0]
    assert (row["n"], row["clusters"]) == (115, 29)
    assert row["value"] == pytest.approx(some.values["unadapted"].iloc[5:].mean())
    some.values.loc[:, "A"] = np.nan
    assert collect_best("demo", [some], [], Judging(CLUSTERS, 0.95, 0.03), 50).empty


def by_seeds(reference: int, scenario: str) -> pd.DataFrame:
    model, seed, variant = scenario.split("/")
    kinds = ["original"] if variant == "original" else ["anonymized", "original"]
    index = pd.MultiIndex.from_product([kinds, IDS], names=["query", "id"])
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
        assert list(each.values) == ["unadapted", "A"] and list(each.values.index) == IDS
        assert np.allclose(each.values["unadapted"], mean)
        assert np.allclose(each.values["A"], mean + 0.001)
    assert list(second_columns([r for r in runs if r.seed == 0], (0,), by_seeds)) == []
