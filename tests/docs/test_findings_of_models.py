"""Effects and accuracies beside the page of findings: which rows stand, and their table."""

from __future__ import annotations

import pandas as pd

from anonbench.evaluation import sample_sizes
from anonbench.evaluation.comparisons import effect_table
from anonbench.reporting.summary import SCORE_COLUMNS
from site_tools import load

FINDINGS = load("findings")


def effect(name: str, value: float, degree: int = 100, **other: object) -> dict[str, object]:
    row: dict[str, object] = dict.fromkeys(effect_table.COLUMNS, "")
    row |= {"dataset": "faces", "degree": degree, "method": "blur", "query": "original"}
    row |= {"metric": "map", "adaption": "A", "effect": name, "value": value, "spread": 0.004}
    return row | {"seeds": 3, "references": 5, "n": 200, "clusters": 90} | other


ADAPTING = effect("adapting", 0.05)
EFFECTS = [
    effect("bias", 0.2),
    ADAPTING,
    effect("adapting", 0.9, degree=50),
    effect("adapting", 0.9, metric="overlap"),
    effect("lead", 0.25),
    effect("anonymizing", 0.1, adaption="unadapted", verdict="better"),
    effect("retraining", 0.6, degree=0, method="original", adaption="unadapted"),
]
VARIANCES = [dict.fromkeys(sample_sizes.COLUMNS, 0.0) | ADAPTING | {"sd_seed": 0.003}]


def score(value: float, **other: object) -> dict[str, object]:
    row: dict[str, object] = dict.fromkeys(SCORE_COLUMNS, "")
    row |= {"dataset": "faces", "degree": 100, "method": "blur", "adaption": "A", "seed": 0}
    return row | {"metric": "knn", "value": value, "n": 200} | other


SCORES = [
    score(0.9, degree=0, method="original", adaption="unadapted"),
    score(0.7),
    score(0.8, seed=1),
    score(0.5, degree=50),
    score(0.4, metric="map"),
    score(0.3, metric="linear", adaption="pixels"),
]


def test_accuracies_are_means_over_trainings() -> None:
    found = FINDINGS.accuracies_of(pd.DataFrame(SCORES))
    rows = found.set_index(["method", "adaption", "metric"])
    assert rows["value"].round(9).to_dict() == {
        ("original", "unadapted", "knn"): 0.9,
        ("blur", "A", "knn"): 0.75,
        ("blur", "pixels", "linear"): 0.3,
    }
    assert rows["seeds"]["blur", "A", "knn"] == 2


def test_effects_at_the_highest_degree_with_their_spread_between_trainings() -> None:
    found = FINDINGS.effects_of(pd.DataFrame(EFFECTS), pd.DataFrame(VARIANCES))
    assert list(found["effect"]) == ["retraining", "anonymizing", "adapting", "lead", "bias"]
    of = found.set_index("effect")["sd_seed"]
    assert of["adapting"] == 0.003
    assert of.drop("adapting").isna().all()
