"""The privacy-utility front: which choices are on it, and that the figure shows them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from matplotlib.figure import Figure
from synthetic_results import make_scores, outputs

from anonbench.evaluation.privacy.rates import worst
from anonbench.reporting.figures.trends import choices, front, undominated
from anonbench.reporting.labels import METHODS, method_colour
from synthetic_rates import make_rates

SCORES, RATES = make_scores("documents"), make_rates("documents")


def test_the_front_is_what_nothing_beats() -> None:
    cost = np.array([1.0, 2.0, 3.0, 3.0, 2.0, 0.5])
    gain = np.array([1.0, 3.0, 2.0, 4.0, 3.0, 0.2])
    assert undominated(cost, gain).tolist() == [True, True, False, True, True, True]


def test_each_choice_has_its_variants_rate_and_the_control_has_none() -> None:
    scores = make_scores("documents", (50, 100), control=True)
    points = choices(worst(make_rates("documents", (50, 100))), scores, "map")
    assert len(points) == 2 * 2 * 3 * 4  # query kinds, degrees, methods, models
    rates = points.groupby(["method", "degree"])["rate"].unique()
    assert rates.map(len).eq(1).all()
    assert rates["blur", 100][0] == pytest.approx(0.45)
    assert rates["blur", 50][0] == pytest.approx(0.675)
    for _, group in points.groupby("query"):
        least = group[group["rate"] == group["rate"].min()]
        assert least.loc[least["value"].idxmax(), "best"]
        assert group.loc[group["value"].idxmax(), "best"]


@pytest.mark.parametrize("degrees", [(100,), (25, 50, 100)])
def test_variant_is_named_in_its_colour(degrees: tuple[int, ...], drawn: list[Figure]) -> None:
    front(make_rates("documents", degrees), make_scores("documents", degrees), "", "map", [])
    labels = [f"{degree} %" for degree in degrees[:-1]]
    highest = " 100 %" if len(degrees) > 1 else ""
    for axes in drawn[0].axes:
        for method in ("pixelate", "blur", "mask"):
            own = [t.get_text() for t in axes.texts if t.get_color() == method_colour(method)]
            assert sorted(own) == sorted([*labels, f"{METHODS[method]}{highest}"])


def test_what_is_beaten_is_hollow_in_the_same_colour(drawn: list[Figure]) -> None:
    front(RATES, SCORES, "documents", "map", [])
    points = choices(worst(RATES), SCORES, "map")
    marks = {
        (line.get_color(), round(line.get_ydata()[0], 6)): line.get_markerfacecolor()
        for line in drawn[0].axes[0].lines
        if len(line.get_ydata()) == 1
    }
    for row in points[points["query"] == "original"].to_dict("records"):
        colour = method_colour(row["method"])
        assert marks[colour, round(100 * row["value"], 6)] == (colour if row["best"] else "white")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("rates", "k"), [({"clusters": 19}, 12), ({"high": 1.0, "low": 0.0}, 12), ({}, 4)]
)
def test_nothing_is_drawn_on_too_little(tmp_path: Path, rates: dict[str, float], k: int) -> None:
    """The same picture as without an attack: it says that nothing is known."""
    empty, few = outputs(tmp_path, "empty")[:1], outputs(tmp_path, "few")[:1]
    front(RATES.iloc[:0], SCORES, "documents", "map", empty)
    front(RATES.assign(**rates), SCORES.assign(k=k), "documents", "map", few)
    assert few[0].read_bytes() == empty[0].read_bytes()
    if k == 4:
        front(RATES, SCORES, "documents", "map", few)
        assert few[0].read_bytes() != empty[0].read_bytes()
