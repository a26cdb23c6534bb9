"""Reports of results that hardly say anything: every sentence has to be true of them."""

from __future__ import annotations

import html
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from report_results import section
from synthetic_results import make_scores
from test_choices import table_of

from anonbench.core.io import write_csv
from anonbench.evaluation.comparisons.best import read_best, read_comparisons
from anonbench.evaluation.comparisons.effect_table import read_effects
from anonbench.reporting.html.build import DatasetSection, build_report

CONFIG = {"presentation": {"show_originals": False, "confidence": 0.9}}
FEW = "3 clusters, and at least 8 are needed for an interval"
NOTHING = dict.fromkeys(("low", "high", "p", "p_holm", "p_equivalent"), np.nan)
RANKED = ("map", "mndcg")
Change = Callable[[pd.DataFrame], pd.DataFrame]


def page(folder: Path, *sections: DatasetSection) -> str:
    """Return the text of a report; none of it is a NaN."""
    output = folder / "report.html"
    build_report("Title", sections, CONFIG, {"anonbench": "0"}, output)
    text = re.sub(r"<(script|style)[^>]*>.*?</\1>", " ", output.read_text(), flags=re.DOTALL)
    words = " ".join(html.unescape(re.sub(r"<[^>]+>", " ", text)).split())
    assert not re.findall(r".{40}\b(?:nan|NaN|None|inf|<NA>)\b", words)
    return words.partition("How to read the numbers")[0]


def changed(path: Path | None, read: Callable[[Path], pd.DataFrame], change: Change) -> None:
    assert path is not None
    change(read(path)).to_csv(path, index=False)


def few_clusters(folder: Path, name: str, **fewer: Any) -> DatasetSection:
    """Return a data set of three clusters, which has no intervals and no tests."""
    sizes = {"clusters": 3} | fewer
    scores = make_scores(name, control=True).assign(low=np.nan, high=np.nan, **sizes)
    given = section(folder, name, scores, (100,))
    unknown: dict[str, Any] = NOTHING | {"verdict": "not known", "reason": FEW}
    shares = {"share_low": np.nan, "share_high": np.nan}
    changed(given.file("effects"), read_effects, lambda table: table.assign(**unknown, **shares))
    changed(given.file("comparisons"), read_comparisons, lambda table: table.assign(**unknown))
    everything = ";".join(f"{m}/{a}" for m in ("blur", "mask") for a in ("unadapted", "A"))

    def none_apart(table: pd.DataFrame) -> pd.DataFrame:
        alike = table["indistinguishable"].where(table["method"] != "", everything)
        numbers = dict.fromkeys(("optimism", "unbiased", "wins"), np.nan)
        return table.assign(**numbers, reason=FEW, indistinguishable=alike)

    changed(given.file("best"), read_best, none_apart)
    return given


def new(folder: Path, scores: pd.DataFrame | None = None, **given: Any) -> DatasetSection:
    table = make_scores("d", control=True) if scores is None else scores
    return section(folder, "d", table, (100,), **given)


def without_rates(given: DatasetSection) -> DatasetSection:
    return replace(given, files={key: path for key, path in given.files.items() if key != "rates"})


def test_three_clusters_say_nothing(tmp_path: Path) -> None:
    said = page(tmp_path, few_clusters(tmp_path, "d"))
    why = "these images show only 3 different persons or documents, and at least 8 are needed"
    assert f"How sure? Search quality is not known yet: {why}." in said
    assert "of the search quality" not in said and "Use " not in said
    assert said.count("cannot be told") == 6, "three in a sentence, three in the table"
    assert "is unclear in 36 of 36" in said


@pytest.mark.slow
def test_three_clusters_beside_forty_count_for_nothing(tmp_path: Path) -> None:
    (tmp_path / "e").mkdir()
    few = few_clusters(tmp_path / "e", "e")
    both = page(tmp_path, new(tmp_path), few)
    assert "among the best in all 2 cases" in both
    retrieval = both.partition("Retrieval d:")[2].partition(".")[0]
    assert "keeps" in retrieval and "e:" not in retrieval


def test_twelve_queries_are_the_reason_and_no_missing_control(tmp_path: Path) -> None:
    said = page(tmp_path, few_clusters(tmp_path, "d", n=12))
    why = "there are only 12 searches, and at least 20 are needed"
    assert f"The search quality is not known yet: {why}." in said


@pytest.mark.slow
def test_each_missing_part_is_the_one_that_is_named(tmp_path: Path) -> None:
    once = page(tmp_path, new(tmp_path, make_scores("d")))
    assert once.count("no test by a second reference (control_seeds in the config)") == 2
    assert "What adapting gains is not known" in once
    table = make_scores("d", control=True)
    table = table[table["adaption"].isin(["unadapted", "control"])]
    unadapted = page(tmp_path, without_rates(new(tmp_path, table)))
    assert "no attack was run on it" in unadapted


@pytest.mark.slow
@pytest.mark.parametrize("rows", [RANKED, (*RANKED, "knn", "linear"), None])
def test_scores_without_a_value_are_no_answer(tmp_path: Path, rows: tuple[str, ...] | None) -> None:
    table = make_scores("d", control=True)
    left = table.iloc[:0] if rows is None else table[~table["metric"].isin(rows)]
    given = new(tmp_path, left)
    if rows is not None:
        lost = table["metric"].isin(rows)
        numbers = table[["value", "low", "high", "se"]].where(~lost)
        table.assign(**numbers).to_csv(given.files["scores"], index=False)
    said = page(tmp_path, given)
    assert "There is no result yet: no search was run on these images." in said
    assert said.count("cannot be told") == 6 and "keeps" not in said.partition("Retrieval")[0]


@pytest.mark.slow
def test_what_chance_does_as_well_is_said(tmp_path: Path) -> None:
    flat = make_scores("d").assign(value=0.1, low=0.08, high=0.12, chance=0.1, floor=0.09)
    given = new(tmp_path, flat)
    write_csv(table_of(), tmp_path / "policy.csv")
    given = replace(given, files=given.files | {"policy": tmp_path / "policy.csv"})
    assert "may be no better than chance" in page(tmp_path, given)
    sharper = flat.assign(value=0.16, low=0.14, high=0.18)
    sharper.to_csv(given.files["scores"], index=False)
    assert "no better than chance" not in page(tmp_path, given)
