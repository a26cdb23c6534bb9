"""What the report says of costs and retrieval bias, by hand."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pandas as pd
import pytest

from anonbench.config.outputs import Scenario
from anonbench.core.vocabulary import Adaption, Model, Variant
from anonbench.evaluation.comparisons.effect_table import COLUMNS, measure, tabulate
from anonbench.evaluation.retrieval.scoring.metrics import PER_QUERY
from anonbench.reporting.html.choices.effects import (
    NO_SECOND,
    ceilings,
    effect_points,
    effect_rows,
    tally,
)

NAN = math.nan


def table(costs: dict[str, tuple[float, str]], anonymizing: float = 0.05) -> pd.DataFrame:
    """Return a data set's effects on mAP: of adapted models (cost, verdict); the lead is 0.2."""
    key = ("degree", "method", "query", "metric")
    origin: dict[str, Any] = dict(zip(key, (0, "original", "original", "map"), strict=True))
    variant: dict[str, Any] = dict(zip(key, (100, "blur", "original", "map"), strict=True))
    whole: dict[str, Any] = dict.fromkeys(COLUMNS, NAN) | {"ceiling": 0.4, "n": 240}
    whole |= {"seeds": 1, "references": 1, "dataset": "demo", "verdict": "worse"}
    share = {"share": anonymizing / 0.4, "share_low": 0.1, "share_high": 0.15}
    rows = [
        origin | {"adaption": "unadapted", "effect": "retraining", "value": 0.6},
        variant | {"adaption": "unadapted", "effect": "anonymizing", "value": anonymizing} | share,
    ]
    for adaption, (cost, verdict) in costs.items():
        of = variant | {"adaption": adaption}
        share = {
            "share": cost / 0.4,
            "share_low": cost / 0.4 - 0.01,
            "share_high": cost / 0.4 + 0.01,
        }
        rows.append(of | {"effect": "adapting", "value": cost, "verdict": verdict} | share)
        rows.append(of | {"effect": "lead", "value": 0.2})
        rows.append(of | {"effect": "bias", "value": 0.2 - cost})
    found = pd.DataFrame([whole | row for row in rows])
    return found.assign(low=found["value"] - 0.01, high=found["value"] + 0.01)


DEMO = table({"A": (0.02, "worse"), "B": (-0.03, "better"), "C": (0.01, "undecided")})


def test_each_cause_is_told_by_hand() -> None:
    other = table({"A": (-0.01, "undecided")}, anonymizing=0.1)
    adapting, bias, ceiling = effect_points({"demo": DEMO, "other": other})
    # medians of 5, -7.5 and 2.5 %, and of -2.5 %
    assert "is −2.5 to 2.5 % of the retraining ceiling" in adapting
    # the mean of 2, -3, 1 and -1 points is -0.25, and of 18, 23, 19 and 21 points 20.25
    assert "leads by 20.0 points of mAP on average: 20.2 are retrieval bias" in bias
    assert bias.endswith("−0.2 the cost of adapting.")
    assert "keeps 40.0 % mAP" in ceiling
    assert ceilings({"demo": DEMO}) == {("demo", "map"): 40.0}


def test_verdicts_are_counted_and_signs_are_not() -> None:
    found = tally({"demo": DEMO}, "adapting")
    assert (found.worse, found.better, found.open) == (1, 1, 1)
    assert tally({"demo": DEMO.assign(verdict="undecided")}, "adapting").open == 3


def test_without_a_second_reference_nothing_is_told() -> None:
    empty = pd.DataFrame(columns=COLUMNS)
    assert list(effect_points({"demo": empty})) == [NO_SECOND]
    assert list(effect_points({})) == [NO_SECOND]
    assert effect_rows({"demo": empty}) == [] and ceilings({"demo": empty}) == {}


def test_without_adapted_models_nothing_is_said_of_adapting() -> None:
    text = " ".join(effect_points({"demo": table({})}))
    assert "retraining ceiling" in text and "dapting" not in text and "bias" not in text


def test_a_row_by_hand() -> None:
    first, second, _ = effect_rows({"demo": DEMO})
    assert (first.dataset, first.degree, first.method) == ("demo", 100, "Blur")
    assert (first.model, first.query, first.metric) == ("adaption\u00a0A", "original", "mAP")
    assert (first.adapting, first.verdict) == ("+2.0 (+1.0 to +3.0)", "worse")
    assert first.share == "+5.0 % (+4.0 to +6.0)"
    assert first.anonymizing == "+5.0 (+4.0 to +6.0)"
    assert (first.lead, first.bias) == ("+20.0", "+18.0")
    assert second.adapting == "−3.0 (−4.0 to −2.0)" and second.bias == "+23.0"


def test_an_undefined_share_and_interval_are_left_out() -> None:
    given = DEMO.copy()
    given.loc[given["adaption"] == "A", ["low", "high", "share", "share_low", "share_high"]] = NAN
    first = effect_rows({"demo": given})[0]
    assert (first.adapting, first.share) == ("+2.0", "–")


BLUR = Variant("blur", 100)
ADAPTED = [Model(adaption, BLUR) for adaption in (Adaption.A, Adaption.B, Adaption.C)]
RUNS = [Scenario(Model(), 0, Variant())] + [Scenario(m, 0, BLUR) for m in (Model(), *ADAPTED)]
QUERIES = 1500
KINDS = {"original": ["original"], "blur-100": ["anonymized", "original"]}
"""Query kinds by variant."""
INDEX = {
    variant: pd.MultiIndex.from_product([kinds, range(QUERIES)], names=["query", "id"])
    for variant, kinds in KINDS.items()
}


def simulated(cost: float, generator: np.random.Generator) -> pd.DataFrame:
    """Return the effects of an archive whose adapted models lose so much; the bias is 20 points.

    Differences of two models vary by 15 points from query to query.
    """
    hard = generator.normal(0.45, 0.2, QUERIES)

    def scores(reference: int, scenario: str) -> pd.DataFrame:
        adapted, own = not scenario.startswith("unadapted"), reference == 0
        level = (0.4 if own else 0.0) - adapted * (cost + (0.2 if own else 0.0))
        index = INDEX[scenario.rpartition("/")[2]]
        noise = 0.15 / np.sqrt(2) * generator.standard_normal((len(index) // QUERIES, QUERIES))
        values = np.ravel(hard + level + noise)
        return pd.DataFrame(dict.fromkeys(PER_QUERY.values(), values), index)

    chosen = (effect for effect in measure(RUNS, [0, 1], scores) if effect.metric == "map")
    return tabulate("demo", chosen, pd.Series(range(QUERIES)), 0.95, 0.03)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("cost", "said"),
    [
        (0.0, "is equivalent in 6 of 6 comparisons"),
        (0.05, "loses in 6 of 6 comparisons"),
        (-0.05, "gains in 6 of 6 comparisons"),
    ],
)
def test_simulated_archives_are_told_as_they_are(cost: float, said: str) -> None:
    """In 93 of 100 repetitions at least, in spite of a bias of 20 points; the margin is 3."""
    generator = np.random.default_rng(0)
    tables = [simulated(cost, generator) for _ in range(100)]
    told = [tally({"demo": table}, "adapting").said() for table in tables]
    assert sum(said == text for text in told) >= 93
    biases = [table.loc[table["effect"] == "bias", "value"].mean() for table in tables]
    assert np.mean(biases) == pytest.approx(0.2, abs=0.002)
