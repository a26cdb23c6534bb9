"""Simulated archives: what tables say of them is what is true of them, in 93 of 100 at least."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from anonbench.config.outputs import Scenario
from anonbench.core.vocabulary import Adaption, Model, Variant
from anonbench.evaluation.comparisons.best import compare, compare_methods
from anonbench.evaluation.comparisons.columns import columns_of
from anonbench.evaluation.comparisons.effect_table import measure, read_by_reference, tabulate
from anonbench.evaluation.decision import Judging
from anonbench.evaluation.scores import collect
from simulated_archives import CONTROL_SEED, METRICS, NAME, TRAINED, Archive, Truth, write_archive

pytestmark = pytest.mark.slow

CONFIDENCE, MARGIN = 0.95, 0.03
ARCHIVES = 8
"""So many make 48 repetitions, because metrics are drawn independently."""
SEVERAL = Truth(
    adapting={Adaption.A: 0.0, Adaption.B: 0.02, Adaption.C: 0.0},
    lost={"pixelate": 0.05, "blur": 0.05, "mask": 0.15},
)

"""Two methods tie, and so do two adaptions; a third one costs two points more."""
KEYS = ["archive", "metric"]


def effects_of(archive: Archive, margin: float = MARGIN) -> pd.DataFrame:
    references = (TRAINED, CONTROL_SEED)
    scores = read_by_reference(archive.trained, references, archive.own, [archive.second])
    effects = measure(archive.trained, references, scores)
    found = tabulate(NAME, effects, Judging(archive.clusters, CONFIDENCE, margin))
    return found[found["metric"].isin(METRICS)]


def test_an_archive_is_what_its_truth_says(tmp_path: Path) -> None:
    truth = Truth({Adaption.A: 0.02, Adaption.B: -0.01}, {"blur": 0.05}, photographs=50)
    found = effects_of(write_archive(truth, tmp_path, np.random.default_rng(0)))
    means = found.groupby(["effect", "adaption"])["value"].mean()
    assert means["adapting", "A"] == pytest.approx(0.02, abs=0.003)
    assert means["adapting", "B"] == pytest.approx(-0.01, abs=0.003)
    assert means["lead", "A"] == pytest.approx(0.15 + 0.02, abs=0.003)
    assert means["bias", "A"] == pytest.approx(0.15, abs=0.003)
    assert means["anonymizing", "unadapted"] == pytest.approx(0.05, abs=0.02)
    assert means["retraining", "unadapted"] == pytest.approx(0.5, abs=0.02)


@pytest.fixture(scope="module")
def tested(tmp_path_factory: pytest.TempPathFactory) -> dict[str, pd.DataFrame]:
    """Tests of models and of methods, by persons and as if every image were one, of `SEVERAL`."""
    folder, generator = tmp_path_factory.mktemp("archives"), np.random.default_rng(0)
    found: dict[str, list[pd.DataFrame]] = {"models": [], "methods": [], "naive": [], "hits": []}
    for number in range(ARCHIVES):
        archive = write_archive(SEVERAL, folder, generator)
        given = list(columns_of(archive.scenarios, TRAINED, [CONTROL_SEED]))
        drawn = [column for column in given if column.metric in METRICS]
        alone = pd.Series(range(len(archive.clusters)), archive.clusters.index)
        shared = (CONFIDENCE, MARGIN)
        for name, table in {
            "models": compare(NAME, drawn, Judging(archive.clusters, CONFIDENCE, 0.01)),
            "methods": compare_methods(NAME, drawn, Judging(archive.clusters, *shared)),
            "naive": compare(NAME, drawn[:: len(METRICS)], Judging(alone, *shared)),
            "hits": compare(NAME, [c for c in given if c.hits], Judging(archive.clusters, *shared)),
        }.items():
            found[name].append(table.assign(archive=number))
    return {name: pd.concat(tables, ignore_index=True) for name, tables in found.items()}


def of_pair(table: pd.DataFrame, a: str, b: str) -> pd.DataFrame:
    return table[(table["a"] == a) & (table["b"] == b)]


def share_of_repetitions(table: pd.DataFrame, told: pd.Series) -> float:
    """Return in which share of the repetitions something is told in each of a table's rows."""
    return float(told.groupby([table[key] for key in KEYS]).all().mean())


def test_a_tie_between_methods_is_told(tested: dict[str, pd.DataFrame]) -> None:
    methods = tested["methods"]
    tie = of_pair(methods, "pixelate", "blur")
    assert share_of_repetitions(tie, tie["verdict"] == "equivalent") >= 0.93
    # exact tests: 5 of 100 families, and the two other differences cost nothing once they are told
    assert (tie["p_holm"] <= 0.05).mean() == pytest.approx(0.05, abs=0.02)
    for better in ("pixelate", "blur"):
        pair = of_pair(methods, better, "mask")
        assert share_of_repetitions(pair, pair["verdict"] == "better") >= 0.93


def test_a_tie_of_models_and_two_points_between_models_are_told(
    tested: dict[str, pd.DataFrame],
) -> None:
    models = tested["models"]
    tie, worse, better = (of_pair(models, *pair) for pair in ("AC", "BC", "AB"))
    assert (~tie["verdict"].isin(["worse", "better", "not known"])).mean() > 0.93
    assert (tie["p_holm"] > 0.05).mean() == pytest.approx(0.95, abs=0.03)
    assert share_of_repetitions(worse, worse["verdict"] == "worse") >= 0.93
    assert share_of_repetitions(better, better["verdict"] == "better") >= 0.93
    within = (better["low"] <= 0.02) & (better["high"] >= 0.02)
    assert within.mean() == pytest.approx(0.95, abs=0.02)


def test_tests_that_take_photographs_of_a_person_as_independent_are_wrong(
    tested: dict[str, pd.DataFrame],
) -> None:
    naive = of_pair(tested["naive"], "A", "C")
    assert (naive["p"] <= 0.05).mean() > 0.25
    assert ((naive["low"] <= 0.0) & (naive["high"] >= 0.0)).mean() < 0.75


def test_equal_accuracies_are_told_apart_nowhere(tested: dict[str, pd.DataFrame]) -> None:
    hits = tested["hits"]
    assert len(hits) == ARCHIVES * 2 * 3 * 6 and set(hits["metric"]) == {"knn", "linear"}
    families = hits.groupby(["archive", "method", "metric"])["p_holm"].min()
    assert (families <= 0.05).mean() <= 0.07
    assert ((hits["low"] <= 0.0) & (hits["high"] >= 0.0)).mean() >= 0.93


@pytest.fixture(scope="module")
def costs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, pd.DataFrame]:
    """Effects of archives where adapting costs nothing, and where it costs two points."""
    truth = Truth({Adaption.A: 0.0, Adaption.B: 0.02}, {"blur": 0.05, "mask": 0.15})
    folder, generator = tmp_path_factory.mktemp("archives"), np.random.default_rng(2)
    found: dict[str, list[pd.DataFrame]] = {"nothing": [], "two points": []}
    for number in range(ARCHIVES):
        archive = write_archive(truth, folder, generator)
        nothing, two = (
            effects_of(archive.only(Adaption.A)),
            effects_of(archive.only(Adaption.B), 0.01),
        )
        found["nothing"].append(nothing.assign(archive=number))
        found["two points"].append(two.assign(archive=number))
    return {name: pd.concat(tables, ignore_index=True) for name, tables in found.items()}


def of_effect(table: pd.DataFrame, effect: str) -> pd.DataFrame:
    return table[table["effect"] == effect]


def test_no_cost_of_adapting_is_told_in_spite_of_the_bias(costs: dict[str, pd.DataFrame]) -> None:
    adapting = of_effect(costs["nothing"], "adapting")
    assert share_of_repetitions(adapting, adapting["verdict"] == "equivalent") >= 0.93
    assert share_of_repetitions(adapting, adapting["p_holm"] > 0.05) >= 0.93
    lead = of_effect(costs["nothing"], "lead")
    assert share_of_repetitions(lead, lead["verdict"] == "worse") >= 0.93


def test_a_cost_of_two_points_is_told(costs: dict[str, pd.DataFrame]) -> None:
    adapting = of_effect(costs["two points"], "adapting")
    assert share_of_repetitions(adapting, adapting["verdict"] == "worse") >= 0.93
    covered = (adapting["low"] <= 0.02) & (adapting["high"] >= 0.02)
    assert covered.mean() == pytest.approx(0.95, abs=0.03)


@pytest.mark.parametrize(("effect", "truth"), [("bias", 0.15), ("retraining", 0.5)])
def test_intervals_of_the_other_effects_cover_the_truth(
    costs: dict[str, pd.DataFrame], effect: str, truth: float
) -> None:
    table = of_effect(costs["nothing"], effect)
    covered = (table["low"] <= truth) & (truth <= table["high"])
    # an archive has few of them, and retraining one for each metric
    assert covered.mean() == pytest.approx(0.95, abs=0.03 if effect == "bias" else 0.06)


@pytest.fixture(scope="module")
def intervals(tmp_path_factory: pytest.TempPathFactory) -> dict[str, pd.DataFrame]:
    """Scores of archives whose scenarios share nothing, by persons and as if images were."""
    costs = {Adaption.A: 0.0, Adaption.C: 0.02}
    truth = Truth(costs, {"blur": 0.05, "mask": 0.15}, difficulty=0.0, difference=0.1)
    folder, generator = tmp_path_factory.mktemp("archives"), np.random.default_rng(1)
    found: dict[str, list[pd.DataFrame]] = {"clustered": [], "naive": []}
    for number in range(ARCHIVES):
        archive = write_archive(truth, folder, generator)
        alone = pd.Series(range(len(archive.clusters)), archive.clusters.index)
        several = {"clustered": archive.clusters} | ({"naive": alone} if number < 2 else {})
        for name, clusters in several.items():
            given = (NAME, archive.scenarios, clusters, TRAINED, [CONTROL_SEED], CONFIDENCE)
            found[name].append(collect(*given))
    tables = {name: pd.concat(parts, ignore_index=True) for name, parts in found.items()}
    return {name: table.assign(truth=_truths(truth, table)) for name, table in tables.items()}


def _truths(truth: Truth, scores: pd.DataFrame) -> list[float]:
    """Return the true value behind each of a table's rows; NaN where there is none."""
    found = []
    for row in scores.to_dict("records"):
        plain = row["adaption"] == "control"
        variant = Variant(row["method"], 100) if row["degree"] else Variant()
        adapted = row["adaption"] not in ("unadapted", "control")
        model = Model(Adaption(row["adaption"]), variant) if adapted else Model()
        scenario = Scenario(model, CONTROL_SEED if plain else TRAINED, variant)
        level = truth.level(scenario, TRAINED)
        known = {"knn": truth.accuracy, "linear": truth.accuracy}
        drawn = level if row["metric"] in METRICS and level < 1.0 else np.nan
        found.append(known.get(row["metric"], drawn))
    return found


def test_intervals_of_scores_cover_the_truth_in_95_of_100(
    intervals: dict[str, pd.DataFrame],
) -> None:
    for metrics, tolerance in ((METRICS, 0.02), (["knn", "linear"], 0.03)):
        covered = {}
        for name, table in intervals.items():
            known = table[table["metric"].isin(metrics) & table["truth"].notna()]
            covered[name] = (known["low"] <= known["truth"]) & (known["truth"] <= known["high"])
        assert covered["clustered"].mean() == pytest.approx(0.95, abs=tolerance)
        assert covered["naive"].mean() < 0.78
    # the standard error of a share of 0.95 among so many is 0.009
    assert (intervals["clustered"]["metric"].isin(METRICS)).sum() > 600
