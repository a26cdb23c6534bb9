"""The report recommends only what passes the policy, and says what that costs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from report_results import section
from synthetic_results import make_scores

from anonbench.config import Policy
from anonbench.core.io import write_csv
from anonbench.evaluation.policy.evidence import MISSED, evidence
from anonbench.evaluation.policy.verdicts import Verdict, judge, standings
from anonbench.reporting.html.build import build_report
from anonbench.reporting.html.choices.advice import Advice, Option, advise, options
from anonbench.reporting.html.choices.headline import first_screen
from anonbench.reporting.html.choices.in_full import Planned, recommended
from anonbench.reporting.html.choices.next_steps import next_steps, sentence
from anonbench.reporting.html.choices.passing import failures, passing
from anonbench.reporting.html.choices.risk import risks
from anonbench.reporting.html.verdicts import Tally
from anonbench.reporting.privacy.policy import policy_grid
from anonbench.reporting.summary import summarize
from policy_evidence import make_coverage, make_measured

VARIANTS = tuple(f"{method}-{d}" for method in ("pixelate", "blur", "mask") for d in (50, 100))


def table_of(low: float = 0.98, policy: Policy | None = None) -> pd.DataFrame:
    measured = make_measured(VARIANTS, dataset="a", quality=make_coverage(low))
    return judge(evidence(measured), policy or Policy())


def chosen(table: pd.DataFrame, limit: float | None = 10) -> tuple[Sequence[Option], list[Advice]]:
    measured = make_measured(VARIANTS, dataset="a")
    assert measured.rates is not None
    summaries = {"a": summarize(make_scores("a", (50, 100)))}
    found = options(
        summaries,
        risks({"a": measured.rates}),
        failed=failures({"a": table}, summaries),
        standing=standings(table),
    )
    return found, advise(found, 50, limit)


def test_only_what_passes_is_recommended() -> None:
    for row in chosen(table_of())[1]:
        assert row.best is not None and (row.best.method, row.best.degree) == ("mask", 100)


@pytest.mark.slow
def test_where_nothing_passes_the_reason_is_said_and_nothing_recommended() -> None:
    for low, said in (
        (0.9, "true area missed (face): 9.5 %"),
        (0.965, "is not known to: true area"),
    ):
        for row in chosen(table_of(low))[1]:
            assert row.best is None
            assert row.why_not.startswith("none: no choice passes the policy; ")
            assert said in row.why_not
        assert all(row.best for row in chosen(table_of(low), None)[1])


def test_without_true_boxes_they_are_what_to_give_next() -> None:
    table = table_of()
    table.loc[table["rule"] == MISSED, ["value", "low", "high"]] = np.nan
    table.loc[table["rule"] == MISSED, "verdict"] = str(Verdict.UNKNOWN)
    found, given = chosen(table)
    free = advise(found, 0, None)
    (standing,) = passing({"a": table}, given, free)
    (mask,) = standing.unknown
    assert mask.startswith("Mask (100 %: true area missed (face): not known, at most")
    assert "Mask" not in "".join(standing.fails) and "Blur" in "".join(standing.fails)
    plan = Planned(("blur", "mask"), (100,), (), (0, 1, 2), (), True, {})
    steps = next_steps(
        free, found, {"a": plan}, {"a": True}, {}, 0.03, 10.0, {"a": table.assign(n=pd.NA)}
    )
    # of no image yet; the fewest of which none missed would show at most 3 %
    assert sentence(steps) == (
        "Cheapest next experiment: a: draw the true boxes of 125 images (datasets.a.truth)."
    )
    lines = first_screen(
        given, free, 10.0, {}, Tally.of([]), {}, False, {}, sentence(steps), standing=[standing]
    )
    assert "draw the true boxes of 125 images" in lines[-1].answer
    assert "Blur" not in lines[1].answer and "Mask" in lines[1].answer


def test_what_failed_on_evidence_is_named_only_where_all_did() -> None:
    """Blur keeps more and is re-identified; of masks it is not known what detectors missed."""
    found, given = chosen(table_of(0.965))
    assert {o.standing for o in found if o.method == "blur"} == {"fail"}
    free = advise(found, 100, None)
    assert not any(row.best for row in given)
    for row in free:
        assert row.best is not None and row.best.method == "mask"
        assert {each.method for each in row.alike} <= {"mask"}
        assert given[0].why_not.startswith("none: no choice passes the policy; Mask")
    ((_, text), *_) = recommended(free, {}, {}, {}, 10.0)
    assert "It is not known to pass the policy: true area missed" in text
    only = [option for option in found if option.method == "blur"]
    ((_, text), *_) = recommended(advise(only, 100, None), {}, {}, {}, 10.0)
    assert "It exceeds the limit on re-identification: 45.0 % (44.5 to 48.0)" in text
    assert "It is not known" not in text


def test_nothing_is_proposed_that_tells_failing_choices_apart() -> None:
    found, _ = chosen(table_of())
    only = [option for option in found if option.method == "blur"]
    plan = Planned(("blur",), (100,), (), (0, 1, 2), (), True, {})
    steps = next_steps(
        advise(only, 100, None), only, {"a": plan}, {"a": True}, {}, 0.03, 10.0, {"a": table_of()}
    )
    assert not any(step.question.startswith("whether Blur") for step in steps)
    assert any("stronger blur" in step.experiment for step in steps)


def test_the_table_of_choices_names_three_reasons_and_counts_the_others() -> None:
    table = table_of()
    table["verdict"] = str(Verdict.UNKNOWN)
    option = chosen(table)[0][0]
    assert option.failed.count("; ") == 3 and option.failed.endswith(" more (see Policy)")


def test_a_variant_without_a_verdict_does_not_pass() -> None:
    table = table_of()
    found, given = chosen(table[table["method"] != "mask"])
    assert all(row.best is None for row in given)
    said = {option.failed for option in found if option.method == "mask"}
    assert said == {"not known: nothing was judged of it"}


@pytest.mark.parametrize("low", [0.98, 0.9])
def test_the_first_screen_says_what_passes_what_it_costs_and_what_never_does(low: float) -> None:
    table = table_of(low)
    found, given = chosen(table)
    (standing,) = passing({"a": table}, given, advise(found, 0, None))
    assert "anonymous" not in standing.text
    if low == 0.9:
        assert standing.text.startswith("a: no variant passes the policy.")
        free = next(row.best for row in advise(found, 0, None) if row.query == "original")
        assert free is not None
        gain = f"The best choice that does not pass, {free.use}, would keep {free.kept}"
        assert gain in standing.gain
        assert standing.resisted == ""
        named = [name for each in standing.fails for name in each.split(" (")[0].split(", ")]
        assert named == ["Pixelate", "Blur", "Mask"], "those that share the first reason together"
        return
    best = given[0].best
    assert best is not None and standing.gain == "", "all others failed on evidence"
    assert standing.text.startswith("a: Mask 100 % passes the policy. What passes resisted these")
    assert [each.split(" (")[0] for each in standing.fails] == ["Pixelate", "Blur"]
    assert "Blur (100 %: reidentification, rank 1 (face): 45.0 % (44.5 to 48.0)" in standing.text


def test_the_best_that_passes_has_nothing_to_gain() -> None:
    lax = Policy.model_validate({"degree": 50, "attacks": {"reidentification": 1.0}})
    table = table_of(policy=lax)
    found, given = chosen(table, 100)
    (standing,) = passing({"a": table}, given, advise(found, 0, None))
    assert standing.gain == "" and standing.fails == ()


def test_the_table_has_a_row_a_variant() -> None:
    grid = policy_grid("a", table_of())
    (block,) = grid.blocks
    verdicts = {row[:2]: row[2] for row in block.rows}
    assert verdicts["Mask", "100 %"] == "pass" and verdicts["Mask", "50 %"] == "fail"
    assert len(block.rows) == len(VARIANTS)


@pytest.mark.slow
def test_the_page_shows_the_policy_and_chooses_by_it(tmp_path: Path) -> None:
    of_a = section(tmp_path, "a", make_scores("a", (50, 100)), (50, 100))
    write_csv(table_of(), tmp_path / "policy.csv")
    page = tmp_path / "report.html"
    of_a = replace(of_a, policy=tmp_path / "policy.csv")
    build_report("t", [of_a], {}, {}, page)
    text = page.read_text()
    assert "<dt>What passes?</dt>" in text and "What passes the policy, a" in text
    assert "resisted these attacks at" in text
