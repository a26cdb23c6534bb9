"""Effects of a data set by several references and seeds: of single queries, and their table."""

from collections.abc import Sequence
from itertools import product
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from anonbench.config.outputs import Scenario
from anonbench.core.errors import InputError
from anonbench.core.io import write_csv, write_parquet
from anonbench.core.numeric.clusters import clustered_mean
from anonbench.core.numeric.statistics import holm
from anonbench.core.vocabulary import Adaption, Model, Variant
from anonbench.evaluation.comparisons.effect_table import (
    COLUMNS,
    Effect,
    measure,
    read_by_reference,
    read_effects,
    share_of,
    tabulate,
)
from anonbench.evaluation.decision import Judging
from anonbench.evaluation.retrieval.scoring.metrics import PER_QUERY

IDS = [f"{number:02d}" for number in range(20)]
CLUSTERS = pd.Series(range(20), IDS)
BLUR = Variant("blur", 50)
MODELS = [Model(), Model(Adaption.A, BLUR), Model(Adaption.C, BLUR)]


def scenarios(seeds: Sequence[int] = (0,)) -> list[Scenario]:
    originals = [Scenario(Model(), seed, Variant()) for seed in seeds]
    return originals + [Scenario(model, seed, BLUR) for model in MODELS for seed in seeds]


def table(reference: int, scenario: str) -> pd.DataFrame:
    """Return scores of one scenario by one reference; 1 for a model by its own ranking."""
    model, seed, variant = scenario.split("/")
    kinds = ["original"] if variant == "original" else ["anonymized", "original"]
    index = pd.MultiIndex.from_product([kinds, IDS], names=["query", "id"])
    state = [reference, len(model), ord(model[0]), int(seed[4:]), len(variant)]
    values = np.random.default_rng(state).random((len(index), len(PER_QUERY)))
    if scenario == f"unadapted/seed{reference}/original":
        values[:] = 1.0
    return pd.DataFrame(values, index, columns=list(PER_QUERY.values()))


def of(reference: int, scenario: str, query: str = "original") -> np.ndarray:
    return table(reference, scenario).loc[query]["ap"].to_numpy()


def chosen(effects: Sequence[Effect], name: str, adaption: str, query: str) -> Effect:
    (found,) = (
        effect
        for effect in effects
        if (effect.name, effect.adaption.value, effect.query.value) == (name, adaption, query)
        and effect.metric == "map"
    )
    return found


def test_each_effect_is_measured_once_by_all_references_but_its_own() -> None:
    effects = list(measure(scenarios(), [0, 7], table))
    counts = pd.Series([effect.name for effect in effects]).value_counts().to_dict()
    metrics = len(PER_QUERY)
    # anonymizing by query kind; the others by kind and adaption
    expected = {"retraining": 1, "anonymizing": 2, "adapting": 4, "lead": 4, "bias": 4}
    assert counts == {name: count * metrics for name, count in expected.items()}
    assert {effect.pairs for effect in effects} == {((0, 7),)}
    effects = list(measure(scenarios([0, 1]), [0, 1, 7], table))
    found = chosen(effects, "adapting", "C", "anonymized")
    assert found.pairs == ((0, 1), (0, 7), (1, 0), (1, 7))
    for (seed, reference), values in zip(found.pairs, found.by_pair, strict=True):
        unadapted = of(reference, f"unadapted/seed{seed}/blur-50", "anonymized")
        adapted = of(reference, f"C-blur-50/seed{seed}/blur-50", "anonymized")
        np.testing.assert_array_equal(values, unadapted - adapted)
    lead = chosen(effects, "lead", "C", "anonymized")
    own = [
        of(seed, f"unadapted/seed{seed}/blur-50", "anonymized")
        - of(seed, f"C-blur-50/seed{seed}/blur-50", "anonymized")
        for seed in (0, 0, 1, 1)
    ]
    np.testing.assert_array_equal(lead.by_pair, own)


def test_a_row_by_hand() -> None:
    persons = pd.Series(np.arange(20) // 2, IDS)
    found = tabulate("demo", measure(scenarios(), [0, 7, 8], table), Judging(persons, 0.9, 0.03))
    rows = found[(found["metric"] == "map") & (found["effect"] == "adapting")]
    (row,) = rows[(rows["adaption"] == "A") & (rows["query"] == "original")].to_dict("records")
    costs = [
        of(reference, "unadapted/seed0/blur-50") - of(reference, "A-blur-50/seed0/blur-50")
        for reference in (7, 8)
    ]
    values = np.mean(costs, axis=0)
    ceiling = np.mean([of(reference, "unadapted/seed0/original") for reference in (7, 8)], axis=0)
    cost = clustered_mean(values, persons.to_numpy(), 0.9)
    shares = clustered_mean(share_of(values, ceiling), persons.to_numpy(), 0.9)
    expected = {"value": cost.value, "low": cost.low, "high": cost.high, "p": cost.p_different()}
    expected |= {"ceiling": ceiling.mean(), "share": values.mean() / ceiling.mean()}
    expected |= {"share_low": shares.low, "share_high": shares.high}
    assert {name: row[name] for name in expected} == pytest.approx(expected)
    means = [cost.mean() for cost in costs]
    assert row["spread"] == pytest.approx(abs(means[0] - means[1]) / np.sqrt(2))
    assert (row["dataset"], row["degree"], row["method"]) == ("demo", 50, "blur")
    assert (row["seeds"], row["references"], row["n"], row["clusters"]) == (1, 2, 20, 10)
    np.testing.assert_allclose(rows["p_holm"], holm(rows["p"].to_numpy()))


@pytest.mark.parametrize(
    ("cost", "verdict"), [(0.1, "worse"), (-0.1, "better"), (0.0, "equivalent")]
)
def test_a_loss_is_worse(cost: float, verdict: str) -> None:
    def scores(reference: int, scenario: str) -> pd.DataFrame:
        model, _, variant = scenario.split("/")
        found = table(0, f"unadapted/seed5/{variant}")
        return found - (cost if model != "unadapted" else 0.0) + 0.001 * table(1, scenario)

    found = tabulate("demo", measure(scenarios(), [0, 7], scores), Judging(CLUSTERS, 0.95, 0.03))
    adapting = found[found["effect"] == "adapting"]
    assert set(adapting["verdict"]) == {verdict}
    assert (adapting["p_equivalent"] < 0.05).all() == (verdict == "equivalent")


def test_undefined_scores_are_left_out_of_their_effects_and_missing_ones_refused() -> None:
    def scores(reference: int, scenario: str) -> pd.DataFrame:
        found = table(reference, scenario)
        if reference == 7:
            found.loc[(slice(None), IDS[3]), "ndcg"] = np.nan
        return found

    found = tabulate("demo", measure(scenarios(), [0, 7, 8], scores), Judging(CLUSTERS, 0.95, 0.03))
    n = found.groupby(["metric", "effect"])["n"].unique().map(list)
    assert n["mndcg", "adapting"] == n["mndcg", "bias"] == [len(IDS) - 1]
    assert n["mndcg", "lead"] == n["map", "adapting"] == [len(IDS)]
    assert found["value"].notna().all()

    def of_others(reference: int, scenario: str) -> pd.DataFrame:
        whole = table(reference, scenario)
        return whole.drop(index=IDS[0], level="id") if scenario.startswith("C-") else whole

    with pytest.raises(InputError, match="C-blur-50/seed0/blur-50, by the reference of seed 7"):
        list(measure(scenarios(), [0, 7], of_others))


def test_a_table_is_read_as_it_was_written(tmp_path: Path) -> None:
    nothing, found = (
        tabulate("demo", measure(scenarios(), seeds, table), Judging(CLUSTERS, 0.95, 0.03))
        for seeds in ([0], [0, 7])  # without a second reference, and with one
    )
    assert list(nothing) == COLUMNS and not len(nothing)
    write_csv(found, tmp_path / "effects.csv")
    again = read_effects(tmp_path / "effects.csv")
    pd.testing.assert_frame_equal(again, found, check_exact=True, check_dtype=False)


def test_scores_are_read_from_files(tmp_path: Path) -> None:
    names = [scenario.path for scenario in scenarios()]
    own = [tmp_path / f"own{number}.parquet" for number in range(len(names))]
    for name, path in zip(names, own, strict=True):
        write_parquet(table(0, name).reset_index().sample(frac=1, random_state=0), path)
    second = [tmp_path / "7.parquet", tmp_path / "8.parquet"]
    for seed, path in zip((7, 8), second, strict=True):
        rows = [table(seed, name).reset_index().assign(scenario=name) for name in names]
        write_parquet(pd.concat(rows), path)
    read = read_by_reference(scenarios(), [0, 7, 8], own, second)
    for reference, name in product((0, 7, 8), names):
        pd.testing.assert_frame_equal(read(reference, name), table(reference, name).sort_index())


def test_both_identities_are_exact_for_every_query() -> None:
    def scores(reference: int, scenario: str) -> pd.DataFrame:
        # multiples of 1/1024: sums and differences of a few are exact in floating point
        return (table(reference, scenario) * 1024).round() / 1024

    effects = list(measure(scenarios(), [0, 7], scores))
    originals = scores(7, "unadapted/seed0/original").loc["original"]["ap"].to_numpy()
    retraining = chosen(effects, "retraining", "unadapted", "original").values
    np.testing.assert_array_equal(retraining, 1.0 - originals)
    for adaption, query in product("AC", ("original", "anonymized")):
        adapted = scores(7, f"{adaption}-blur-50/seed0/blur-50").loc[query]["ap"].to_numpy()
        anonymizing = chosen(effects, "anonymizing", "unadapted", query).values
        adapting, lead, bias = (
            chosen(effects, name, adaption, query).values for name in ("adapting", "lead", "bias")
        )
        np.testing.assert_array_equal(1.0 - adapted, retraining + anonymizing + adapting)
        np.testing.assert_array_equal(lead, adapting + bias)


def test_shares_linearize_the_ratio_of_means_and_of_nothing_are_undefined() -> None:
    # 4/15 of a mean ceiling of 3/4, less and more a residual of 1/30 of it
    found = share_of(np.array([0.1, 0.3]), np.array([0.5, 1.0]))
    assert found == pytest.approx([4 / 15 - 2 / 45, 4 / 15 + 2 / 45])
    assert np.isnan(share_of(np.array([0.1, 0.2]), np.array([0.0, 0.0]))).all()
    assert np.isnan(share_of(np.array([np.nan]), np.array([0.5]))).all()
    found = share_of(np.array([0.1, np.nan, 0.3]), np.array([0.5, 0.5, np.nan]))
    assert found[0] == pytest.approx(0.2) and np.isnan(found[1:]).all()
