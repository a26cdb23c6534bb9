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
from synthetic_results import make_effects, make_scores

from anonbench.evaluation.comparisons.best import read_best
from anonbench.evaluation.comparisons.effect_table import read_effects
from anonbench.evaluation.comparisons.pairwise import read_comparisons
from anonbench.evaluation.privacy.rates import read_rates
from anonbench.reporting.html.build import DatasetSection, build_report

CONFIG = {"presentation": {"show_originals": False, "confidence": 0.9}}
FEW = "3 clusters, and at least 8 are needed for an interval"
NOTHING = dict.fromkeys(("low", "high", "p", "p_holm", "p_equivalent"), np.nan)
RANKED = ("map", "mndcg")
Change = Callable[[pd.DataFrame], pd.DataFrame]


def page(folder: Path, *sections: DatasetSection) -> str:
    """Return the text of a report's answer, choices and recommendations; none of it is a NaN."""
    output = folder / "report.html"
    build_report("Title", sections, CONFIG, {"anonbench": "0"}, output)
    text = re.sub(r"<(script|style)[^>]*>.*?</\1>", " ", output.read_text(), flags=re.DOTALL)
    words = " ".join(html.unescape(re.sub(r"<[^>]+>", " ", text)).split())
    assert not re.findall(r".{40}\b(?:nan|NaN|None|inf|<NA>)\b", words)
    return words.partition("The answer")[2].partition("How to read the numbers")[0]


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
    changed(given.effects, read_effects, lambda table: table.assign(**unknown, **shares))
    changed(given.comparisons, read_comparisons, lambda table: table.assign(**unknown))
    everything = ";".join(f"{m}/{a}" for m in ("blur", "mask") for a in ("unadapted", "A"))

    def none_apart(table: pd.DataFrame) -> pd.DataFrame:
        alike = table["indistinguishable"].where(table["method"] != "", everything)
        numbers = dict.fromkeys(("optimism", "unbiased", "wins"), np.nan)
        return table.assign(**numbers, reason=FEW, indistinguishable=alike)

    changed(given.best, read_best, none_apart)
    return given


def new(folder: Path, scores: pd.DataFrame | None = None, **given: Any) -> DatasetSection:
    table = make_scores("d", control=True) if scores is None else scores
    return section(folder, "d", table, (100,), **given)


def test_three_clusters_say_nothing(tmp_path: Path) -> None:
    said = page(tmp_path, few_clusters(tmp_path, "d"))
    assert "There is no recommendation yet" in said and "What to use? " not in said
    assert said.count("cannot be told") == 3
    assert "adapting is not known for lack of clusters in 36 of 36" in said
    assert "It takes two data sets or query kinds with enough clusters for tests." in said
    for untested in ("median cost", "leads by", "cannot be told from it", "retraining ceiling is"):
        assert untested not in said


@pytest.mark.slow
def test_three_clusters_beside_forty_count_for_nothing(tmp_path: Path) -> None:
    (tmp_path / "e").mkdir()
    few = few_clusters(tmp_path / "e", "e")
    alone, both = page(tmp_path, new(tmp_path)), page(tmp_path, new(tmp_path), few)
    for start, end in (("The median cost", "."), ("By its own reference", "adapting.")):
        sentence = re.compile(f"{start}.*?{end}")
        assert sentence.findall(alone) == sentence.findall(both) != []
    assert "In both cases" in alone and "In both cases" in both
    assert "keeps" not in both.partition("Decide case by case")[2].partition("Data set")[0]
    assert "adapting gains in 0 of 72 tests and may gain in 36." in both


def test_twelve_queries_are_the_reason_and_no_missing_control(tmp_path: Path) -> None:
    said = page(tmp_path, few_clusters(tmp_path, "d", n=12))
    lack = "Not known: d: 12 queries are scored, and 20 are needed."
    assert said.count(lack) == 3 and "trained once" not in said


@pytest.mark.slow
def test_each_missing_part_is_the_one_that_is_named(tmp_path: Path) -> None:
    once = page(tmp_path, new(tmp_path, make_scores("d")))
    assert once.count("the unadapted model was trained once") == 2
    assert "No retrieval was run" not in once and "Keep the original model:" not in once
    table = make_scores("d", control=True)
    table = table[table["adaption"].isin(["unadapted", "control"])]
    unadapted = page(tmp_path, replace(new(tmp_path, table), rates=None))
    assert "No adapted model was compared with the unadapted one" in unadapted
    assert "trained once" not in unadapted and "retraining ceiling is" not in unadapted
    assert "reveal of a person is not known: no attack was run, or" in unadapted
    assert "How private?" not in unadapted and "no attack was run" in unadapted
    # a single choice: there is nothing that it could be told from
    assert "What to use? No choice is known to keep" in unadapted
    assert "No test tells those named" not in unadapted


@pytest.mark.slow
@pytest.mark.parametrize("rows", [RANKED, (*RANKED, "knn", "linear"), None])
def test_scores_without_a_value_are_no_answer(tmp_path: Path, rows: tuple[str, ...] | None) -> None:
    table = make_scores("d", control=True)
    left = table.iloc[:0] if rows is None else table[~table["metric"].isin(rows)]
    given = new(tmp_path, left)
    if rows is not None:
        lost = table["metric"].isin(rows)
        numbers = table[["value", "low", "high", "se"]].where(~lost)
        table.assign(**numbers).to_csv(given.scores, index=False)
    said = page(tmp_path, given)
    assert "No retrieval was run, so there is no answer yet." in said
    assert "The best choice keeps" not in said and "What to use? " not in said
    assert said.count("cannot be told") == said.count("No retrieval was run.") == 3


def test_ties_have_no_best(tmp_path: Path) -> None:
    flat = make_scores("d", control=True).assign(value=0.4, low=0.38, high=0.42)
    said = page(tmp_path, new(tmp_path, flat))
    assert "What to use? d: Mask with unadapted, A, B, C. No test tells those named" in said
    # every method with every model, by every measure
    assert said.count("Pixelate with unadapted, A, B, C; Blur with unadapted, A, B, C; Mask") == 7


@pytest.mark.slow
def test_what_chance_does_as_well_is_said(tmp_path: Path) -> None:
    flat = make_scores("d").assign(value=0.1, low=0.08, high=0.12, chance=0.1, floor=0.09)
    said = page(tmp_path, new(tmp_path, flat))
    assert "Chance may do as well (d)." in said
    sharper = flat.assign(low=0.101)
    assert "Chance may do as well" not in page(tmp_path, new(tmp_path, sharper))


@pytest.mark.slow
@pytest.mark.parametrize("rate", [0.0, 1.0])
def test_attacks_that_find_nobody_or_everybody(tmp_path: Path, rate: float) -> None:
    given = new(tmp_path)
    low, high = (0.0, 0.04) if rate == 0 else (0.93, 1.0)
    found = {"rate": rate, "low": low, "high": high}
    one = {f"one_{name}": value for name, value in found.items()}
    changed(given.rates, read_rates, lambda table: table.assign(**found, **one))
    said = page(tmp_path, given)
    unknown = "No choice is known to keep re-identification at or below 10 %"
    assert f"What to use? {'Every choice fails the policy' if rate == 1 else unknown}" in said
    why = "not known: re-identification of face: attacks find no more than chance in originals"
    assert (why in said) == (rate == 0)
    assert ("none: no choice surely stays at or below 10 %" in said) == (rate == 1)
    assert ("at least 0.0 % of the sensitive regions" in said) is False


@pytest.mark.slow
def test_data_sets_differ_only_where_their_intervals_do(tmp_path: Path) -> None:
    (tmp_path / "e").mkdir()
    flat = make_scores("d", control=True).assign(value=0.4, low=0.38, high=0.42, floor=0.1)
    said = []
    for cost in (0.05, 0.15):
        other = section(tmp_path / "e", "e", flat.assign(dataset="e"), (100,))
        costs = make_effects(flat.assign(dataset="e"))
        costs[["value", "low", "high"]] += np.where(
            costs["effect"].isin(["anonymizing"]).to_numpy()[:, None], cost - 0.05, 0.0
        )
        assert other.effects is not None
        costs.to_csv(other.effects, index=False)
        said.append(page(tmp_path, new(tmp_path, flat), other))
    assert "measure your own data" not in said[0]
    assert re.search(
        r"keeps 85\.7 % \(80\.0 to 91\.4\) of the quality on d and 57\.1 % \(51\.4 to 62\.9\) on e",
        said[1],
    )
