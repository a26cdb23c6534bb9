from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from synthetic_results import make_scores

from anonbench.errors import InputError
from anonbench.presentation.summary import SCORE_COLUMNS, read_scores, summarize
from anonbench.scores import COLUMNS


def cell(summary: pd.DataFrame, **keys: object) -> pd.Series:
    chosen = summary
    for name, value in keys.items():
        chosen = chosen[chosen[name] == value]
    assert len(chosen) == 1
    return chosen.iloc[0]


BLUR_MAP = {"method": "blur", "metric": "map", "query": "original"}


def test_one_seed_keeps_value_and_interval(scores: pd.DataFrame) -> None:
    row = cell(summarize(scores), degree=50, adaption="A", **BLUR_MAP)
    given_row = cell(scores, degree=50, adaption="A", **BLUR_MAP)
    assert row[["value", "low", "high"]].tolist() == given_row[["value", "low", "high"]].tolist()
    assert row["seeds"] == 1
    assert np.isnan(row["sd"])


@settings(max_examples=25, deadline=None)
@given(st.lists(st.floats(0, 1), min_size=2, max_size=5))
def test_several_seeds_give_mean_and_deviation(values: list[float]) -> None:
    one = make_scores("documents")
    one = one[(one["adaption"] == "A") & (one["method"] == "blur") & (one["metric"] == "map")]
    one = one[one["query"] == "original"]
    table = pd.concat([one.assign(seed=s, value=value) for s, value in enumerate(values)])
    row = summarize(table).iloc[0]
    assert row["value"] == pytest.approx(np.mean(values))
    assert row["sd"] == pytest.approx(np.std(values, ddof=1), abs=1e-12)
    assert row["low"] == pytest.approx(row["value"] - row["sd"])
    assert row["seeds"] == len(values)


def test_retrained_unadapted_model_is_a_control_of_its_own() -> None:
    table = make_scores("documents", seeds=(3, 1, 2))
    summary = summarize(table, reference_seed=3)
    unadapted = cell(summary, adaption="unadapted", **BLUR_MAP)
    first = cell(table, adaption="unadapted", seed=3, **BLUR_MAP)
    others = table[(table["adaption"] == "unadapted") & (table["seed"] != 3)]
    for name, value in BLUR_MAP.items():
        others = others[others[name] == value]
    assert unadapted["value"] == first["value"]
    control = cell(summary, adaption="control", **BLUR_MAP)
    assert control["value"] == pytest.approx(others["value"].mean())
    assert control["seeds"] == 2
    knn = cell(summary, adaption="unadapted", method="blur", metric="knn")
    assert knn["seeds"] == 3
    assert summary[summary["metric"] == "knn"]["adaption"].isin(["control"]).sum() == 0


def test_missing_values_and_originals_are_left_out(scores: pd.DataFrame) -> None:
    scores.loc[0, "value"] = np.nan
    original = scores.iloc[[1]].assign(method="original", degree=0)
    summary = summarize(pd.concat([scores, original]))
    assert len(summary) == len(scores) - 1
    assert "original" not in set(summary["method"])
    assert len(summarize(scores.iloc[:0])) == 0


def test_scores_survive_the_file(tmp_path: Path, scores: pd.DataFrame) -> None:
    scores.to_csv(tmp_path / "scores.csv", index=False)
    read = read_scores(tmp_path / "scores.csv")
    assert set(read["query"]) == {"original", "anonymized", ""}
    assert read["k"].isna().sum() == (scores["metric"] == "linear").sum()
    assert read["value"].tolist() == scores["value"].tolist()
    scores.drop(columns="low").to_csv(tmp_path / "bad.csv", index=False)
    with pytest.raises(InputError, match=r"bad\.csv: column 'low' is missing"):
        read_scores(tmp_path / "bad.csv")


def test_columns_are_those_that_scoring_writes(scores: pd.DataFrame) -> None:
    assert set(SCORE_COLUMNS) == set(COLUMNS) == set(scores)
