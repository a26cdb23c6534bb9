from __future__ import annotations

import pandas as pd
import pytest
from synthetic_results import make_scores

from anonbench.presentation.report.advice import Option, advise, constraints, options
from anonbench.presentation.report.risk import risks
from anonbench.presentation.summary import summarize
from synthetic_rates import make_rates


def scores(dataset: str, degrees: tuple[int, ...] = (50, 100)) -> pd.DataFrame:
    table = make_scores(dataset, degrees, control=True)
    table.loc[table["adaption"] == "control", "value"] = 1.0
    return table


@pytest.fixture
def given() -> list[Option]:
    return options({"a": summarize(scores("a")), "b": summarize(scores("b", (25,)))})


@pytest.mark.parametrize("degree", [25, 50, 100])
def test_the_best_that_meets_the_constraint_is_chosen(given: list[Option], degree: int) -> None:
    table = scores("a")
    table = table[(table["metric"] == "map") & (table["adaption"] != "control")]
    for query in ("original", "anonymized"):
        meeting = table[(table["query"] == query) & (table["degree"] >= degree)]
        best = meeting.loc[meeting["value"].idxmax()]
        chosen = next(o for d, q, o in advise(given, degree) if (d, q) == ("a", query))
        assert chosen is not None
        assert (chosen.method, chosen.degree, chosen.adaption) == (
            best["method"],
            best["degree"],
            best["adaption"],
        )
        assert chosen.kept == f"{100 * best['value']:.1f} %"
        assert float(chosen.loss) == pytest.approx(100 - 100 * best["value"], abs=0.051)


def test_a_data_set_without_the_degree_gives_its_highest(given: list[Option]) -> None:
    rows = {(dataset, query): option for dataset, query, option in advise(given, 100)}
    assert len(rows) == 4
    assert rows["b", "original"] is not None and rows["b", "original"].degree == 25
    assert rows["a", "original"] is not None and rows["a", "original"].degree == 100


def test_the_control_is_no_choice_and_order_is_by_map(given: list[Option]) -> None:
    assert "control" not in {option.adaption for option in given}
    own = [o for o in given if (o.dataset, o.query) == ("a", "original")]
    kept = [float(o.kept.removesuffix(" %")) for o in own]
    assert kept == sorted(kept, reverse=True) and len(own) == 24


def test_what_can_be_asked_for(given: list[Option]) -> None:
    asked = constraints(given)
    assert [key for key, _ in asked["degree"]] == ["100", "50", "25"]
    assert [key for key, _ in asked["method"]] == ["", "pixelate", "blur", "mask"]
    assert [key for key, _ in asked["adaption"]] == ["", "unadapted"]
    assert options({}) == [] and advise([], 100) == []


def test_equal_map_prefers_what_hides_more() -> None:
    flat = make_scores("a", (50, 100)).assign(value=0.5, low=0.4, high=0.6)
    best = advise(options({"a": summarize(flat)}), 25)[0][2]
    assert best is not None and best.degree == 100


def test_every_choice_has_its_variants_risk() -> None:
    summaries = {"a": summarize(scores("a"))}
    found = options(summaries, risks({"a": make_rates("a", (50, 100))}))
    of = {(option.method, option.degree): option for option in found}
    assert of["blur", 100].risk == "45.0 %" and of["blur", 100].risk_rate == 45
    assert of["blur", 100].risk_interval == "41.0 to 49.0"
    assert of["blur", 100].risk_note == "chance 1 among 200"
    assert constraints(found)["risk"] == [
        ("", "any"),
        *((str(limit), f"at most {limit} %") for limit in (1, 2, 5, 10, 25, 50)),
    ]
    partly = options(summaries, risks({"a": make_rates("a", (100,))}))
    missing = next(option for option in partly if option.degree == 50)
    assert (missing.risk, missing.risk_note, missing.risk_rate) == ("not run", "", None)
    assert constraints(options(summaries))["risk"] == [("", "any")]
