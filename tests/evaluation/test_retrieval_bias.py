"""What is concluded from paired tests, by hand."""

from __future__ import annotations

import pandas as pd
import pytest

from anonbench.evaluation.pairwise import COLUMNS
from anonbench.evaluation.retrieval_bias import Difference, conclude


def column(
    means: dict[str, float],
    width: float = 0.01,
    degree: int = 100,
    method: str = "blur",
    query: str = "original",
    metric: str = "map",
) -> pd.DataFrame:
    """Return the tests of rows with these means; every interval is ± width."""
    names = list(means)
    rows = []
    for i, a in enumerate(names):
        for b in names[i + 1 :]:
            difference = means[a] - means[b]
            ends = difference - width, difference + width
            p = 0.5 if abs(difference) < width else 0.001
            rows.append(
                ("demo", degree, method, query, metric, a, b, difference, *ends, p, p, 240, 40)
            )
    return pd.DataFrame(rows, columns=COLUMNS)


MEANS = {"unadapted": 0.9, "control": 0.7, "A": 0.65, "B": 0.8, "C": 0.895}


def test_costs_and_share_by_hand() -> None:
    found = conclude(column(MEANS))
    (again,) = found.retraining
    assert (again.degree, again.method, again.query, again.metric) == (
        *(100, "blur"),
        *("original", "map"),
    )
    assert again.cost.value == pytest.approx(-0.2)
    assert (again.cost.low, again.cost.high) == (pytest.approx(-0.21), pytest.approx(-0.19))
    a, b, c = found.adapting
    assert [entry.adaption for entry in found.adapting] == ["A", "B", "C"]
    assert a.cost.value == pytest.approx(-0.05) and a.shown.value == pytest.approx(-0.25)
    assert a.bias_share == pytest.approx(0.2 / 0.25)
    assert b.cost.value == pytest.approx(0.1) and b.bias_share == pytest.approx(2.0)
    assert a.cost.clear and b.cost.clear
    assert c.bias_share is None and not c.shown.clear  # 0.5 points, ± 1
    assert c.shown.p == 0.5
    assert found.retrained_on_originals("map") is None


def test_parts_add_up_to_what_is_shown() -> None:
    found = conclude(column(MEANS))
    for entry in found.adapting:
        total = found.retraining[0].cost.value + entry.cost.value
        assert entry.shown.value == pytest.approx(total)


def test_there_is_no_share_where_the_adapted_model_leads() -> None:
    found = conclude(column({"unadapted": 0.5, "control": 0.45, "A": 0.6}))
    assert found.adapting[0].shown.clear and found.adapting[0].bias_share is None


def test_accuracies_have_no_retrieval_bias() -> None:
    found = conclude(column(MEANS, query="", metric="knn"))
    assert found.retraining[0].cost.value == pytest.approx(-0.2)
    assert all(entry.bias_share is None for entry in found.adapting)


def test_originals_have_no_adapted_model() -> None:
    originals = column({"unadapted": 1.0, "control": 0.8}, degree=0, method="original")
    labels = column({"unadapted": 0.7, "control": 0.75}, 0.1, 0, "original", "", "knn")
    found = conclude(pd.concat([originals, labels, column(MEANS)]))
    assert len(found.retraining) == 3 and len(found.adapting) == 3
    cost = found.retrained_on_originals("map")
    assert cost is not None and cost.value == pytest.approx(-0.2)
    accuracy = found.retrained_on_originals("knn", "")
    assert accuracy is not None and not accuracy.clear


def test_without_a_control_nothing_is_concluded() -> None:
    found = conclude(column({"unadapted": 0.9, "A": 0.5}))
    assert found.retraining == () and found.adapting == ()
    assert conclude(pd.DataFrame(columns=COLUMNS)).retraining == ()


def test_a_difference_turned_round() -> None:
    there = Difference(0.1, 0.05, 0.2, 0.01, 9)
    assert -there == Difference(-0.1, -0.2, -0.05, 0.01, 9)
    assert there.clear and (-there).clear
    nan = float("nan")
    assert not Difference(0.1, nan, nan, nan, 1).clear
