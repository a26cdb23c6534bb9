from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from synthetic_results import make_scores

from anonbench.core.errors import InputError
from anonbench.evaluation.scores import COLUMNS
from anonbench.reporting.summary import SCORE_COLUMNS, read_scores, summarize, summarize_originals


def cells_of(table: pd.DataFrame, **keys: object) -> pd.DataFrame:
    for name, value in keys.items():
        table = table[table[name] == value]
    return table


def cell(summary: pd.DataFrame, **keys: object) -> pd.Series:
    chosen = cells_of(summary, **keys)
    assert len(chosen) == 1
    return chosen.iloc[0]


BLUR_MAP = {"method": "blur", "metric": "map", "query": "original"}


def test_several_seeds_give_mean_and_deviation() -> None:
    one = make_scores("documents").query("adaption == 'A' and method == 'blur' and metric == 'map'")
    one = one[one["query"] == "original"]
    seeds = pd.concat([one.assign(seed=seed, value=seed / 4) for seed in (0, 1, 3)])
    row, alone = summarize(seeds).iloc[0], summarize(one).iloc[0]
    assert row["value"] == pytest.approx(1 / 3)
    assert row["sd"] == pytest.approx(np.std([0, 0.25, 0.75], ddof=1))
    # the interval is of these trained models: how far apart they are is no part of it
    for end in ("low", "high"):
        assert row[end] == pytest.approx(one[end].iloc[0]) == alone[end]
    assert (row["seeds"], alone["seeds"]) == (3, 1)
    assert alone[["value", "se"]].tolist() == one[["value", "se"]].iloc[0].tolist()
    assert np.isnan(alone["sd"])


def test_originals_are_a_summary_of_their_own_without_missing_values() -> None:
    table = make_scores("documents", control=True)
    originals = summarize_originals(table)
    assert set(originals["degree"]) == {0} and len(originals) == 2 * 4
    row = cell(originals, adaption="control", metric="map")
    given_row = cell(table, degree=0, adaption="control", metric="map")
    assert row[["value", "se"]].tolist() == given_row[["value", "se"]].tolist()
    assert len(originals) + len(summarize(table)) == len(table)
    table.loc[0, "value"] = np.nan
    assert len(originals) + len(summarize(table)) == len(table) - 1
    assert summarize_originals(make_scores("documents")).empty
    assert len(summarize(table.iloc[:0])) == 0


def test_the_interval_of_new_trainings_and_reasons_are_passed_on() -> None:
    few = {"low": np.nan, "high": np.nan, "reason": "4 clusters"}
    new = {"retrained_low": 0.25, "retrained_high": 0.75, "retrained_reason": ""}
    row = summarize(make_scores("documents", seeds=(0, 1, 2)).assign(**few, **new)).iloc[0]
    assert row[list(new)].to_dict() == new and row["reason"] == "4 clusters"
    assert np.isnan(row["low"]) and np.isnan(row["high"]) and row["sd"] > 0


def test_the_control_is_averaged_by_itself() -> None:
    table = make_scores("documents", seeds=(0, 1), control=True)
    again = table[table["adaption"] == "control"]
    more = again.assign(seed=5, value=again["value"] / 2)
    summary = summarize(pd.concat([table, more]))
    control = cell(summary, adaption="control", **BLUR_MAP)
    assert control["value"] == pytest.approx(0.75 * cell(again, **BLUR_MAP)["value"])
    assert control["seeds"] == 2
    assert cell(summary, adaption="control", method="blur", metric="knn")["seeds"] == 2
    unadapted = cells_of(table, adaption="unadapted", **BLUR_MAP)
    value = cell(summary, adaption="unadapted", **BLUR_MAP)["value"]
    assert value == pytest.approx(unadapted["value"].mean())


def test_scores_survive_the_file(tmp_path: Path, scores: pd.DataFrame) -> None:
    scores.to_csv(tmp_path / "scores.csv", index=False)
    read = read_scores(tmp_path / "scores.csv")
    assert set(read["query"]) == {"original", "anonymized", ""}
    assert read["k"].isna().sum() == (scores["metric"] == "linear").sum()
    assert read["value"].tolist() == scores["value"].tolist()
    assert set(SCORE_COLUMNS) == set(COLUMNS) == set(scores)
    scores.drop(columns="low").to_csv(tmp_path / "bad.csv", index=False)
    with pytest.raises(InputError, match=r"bad\.csv: column 'low' is missing"):
        read_scores(tmp_path / "bad.csv")
