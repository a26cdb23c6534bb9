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
SCORES = make_scores("d", control=True)
RANKED = SCORES["metric"].isin(["map", "mndcg"])


def page(folder: Path, *sections: DatasetSection) -> str:
    """Return the text of a report; none of it is a NaN."""
    output = folder / "report.html"
    build_report("Title", sections, CONFIG, {"anonbench": "0"}, output)
    text = re.sub(r"<(script|style)[^>]*>.*?</\1>", " ", output.read_text(), flags=re.DOTALL)
    words = " ".join(html.unescape(re.sub(r"<[^>]+>", " ", text)).split())
    assert not re.findall(r".{40}\b(?:nan|NaN|None|inf|<NA>)\b", words)
    return words.partition("How to read the numbers")[0]


def few_clusters(folder: Path, name: str, **fewer: Any) -> DatasetSection:
    """Return a data set of three clusters, which has no intervals and no tests."""
    sizes = {"clusters": 3} | fewer
    scores = make_scores(name, control=True).assign(low=np.nan, high=np.nan, **sizes)
    given = section(folder, name, scores, (100,))

    def change(kind: str, read: Callable[[Path], pd.DataFrame], **columns: Any) -> None:
        read(given.files[kind]).assign(**columns).to_csv(given.files[kind], index=False)

    unknown: dict[str, Any] = NOTHING | {"verdict": "not known", "reason": FEW}
    change("effects", read_effects, **unknown, share_low=np.nan, share_high=np.nan)
    change("comparisons", read_comparisons, **unknown)
    everything = ";".join(f"{m}/{a}" for m in ("blur", "mask") for a in ("unadapted", "A"))
    alike = read_best(given.files["best"])
    alike = alike["indistinguishable"].where(alike["method"] != "", everything)
    numbers = dict.fromkeys(("optimism", "unbiased", "wins"), np.nan)
    change("best", read_best, **numbers, reason=FEW, indistinguishable=alike)
    return given


def test_three_clusters_say_nothing(tmp_path: Path) -> None:
    said = page(tmp_path, few_clusters(tmp_path, "d"))
    why = "these images show only 3 different persons or documents, and at least 8 are needed"
    assert f"How sure? Search quality is not known yet: {why}." in said
    assert "of the search quality" not in said and "Use " not in said
    assert said.count("cannot be told") == 6, "three in a sentence, three in the table"
    assert "is unclear in 36 of 36" in said


@pytest.mark.slow
def test_three_clusters_beside_forty_count_for_nothing(tmp_path: Path) -> None:
    few = few_clusters(tmp_path / "e", "e")
    both = page(tmp_path, section(tmp_path, "d", SCORES, (100,)), few)
    assert "among the best in all 2 cases" in both
    retrieval = both.partition("Retrieval d:")[2].partition(".")[0]
    assert "of the search quality" in retrieval and "e:" not in retrieval


def test_twelve_queries_are_the_reason_and_no_missing_control(tmp_path: Path) -> None:
    said = page(tmp_path, few_clusters(tmp_path, "d", n=12))
    why = "there are only 12 searches, and at least 20 are needed"
    assert f"The search quality is not known yet: {why}." in said


def test_a_missing_control_is_named(tmp_path: Path) -> None:
    once = page(tmp_path, section(tmp_path, "d", make_scores("d"), (100,)))
    assert once.count("no test by a second reference (control_seeds in the config)") == 2
    assert "What adapting gains is not known" in once


@pytest.mark.slow
@pytest.mark.parametrize(
    "left", [SCORES[~RANKED], SCORES.iloc[:0]], ids=["no retrieval", "nothing"]
)
def test_scores_without_a_value_are_no_answer(tmp_path: Path, left: pd.DataFrame) -> None:
    given = section(tmp_path, "d", left, (100,))
    if len(left):
        numbers = SCORES[["value", "low", "high", "se"]].where(~RANKED)
        SCORES.assign(**numbers).to_csv(given.files["scores"], index=False)
    said = page(tmp_path, given)
    assert "There is no result yet: no search was run on these images." in said
    assert said.count("cannot be told") == 6 and "keeps" not in said.partition("Retrieval")[0]


@pytest.mark.slow
def test_what_chance_does_as_well_is_said(tmp_path: Path) -> None:
    flat = make_scores("d").assign(value=0.1, low=0.08, high=0.12, chance=0.1, floor=0.09)
    given = section(tmp_path, "d", flat, (100,))
    write_csv(table_of(), tmp_path / "policy.csv")
    given = replace(given, files=given.files | {"policy": tmp_path / "policy.csv"})
    assert "may be no better than chance" in page(tmp_path, given)
    sharper = flat.assign(value=0.16, low=0.14, high=0.18)
    sharper.to_csv(given.files["scores"], index=False)
    assert "no better than chance" not in page(tmp_path, given)
