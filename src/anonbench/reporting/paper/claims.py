"""Claims of the paper, evaluated on its own numbers and on ours.

Source: arXiv 2602.19641, in our own words. A claim consists of cases (a column of a table, a series
over degrees, a pair of coefficients), each of which the numbers support or not; it holds if all its
cases do. The same functions evaluate the paper's numbers and ours. A claim that names a count holds
if the count, or its share of the available cases, is the stated one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd

from anonbench.core.io import write_csv
from anonbench.evaluation.comparisons.best import read_best, read_comparisons
from anonbench.reporting.grid import (
    Grid,
    escape_markdown,
    grid_of,
    to_latex,
    to_markdown,
    write_table,
)
from anonbench.reporting.labels import NONE
from anonbench.reporting.notes import notes
from anonbench.reporting.paper.cases import (
    Case,
    Pairs,
    correlates_strongly,
    decide,
    falls_with_degree,
    half_are_masking,
    predicts_best,
    rises_in_half,
    trends_agree,
    unadapted_wins,
    unadapted_wins_by_second,
)
from anonbench.reporting.paper.comparison import compare, published, read_ours
from anonbench.reporting.paper.ours import ROLE_NAMES, OurData


class Claim(NamedTuple):
    """A claim and the functions that check it; its words are `claims` in `texts/notes.yaml`."""

    key: str
    cases: Callable[[pd.DataFrame, Pairs | None, float], Iterable[Case]]
    """Cases in a table with the columns `CELL` and value (percent), and low and high if there are
    intervals; with the paired tests and their level."""
    second: Callable[[pd.DataFrame], Iterable[Case]] | None = None
    """Cases in the best choices (`role` and the columns of `best.csv`) by a second training on
    originals; None if the claim does not depend on the ranking of one training."""

    @property
    def statement(self) -> str:
        """What the paper claims."""
        return notes("statements", self.key)[0]

    @property
    def source(self) -> str:
        """Where the paper claims it."""
        return notes("sources", self.key)[0]


CLAIMS: tuple[Claim, ...] = (
    Claim("unadapted_wins", unadapted_wins, unadapted_wins_by_second),
    Claim("falls_with_degree", falls_with_degree),
    Claim("mndcg_like_map", lambda table, *_: trends_agree(table, "mndcg", "map")),
    Claim("linear_like_knn", lambda table, *_: trends_agree(table, "linear", "knn")),
    Claim("predicts_best", predicts_best),
    Claim("correlates_strongly", correlates_strongly),
    Claim("rises_in_half", rises_in_half),
    Claim("half_are_masking", half_are_masking),
)
"""The claims about results, in the paper's order."""
PAPER, OURS, BY_SECOND = "paper", "ours", "ours by a second training"
CASES = ["claim", "numbers", "role", "case", "holds", "significant", "deciding"]
"""Columns of the cases; `holds` is empty if a case is undecided."""
COLUMNS = ["claim", "statement", "source", "numbers", "scope", "verdict", "holds", "cases"]
COLUMNS += ["not_run", "significant", "tested", "exceptions"]
"""Columns of the claims. `numbers` is the set of numbers, `scope` all data sets or the role of one;
`holds` of `cases` support the claim; `significant` of the `tested` ones are separated by a test;
`exceptions` are the cases against it, with their numbers."""


def cases_of(
    numbers: str, table: pd.DataFrame, pairs: Pairs | None = None, level: float = 0.05
) -> pd.DataFrame:
    """Cases of all claims in one set of numbers, columns `CASES`.

    The table is as for `Claim.cases`, or `Claim.second` for `BY_SECOND`. An exception that the
    paired tests (p-values adjusted by Holm's method) show as a tie does not refute a claim.
    """
    rows = []
    for claim in CLAIMS:
        found = claim.cases(table, pairs, level) if numbers != BY_SECOND else ()
        if numbers == BY_SECOND and claim.second is not None:
            found = claim.second(table)
        for case in found:
            decided = (case.holds, case.significant, case.numbers)
            rows.append((claim.key, numbers, case.role, case.name, *decided))
    return pd.DataFrame(rows, columns=CASES, dtype=object)


def evaluate(
    datasets: Sequence[OurData],
    scores: Sequence[Path],
    comparisons: Sequence[Path],
    best: Sequence[Path],
    level: float,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Evaluate the paper on its own numbers, on ours and on those of a second training.

    Args:
        datasets: those with a role in the paper.
        scores: tidy scores of each.
        comparisons: paired tests of each (`comparisons.best.TEST_COLUMNS`).
        best: best choices of each (`BEST_COLUMNS` there).
        level: of the tests.

    Returns:
        The cases of all claims (`CASES`), and the published numbers beside ours
        (`anonbench.reporting.paper.comparison.COLUMNS`).
    """

    def read(reader: Callable[[Path], pd.DataFrame], paths: Sequence[Path]) -> pd.DataFrame:
        tables = [reader(p).assign(role=d.role) for d, p in zip(datasets, paths, strict=True)]
        return pd.concat(tables, ignore_index=True)

    printed, ours = published(), read_ours(datasets, scores)
    found = [
        cases_of(PAPER, printed),
        cases_of(OURS, ours, read(read_comparisons, comparisons), level),
        cases_of(BY_SECOND, read(read_best, best)),
    ]
    return pd.concat(found, ignore_index=True), compare(printed, ours, datasets)


def write_claims(
    cases: pd.DataFrame, datasets: Sequence[OurData], outputs: Sequence[Path], csv: Path
) -> None:
    """Write the verdicts on every claim (`COLUMNS`) to files (`grid.write_table`).

    The Markdown has the evidence against each claim, too; `csv` gets the `cases`.
    """
    write_csv(cases, csv)
    grid = claims_grid(cases, datasets)
    text = "\n".join(["# The paper's claims\n", to_markdown(grid), *_exceptions(cases)])
    write_table(verdicts(cases), text, to_latex(grid), outputs)


def verdicts(cases: pd.DataFrame) -> pd.DataFrame:
    """Verdict on each claim by set of numbers, of all data sets and of each; columns `COLUMNS`."""
    rows = []
    for claim, numbers in _asked():
        of = cases[(cases["claim"] == claim.key) & (cases["numbers"] == numbers)]
        scopes = {"all": of}
        if of["role"].nunique() > 1:
            scopes |= {str(role): own for role, own in of.groupby("role", sort=False)}
        for scope, found in scopes.items():
            decided = found[found["holds"].notna()]
            against = decided[decided["holds"] == False]  # noqa: E712 (None is neither)
            tested = decided["significant"].dropna()
            texts = against["role"] + ", " + against["case"] + ": " + against["deciding"]
            about = (claim.key, claim.statement, claim.source, numbers, scope)
            counts = (len(decided) - len(against), len(decided), len(found) - len(decided))
            clear = (int(tested.sum()), len(tested), "; ".join(texts))
            rows.append((*about, decide(found.itertuples()).value, *counts, *clear))
    return pd.DataFrame(rows, columns=COLUMNS)


def _asked() -> list[tuple[Claim, str]]:
    """Every claim with the sets of numbers on which it is evaluated."""
    return [(c, n) for c in CLAIMS for n in (PAPER, OURS, BY_SECOND) if n != BY_SECOND or c.second]


def claims_grid(cases: pd.DataFrame, datasets: Sequence[OurData]) -> Grid:
    """Table of claims: statement, source, and the verdict on each set of numbers."""
    found = verdicts(cases)
    why = cases.drop_duplicates(["claim", "numbers", "deciding"])
    reasons: dict[Any, str] = why.groupby(["claim", "numbers"])["deciding"].agg("; ".join).to_dict()
    texts: dict[tuple[str, str], str] = {}
    for row in found[found["scope"] == "all"].to_dict("records"):
        place = (row["claim"], row["numbers"])
        clear = f", {row['significant']} of {row['tested']} clear" if row["tested"] else ""
        counts = f"{row['verdict']} ({row['holds']} of {row['cases']}{clear})"
        none = f"{row['verdict']}: {reasons.get(place, 'not run')}"
        texts[place] = counts if row["cases"] else none
    rows = [
        (c.statement, c.source, *(texts.get((c.key, n), NONE) for n in (PAPER, OURS, BY_SECOND)))
        for c in CLAIMS
    ]
    heads = ["Claim", "Where", "The paper's numbers", "Ours", "Ours, by a second training"]
    return grid_of(
        "claims",
        pd.DataFrame(rows, columns=heads),
        stem="paper-claims",
        stand_ins=[(data.name, ROLE_NAMES[data.role], data.stand_in) for data in datasets],
        left=5,
        wrapped=((0, 0.27), (1, 0.16), (2, 0.15), (3, 0.15), (4, 0.15)),
    )


def _exceptions(cases: pd.DataFrame) -> list[str]:
    """Cases against each claim and undecided cases, as lines of Markdown."""
    parts = []
    for claim in CLAIMS:
        of = cases[cases["claim"] == claim.key].to_dict("records")
        against = [case for case in of if case["holds"] is not True]
        against.sort(
            key=lambda case: (
                [PAPER, OURS, BY_SECOND].index(case["numbers"]),
                case["holds"] is None,
            )
        )
        lines = [
            f"- {case['numbers']}, {ROLE_NAMES[case['role']]}, {case['case']}: "
            f"{escape_markdown(case['deciding'])}"
            f"{' – not clear' if case['significant'] is False else ''}\n"
            for case in against
        ]
        if lines:
            parts.append(f"## {claim.statement}\n\n{''.join(lines)}")
    return parts
