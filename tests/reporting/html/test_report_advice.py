from __future__ import annotations

from dataclasses import replace

import pandas as pd
import pytest
from synthetic_results import make_best, make_effects, make_scores, with_baselines

from anonbench.reporting.html.choices.advice import (
    NOT_ATTACKED,
    Option,
    advise,
    constraints,
    options,
)
from anonbench.reporting.html.choices.best import Best, best_choices
from anonbench.reporting.html.choices.headline import (
    NO_CHOICE,
    NOTHING_RUN,
    Line,
    first_screen,
)
from anonbench.reporting.html.choices.kept import kept, pixels_kept
from anonbench.reporting.html.choices.risk import risks
from anonbench.reporting.html.verdicts import Tally
from anonbench.reporting.summary import summarize
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
        rows = advise(given, degree, None)
        chosen = next(row.best for row in rows if (row.dataset, row.query) == ("a", query))
        assert chosen is not None
        assert (chosen.method, chosen.degree, chosen.adaption) == (
            best["method"],
            best["degree"],
            best["adaption"],
        )
        # without a second reference, what is kept is mAP itself
        assert chosen.kept == f"{100 * best['value']:.1f} %"
        assert float(chosen.own) == pytest.approx(100 * best["value"], abs=0.051)


def test_a_data_set_without_the_degree_gives_its_highest(given: list[Option]) -> None:
    rows = {(row.dataset, row.query): row.best for row in advise(given, 100, None)}
    assert len(rows) == 4
    assert rows["b", "original"] is not None and rows["b", "original"].degree == 25
    assert rows["a", "original"] is not None and rows["a", "original"].degree == 100


def test_the_control_is_no_choice_and_order_is_by_map(given: list[Option]) -> None:
    assert "control" not in {option.adaption for option in given}
    own = [o for o in given if (o.dataset, o.query) == ("a", "original")]
    kept = [float(o.kept.removesuffix(" %")) for o in own]
    assert kept == sorted(kept, reverse=True) and len(own) == 24


def test_what_can_be_asked_for(given: list[Option]) -> None:
    asked = constraints(given, 10)
    assert [key for key, _ in asked["degree"]] == ["100", "50", "25"]
    assert [key for key, _ in asked["method"]] == ["", "pixelate", "blur", "mask"]
    assert [key for key, _ in asked["adaption"]] == ["", "unadapted"]
    assert options({}) == [] and advise([], 100, 10) == []


def test_equal_map_prefers_what_hides_more() -> None:
    flat = make_scores("a", (50, 100)).assign(value=0.5, low=0.4, high=0.6)
    advice = advise(options({"a": summarize(flat)}), 25, None)[0]
    assert advice.best is not None and advice.best.degree == 100
    assert [each.degree for each in advice.alike] == [100] * 11


def test_every_choice_has_its_variants_risk() -> None:
    summaries = {"a": summarize(scores("a"))}
    found = options(summaries, risks({"a": make_rates("a", (50, 100))}))
    of = {(option.method, option.degree): option for option in found}
    assert of["blur", 100].risk == "45.0 %" and of["blur", 100].risk_high == 49
    assert of["blur", 100].risk_interval == "41.0 to 49.0"
    assert of["blur", 100].risk_note == "originals 90.0 %, chance 1 % among 200"
    assert [key for key, _ in constraints(found, 7.5)["risk"]] == ["", "5", "7.5", "10", "25", "50"]
    partly = options(summaries, risks({"a": make_rates("a", (100,))}))
    missing = next(option for option in partly if option.degree == 50)
    assert (missing.risk, missing.risk_note, missing.risk_high) == ("not run", "", None)
    assert constraints(options(summaries), 10)["risk"] == [("", "no limit"), ("10", "at most 10 %")]


def test_a_limit_is_met_by_the_upper_end_of_the_interval() -> None:
    found = options({"a": summarize(scores("a"))}, risks({"a": make_rates("a", (50, 100))}))
    for limit, methods in ((4.9, set()), (5, {"mask"}), (49, {"mask", "pixelate", "blur"})):
        chosen = [row.best for row in advise(found, 100, limit)]
        assert {option.method for option in chosen if option} <= methods
        assert any(chosen) == bool(methods)
    why = advise(found, 100, 4.9)[0].why_not
    assert why.startswith(
        "none: no choice surely stays at or below 4.9 % re-identified; nearest is"
    )
    assert "Mask 100 %" in why and why.endswith("at up to 5.0 %")


def test_without_a_known_rate_nothing_is_recommended() -> None:
    summaries = {"a": summarize(scores("a"))}
    for found in (options(summaries), options(summaries, risks({"a": few_probes()}))):
        rows = advise(found, 100, 10)
        assert all(row.best is None and row.why_not.startswith("not known: re-id") for row in rows)
        assert all(row.best for row in advise(found, 100, None))
    assert NOT_ATTACKED in advise(options(summaries), 100, 10)[0].why_not
    assert "2 persons, and 20 are needed" in rows[0].why_not
    assert "an interval of 81.1 points from 2 probes" in rows[0].why_not
    assert {option.risk for option in found if option.method == "blur"} == {"not known"}


def test_as_good_as_one_that_is_not_the_best_of_all() -> None:
    """A limit rules out the best; nothing compared the next one with other methods' models."""
    table = scores("a", (100,))
    retrieval = (table["metric"] == "map") & (table["adaption"] != "control")
    table.loc[retrieval, "value"] = 0.3
    for method, adaption, value in (
        ("blur", "A", 0.9),
        ("mask", "B", 0.60),
        ("mask", "C", 0.59),
        ("pixelate", "A", 0.57),
        ("pixelate", "B", 0.52),
    ):
        chosen = (table["method"] == method) & (table["adaption"] == adaption)
        table.loc[retrieval & chosen, "value"] = value
    table["low"], table["high"] = table["value"] - 0.02, table["value"] + 0.02
    rates = make_rates("a", (100,))
    rates.loc[rates["method"] == "pixelate", ["rate", "low", "high"]] = [0.02, 0.0, 0.04]
    rates.loc[rates["method"] == "blur", "low"] = 0.04  # it may keep the limit
    bests = best_choices([make_best(table, unsure=0.005)])
    found = options({"a": summarize(table)}, risks({"a": rates}), bests=bests)
    (free, limited) = (advise(found, 100, limit)[0] for limit in (None, 10))
    assert free.best is not None and free.best.method == "blur" and free.others == ""
    assert limited.best is not None and (limited.best.method, limited.best.adaption) == (
        "mask",
        "B",
    )
    # C of the same method was tested, and is told apart; intervals of 57 and 60 points overlap
    assert limited.others == "Pixelate with A"


def few_probes() -> pd.DataFrame:
    """Return rates of two barcodes, one of which is found."""
    few = make_rates("a", (50, 100)).assign(n=2, clusters=2, gallery=2, rate=0.5)
    return few.assign(low=0.0945, high=0.9055)


def test_an_entity_that_is_not_known_keeps_the_others_from_a_limit() -> None:
    faces, codes = make_rates("a", (50, 100)), few_probes().assign(entity="barcode")
    both = options({"a": summarize(scores("a"))}, risks({"a": pd.concat([faces, codes])}))
    assert all(option.risk_high is None for option in both)
    blurred = next(o for o in both if (o.method, o.degree) == ("blur", 100))
    assert (blurred.risk, blurred.risk_note) == (
        "45.0 %",
        "originals 90.0 %, chance 1 % among 200; others not known",
    )
    assert "re-identification of barcode: 2 persons" in advise(both, 100, 50)[0].why_not


def test_too_few_images_are_no_headline() -> None:
    small = scores("a").assign(k=1, value=1.0, low=1.0, high=1.0)
    found = options(
        {"a": summarize(small)}, risks({"a": make_rates("a", (50, 100))}), gaps={"a": "k is 1"}
    )
    for limit in (10, None):
        rows = advise(found, 100, limit)
        assert [row.best for row in rows] == [None, None]
        lines = first_screen(rows, rows, 10, {}, Tally.of([]), {}, second=True, pixels={})
        assert lines[0].answer == NO_CHOICE
        assert {row.why_not for row in rows} == {"not known: k is 1"}
    unattacked = advise(options({"a": summarize(small)}, gaps={"a": "k is 1"}), 100, 10)[0]
    assert unattacked.why_not == f"not known: k is 1; re-identification of {NOT_ATTACKED}"


def test_a_wide_interval_is_no_headline() -> None:
    wide = scores("a").assign(low=0.1, high=0.9)
    rows = advise(options({"a": summarize(wide)}), 100, None)
    assert all("its interval, 10.0 to 90.0, is wider than 20 points" in r.why_not for r in rows)


def answers(lines: list[Line]) -> dict[str, str]:
    return {line.question: line.answer for line in lines}


NO_TESTS = Tally.of([])


def test_the_first_screen_says_what_is_kept_and_revealed_within_the_limit() -> None:
    table = scores("a").assign(value=0.4, low=0.38, high=0.42)
    table.loc[table["method"] == "blur", ["value", "low", "high"]] = 0.8, 0.78, 0.82
    summaries = {"a": summarize(table), "b": summarize(scores("b"))}
    found = risks({"a": make_rates("a", (50, 100))})
    rows = advise(options(summaries, found), 100, 10)
    said = answers(
        first_screen(rows, rows, 10, found, NO_TESTS, {"a": "x"}, second=True, pixels={})
    )
    assert said["What is kept?"] == (
        "The best choice keeps 40.0 % (a) of the retrieval quality that the original model has "
        "when it is trained again. Of b it is not known."
    )
    # all masks of this table have the same interval
    assert said["What to use?"].startswith("a: Mask with unadapted, A, B, C.")
    assert said["How private?"].startswith("In these images the strongest attack")
    assert (
        "at least 1.0 % (0.0 to 5.0) of the sensitive regions (originals: 90.0 %)"
        in said["How private?"]
    )
    assert said["How sure?"] == "a: x."
    assert said["What next?"] == (
        "Add what lacks (see Choices). Have a lawyer judge kept embeddings of originals."
    )
    nothing = answers(first_screen([], [], 10, {}, NO_TESTS, {}, second=True, pixels={}))
    assert nothing == {"What is kept?": NOTHING_RUN}


def test_raw_pixels_stand_beside_the_best_on_the_same_scale() -> None:
    table = scores("a", (100,)).assign(value=0.4, low=0.38, high=0.42, chance=0.1, floor=0.15)
    beside = summarize(with_baselines(table, 0.3))
    rows = advise(options({"a": beside}), 100, None)
    for ceiling, reached in ((45.0, "50.0"), (None, "30.0")):
        pixels = {"a": pixels_kept(beside, ceiling)}
        lines = first_screen(rows, rows, 10, {}, NO_TESTS, {}, second=True, pixels=pixels)
        assert f" Raw pixels reach {reached} % (a)." in answers(lines)["What is kept?"]
    assert pixels_kept(summarize(table), 45.0) == {}
    unknown = {"a": pixels_kept(beside, 10.0)}
    lines = first_screen(rows, rows, 10, {}, NO_TESTS, {}, second=True, pixels=unknown)
    assert "pixels" not in answers(lines)["What is kept?"]


def test_where_nothing_meets_the_limit_the_best_without_it_is_named() -> None:
    table = scores("a", (100,)).assign(value=0.4, low=0.38, high=0.42)
    found = risks({"a": make_rates("a", (100,))})
    given = options({"a": summarize(table)}, found)
    rows, free = (advise(given, 100, limit) for limit in (0.5, None))
    assert not any(row.best for row in rows) and all(row.best for row in free)
    said = answers(first_screen(rows, free, 0.5, found, NO_TESTS, {}, second=True, pixels={}))
    assert said["What to use?"].startswith(
        "No choice is known to keep re-identification at or below 0.5 %; without that limit: a: "
        "Mask with unadapted, A, B, C."
    )
    assert said["What is kept?"].startswith(
        "No choice is known to pass the policy. The best of those that did not fail keeps 40.0 %"
    )
    # blur and pixelation exceed the limit, and are not what the first screen is about
    assert "45.0 %" not in said["How private?"]
    assert said["What next?"].startswith("Add what lacks (see Choices).")


def test_the_headline_says_of_which_data_sets_nothing_passes() -> None:
    table = scores("a", (100,)).assign(value=0.4, low=0.38, high=0.42)
    attacked = risks({name: make_rates(name, (100,)) for name in ("a", "b")})
    given = options({"a": summarize(table), "b": summarize(table)}, attacked)
    free = advise(given, 100, None)
    rows = [each if each.dataset == "a" else replace(each, best=None) for each in free]
    said = answers(first_screen(rows, free, 10, attacked, NO_TESTS, {}, second=True, pixels={}))
    assert said["What is kept?"].startswith("The best choice keeps 40.0 % (a), 40.0 % (b) of")
    assert " Of b none is known to pass the policy." in said["What is kept?"]
    rows = [replace(each, best=None) if i == 1 else each for i, each in enumerate(free)]
    said = answers(first_screen(rows, free, 10, attacked, NO_TESTS, {}, second=True, pixels={}))
    assert said["What is kept?"].startswith("The best choice keeps 40.0 % (a)")
    one = f"{free[1].dataset} with {free[1].query} queries"
    assert f" Of {one} none is known to pass the policy." in said["What is kept?"]
    failed = [
        replace(each, best=replace(each.best, failed="x", standing="fail"))
        for each in free
        if each.best
    ]
    nothing = [replace(each, best=None) for each in free]
    said = answers(
        first_screen(nothing, failed, 10, attacked, NO_TESTS, {}, second=True, pixels={})
    )
    assert said["What is kept?"].startswith("No choice passes the policy. The best keeps")
    assert said["What to use?"].startswith("Every choice fails the policy; without it: a: ")


def test_what_next_follows_the_tests_of_adapting() -> None:
    def said(*verdicts: str) -> str:
        return answers(first_screen([], [], 10, {}, Tally.of(verdicts), {}, True, {}))["What next?"]

    assert said("worse", "equivalent", "undecided") == (
        "Keep the original model: adapting gains in 0 of 3 tests and may gain in 1."
    )
    assert said("worse") == "Keep the original model: adapting gains in 0 of 1 tests."
    assert said("undecided", "not known") == "Whether adapting gains is open in all 2 tests."
    assert said("better", "worse").startswith("Adapt only where your own data show a gain: it")


def test_without_a_second_reference_the_own_one_is_named() -> None:
    rows = advise(options({"a": summarize(scores("a"))}), 100, None)
    lost = answers(first_screen(rows, rows, 10, {}, NO_TESTS, {}, second=False, pixels={}))[
        "What is kept?"
    ]
    assert "which favours the unadapted model" in lost


def test_a_part_that_stays_in_sight_is_said() -> None:
    table = scores("a").assign(degree=25, value=0.4, low=0.38, high=0.42)
    rows = advise(options({"a": summarize(table)}), 100, None)
    lost = answers(first_screen(rows, rows, 10, {}, NO_TESTS, {}, second=True, pixels={}))[
        "What is kept?"
    ]
    assert "Up to 75 % of an image's regions stay in sight." in lost


def test_quality_is_kept_between_floor_and_ceiling() -> None:
    table = scores("a", (100,)).assign(value=0.4, low=0.38, high=0.42, chance=0.1, floor=0.15)
    effects = make_effects(table)
    # anonymizing costs 5 points of a ceiling of 45; adapting nothing, for all scores are equal
    quality = kept(effects, summarize(table))
    assert quality[100, "blur", "unadapted", "original"].value == pytest.approx(100 * 25 / 30)
    assert quality[100, "blur", "unadapted", "original"].low == pytest.approx(100 * 23 / 30)
    assert quality[100, "blur", "A", "original"].low == pytest.approx(100 * 21 / 30)
    assert quality[100, "blur", "A", "original"].high == pytest.approx(100 * 29 / 30)
    assert quality[100, "blur", "A", "original"].room == pytest.approx(0.3)
    found = options({"a": summarize(table)}, effects={"a": effects}, bests={})
    assert {option.kept for option in found} == {"83.3 %"}
    # choosing the best adds a point of mAP, of the 30 between floor and ceiling
    best = best_choices([make_best(table)])
    chosen = options({"a": summarize(table)}, bests=best, effects={"a": effects})
    whole = best["a", 100, "", "original", "map", "second"]
    assert whole.choice == ("pixelate", "unadapted")
    first = next(o for o in chosen if (o.method, o.adaption) == whole.choice)
    assert (first.kept, first.interval) == ("80.0 %", "73.3 to 86.7")


def test_models_of_a_method_are_judged_by_the_second_reference() -> None:
    table = scores("a", (100,)).assign(value=0.4, low=0.38, high=0.42)
    own = Best(("mask", "B"), (("mask", "B"),), 40.0, 39.0, 40, "")
    second = replace(own, alike=(("mask", "B"), ("mask", "C")), unbiased=38.0)
    key = ("a", 100, "mask", "original", "map")
    for bests, kept_of_best in (
        ({(*key, "own"): own}, "39.0 %"),
        ({(*key, "own"): own, (*key, "second"): second}, "38.0 %"),
    ):
        found = options({"a": summarize(table)}, bests=bests)
        at = [o for o in found if (o.query, o.method, o.adaption) == ("original", "mask", "B")]
        assert [o.kept for o in at] == [kept_of_best]
        assert ("mask/C" in at[0].alike) == (len(bests) == 2)


@pytest.mark.slow
def test_the_best_comes_with_all_that_are_as_good_within_the_limit() -> None:
    table = scores("a", (100,)).assign(value=0.4, low=0.38, high=0.42)
    table.loc[table["adaption"] == "C", "value"] = 0.3
    rates = make_rates("a", (100,))
    wide = rates["method"].isin(["blur", "pixelate"])  # so that none fails on evidence
    rates.loc[wide, "low"] = 0.0
    found = risks({"a": rates})
    chosen = {"method": "blur", "adaption": "A", "metric": "map"}
    here = (table[list(chosen)] == pd.Series(chosen)).all(axis=1)
    table.loc[here, "value"] = 0.41
    bests = best_choices([make_best(table)])
    given = options({"a": summarize(table)}, found, bests=bests)
    first = advise(given, 100, None)[0]
    # less one point of optimism
    assert first.best is not None and (first.best.own, first.best.kept) == ("41.0", "40.0 %")
    assert first.others == "Blur with unadapted, B; Mask with unadapted, A, B; " + (
        "Pixelate with unadapted, A, B"
    )
    only = advise(given, 100, 10)[0]
    assert only.best is not None and only.best.of_method == "Mask"
