"""What the paper's printed numbers tell by the one decision rule."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from paper_numbers import cells
from scipy import stats

from anonbench.config import Correlation
from anonbench.core.numeric.clusters import clustered_mean
from anonbench.reporting.paper.bounds import LEADS, leads, queries, steps, widest
from anonbench.reporting.paper.correlations import COLUMNS, correlations
from anonbench.reporting.paper.published import published

MARGIN, CONFIDENCE = 0.03, 0.95


def test_queries_are_the_validation_images() -> None:
    # of DOKIQ, k = 750 is 5 % of 15,000 to 15,019
    assert [queries(role) for role in ("celeba", "rvl_cdip", "dokiq")] == [19792, 39972, 15000]


def test_the_widest_interval_by_hand() -> None:
    found = widest(60.0, 50.0, 100, CONFIDENCE)
    # 0.6 · 0.4 + 0.5 · 0.5 = 0.49, so that the standard error is 0.07
    assert found.se == pytest.approx(0.07, rel=1e-4)
    assert found.low == pytest.approx(0.1 - stats.t.ppf(0.975, 99) * 0.07, rel=1e-4)
    assert found.p_different() == pytest.approx(2 * stats.t.sf(0.1 / 0.07, 99), rel=1e-3)


@given(st.integers(0, 2**32 - 1), st.floats(0.05, 0.95), st.floats(0.0, 1.0))
def test_no_scores_that_agree_have_a_wider_interval(seed: int, easy: float, alike: float) -> None:
    """Whatever their distribution on [0, 1], if both systems find the same queries easy."""
    generator = np.random.default_rng(seed)
    shared, a, b = generator.random((3, 400))
    # between hits and misses, which vary most, and values that hardly vary
    first = (1 - alike) * (shared < easy) + alike * np.minimum(a, shared)
    second = (1 - alike) * (shared < easy**2) + alike * np.minimum(b, shared)
    actual = clustered_mean(first - second, np.arange(400), CONFIDENCE)
    bound = widest(100 * first.mean(), 100 * second.mean(), 400, CONFIDENCE)
    assert actual.se <= bound.se * np.sqrt(400 / 399)


def column(unadapted: float, a: float, b: float) -> pd.DataFrame:
    where = ("dokiq", 100, "blur")
    rows = (("unadapted", unadapted), ("A", a), ("B", b))
    retrieval = [(*where, name, "original", "map", value) for name, value in rows]
    return cells(*retrieval, (*where, "A", "", "knn", 99.0))


@pytest.mark.parametrize(
    ("unadapted", "verdict"),
    [(60.0, "better"), (52.0, "equivalent"), (53.5, "better"), (40.0, "worse")],
)
def test_a_lead_is_over_the_best_adapted_model(unadapted: float, verdict: str) -> None:
    found = leads(column(unadapted, 45.0, 50.0), 0.04, CONFIDENCE)
    assert list(found) == LEADS
    (row,) = found.to_dict("records")
    assert (row["rival"], row["lead"]) == ("B", pytest.approx(unadapted - 50.0))
    assert row["low"] < row["lead"] < row["high"]
    assert row["verdict"] == verdict
    (wider,) = leads(column(unadapted, 45.0, 50.0), 0.04, CONFIDENCE, 4.0).to_dict("records")
    assert wider["high"] - wider["low"] == pytest.approx(2 * (row["high"] - row["low"]), rel=0.01)


def test_a_step_is_after_less_before() -> None:
    rows = [("rvl_cdip", d, "blur", "A", "", "knn", v) for d, v in ((75, 50.0), (25, 60.0))]
    found = steps(cells(*rows, ("celeba", 100, "blur", "A", "", "knn", 9.0)), MARGIN, CONFIDENCE)
    (row,) = found.to_dict("records")
    assert (row["start"], row["end"], row["verdict"]) == (25, 75, "worse")
    assert row["change"] == pytest.approx(-10.0)


def test_what_the_papers_numbers_tell() -> None:
    """The counts that docs/explanation/paper.md states."""
    found = leads(published(), MARGIN, CONFIDENCE)
    assert found["verdict"].value_counts().to_dict() == {
        "better": 59,
        "equivalent": 9,
        "worse": 4,
    }
    assert set(found.loc[found["verdict"] == "worse", "role"]) == {"dokiq"}
    changes = steps(published(), MARGIN, CONFIDENCE)
    falls = changes[changes["query"] == "original"]["verdict"].value_counts()
    assert falls.to_dict() == {"worse": 68, "equivalent": 4}
    last = changes[(changes["metric"] == "knn") & (changes["start"] == 75)]
    rises = last[last["verdict"] == "better"]
    assert sorted(rises["method"]) == ["blur", "mask", "mask"]
    assert (last["verdict"] == "worse").sum() == 3


def test_steps_of_the_accuracies_that_go_the_other_way_are_within_the_margin() -> None:
    changes = steps(published(), MARGIN, CONFIDENCE)
    keys = ["method", "adaption", "start"]
    wide = changes[changes["query"] == ""].pivot(index=keys, columns="metric")
    knn, linear = (np.sign(wide["change"][name].round(6)) for name in ("knn", "linear"))
    other_way = wide["verdict"][knn != linear]
    assert len(other_way) == 5 and (other_way == "equivalent").all(axis=None)


def test_no_step_of_the_retrieval_metrics_goes_the_other_way() -> None:
    changes = steps(published(), MARGIN, CONFIDENCE)
    keys = ["method", "adaption", "start", "query"]
    wide = changes[changes["query"] != ""].pivot(index=keys, columns="metric", values="change")
    assert (np.sign(wide["map"]) == np.sign(wide["mndcg"])).all()


def test_coefficients_within_methods_of_the_papers_numbers() -> None:
    found = correlations(published(), Correlation())
    assert list(found) == COLUMNS and len(found) == 5 * 4 * 2
    celeba = found[found["role"] == "celeba"].set_index(["metric", "accuracy"])
    row = celeba.loc[("mndcg_anonymized", "knn")]
    assert row["over_rows"] == pytest.approx(0.949, abs=5e-4)
    assert (row["within"], row["low"], row["high"]) == pytest.approx((0.90, 0.62, 0.98), abs=5e-3)
    assert row["p_holm"] == pytest.approx(0.051, abs=2e-3)
    assert celeba.loc[("map_original", "knn"), "within"] == pytest.approx(0.30, abs=5e-3)
    best = found.loc[found.groupby(["role", "degree", "accuracy"])["within"].idxmax(), "metric"]
    assert set(best) == {"mndcg_anonymized"} and len(best) == 10


def test_without_accuracies_there_are_no_coefficients() -> None:
    dokiq = published().query("role == 'dokiq'")
    assert list(correlations(dokiq, Correlation())) == COLUMNS
    assert not len(correlations(dokiq, Correlation()))
