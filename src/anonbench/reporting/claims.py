"""Table of the paper's claims, on its own numbers and on ours."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from anonbench.core.io import write_csv
from anonbench.core.registries.tables import Grid, GridBlock
from anonbench.evaluation.pairwise import read_comparisons
from anonbench.reporting.compare import SOURCE, read_ours
from anonbench.reporting.grid import to_latex, to_markdown
from anonbench.reporting.paper.claims import evaluate_claims
from anonbench.reporting.paper.ours import OurData
from anonbench.reporting.paper.published import ROLE_NAMES, published
from anonbench.reporting.paper.verdicts import Case, Finding
from anonbench.reporting.tables import escape_markdown, write_text

ALL = "all"
COLUMNS = [
    "claim",
    "statement",
    "source",
    "numbers",
    "scope",
    "verdict",
    "holds",
    "cases",
    "not_run",
    "significant",
    "tested",
    "exceptions",
]
"""Columns of the claims. `numbers` is whose they are (paper or ours), `scope` all data sets or the
role of one; `holds` of `cases` bear the claim out; `significant` of the `tested` ones are told
apart by a test; `exceptions` are the cases that speak against it, with their numbers."""
CASES = ["claim", "numbers", "role", "case", "holds", "significant", "deciding"]
"""Columns of the cases; `holds` is empty where a case cannot be told."""


def write_claims(
    datasets: Sequence[OurData],
    scores: Sequence[Path],
    comparisons: Sequence[Path],
    level: float,
    csv: Path,
    cases: Path,
    markdown: Path,
    latex: Path,
) -> None:
    """Evaluate every claim of the paper on its own numbers and on ours.

    Args:
        datasets: our data sets that have a role in the paper.
        scores: the tidy scores of each.
        comparisons: the paired tests of each (`anonbench.evaluation.pairwise.COLUMNS`).
        level: of the paired tests.
        csv: a row for each claim, set of numbers and scope (`COLUMNS`).
        cases: a row for each case (`CASES`).
        markdown: verdicts, and what speaks against each claim, for people.
        latex: the verdicts for papers; needs booktabs.

    """
    theirs = evaluate_claims(published())
    ours = evaluate_claims(read_ours(datasets, scores), read_pairs(datasets, comparisons), level)
    write_csv(pd.DataFrame(claim_rows(theirs, ours), columns=COLUMNS), csv)
    write_csv(pd.DataFrame(case_rows(theirs, ours), columns=CASES), cases)
    grid = claims_grid(theirs, ours, datasets)
    parts = ["# The paper's claims\n", to_markdown(grid), *exceptions_text(theirs, ours)]
    write_text(markdown, "\n".join(parts))
    write_text(latex, to_latex(grid))


def read_pairs(datasets: Sequence[OurData], comparisons: Sequence[Path]) -> pd.DataFrame | None:
    """Return the paired tests of all data sets with their roles; None where there are none."""
    tables = [
        read_comparisons(path).assign(role=data.role)
        for data, path in zip(datasets, comparisons, strict=True)
    ]
    return pd.concat(tables, ignore_index=True) if tables else None


def claim_rows(theirs: Sequence[Finding], ours: Sequence[Finding]) -> list[dict[str, Any]]:
    """Return the verdicts as plain data with the keys `COLUMNS`, for CSV and the report."""
    return [
        _row(finding, numbers, scope)
        for pair in zip(theirs, ours, strict=True)
        for numbers, whole in zip(("paper", "ours"), pair, strict=True)
        for scope, finding in _scopes(whole).items()
    ]


def case_rows(theirs: Sequence[Finding], ours: Sequence[Finding]) -> list[dict[str, Any]]:
    """Return every case as plain data with the keys `CASES`."""
    return [
        {
            "claim": finding.claim.key,
            "numbers": numbers,
            "role": case.role,
            "case": case.name,
            "holds": case.holds,
            "significant": case.significant,
            "deciding": case.numbers,
        }
        for numbers, findings in (("paper", theirs), ("ours", ours))
        for finding in findings
        for case in finding.cases
    ]


def claims_grid(
    theirs: Sequence[Finding], ours: Sequence[Finding], datasets: Sequence[OurData]
) -> Grid:
    """Return a row a claim: what it says, where, and the verdict on both sets of numbers."""
    rows = tuple(
        (their.claim.statement, their.claim.source, _verdict(their), _verdict(our))
        for their, our in zip(theirs, ours, strict=True)
    )
    stand_ins = [
        f"{data.name} stands in for {ROLE_NAMES[data.role]} ({data.stand_in})"
        for data in datasets
        if data.stand_in
    ]
    return Grid(
        stem="paper-claims",
        title="Claims of the paper, on its own numbers and on ours",
        heads=("Claim", "Where", "The paper's numbers", "Ours"),
        blocks=(GridBlock("", rows),),
        notes=(
            f"{SOURCE}, in our own words.",
            "A claim holds where all its cases do; behind the verdict, how many do, and how many a "
            "test tells apart from a tie. An exception that is a tie refutes nothing.",
            *([f"Ours: {'; '.join(stand_ins)}."] if stand_ins else []),
        ),
        left=4,
        wrapped=((0, 0.33), (1, 0.19), (2, 0.18), (3, 0.18)),
    )


def exceptions_text(theirs: Sequence[Finding], ours: Sequence[Finding]) -> list[str]:
    """Return, as Markdown, the cases that speak against each claim and those that are open."""
    parts = []
    for their, our in zip(theirs, ours, strict=True):
        lines = [
            f"- {whose}, {ROLE_NAMES[case.role]}, {case.name}: "
            f"{escape_markdown(case.numbers)}{_remark(case)}\n"
            for whose, finding in (("paper", their), ("ours", our))
            for case in [*finding.exceptions, *(c for c in finding.cases if c.holds is None)]
        ]
        if lines:
            parts.append(f"## {their.claim.statement}\n\n{''.join(lines)}")
    return parts


def _scopes(finding: Finding) -> dict[str, Finding]:
    """Return a finding on all data sets and on each that has cases, judged anew."""
    roles = list(dict.fromkeys(case.role for case in finding.cases))
    return {ALL: finding} | {role: finding.within(role) for role in roles if len(roles) > 1}


def _row(finding: Finding, numbers: str, scope: str) -> dict[str, Any]:
    tested = [case for case in finding.decided if case.significant is not None]
    return {
        "claim": finding.claim.key,
        "statement": finding.claim.statement,
        "source": finding.claim.source,
        "numbers": numbers,
        "scope": scope,
        "verdict": finding.verdict.value,
        "holds": sum(bool(case.holds) for case in finding.decided),
        "cases": len(finding.decided),
        "not_run": len(finding.cases) - len(finding.decided),
        "significant": sum(bool(case.significant) for case in tested),
        "tested": len(tested),
        "exceptions": "; ".join(
            f"{case.role}, {case.name}: {case.numbers}" for case in finding.exceptions
        ),
    }


def _verdict(finding: Finding) -> str:
    if not finding.decided:
        reasons = list(dict.fromkeys(case.numbers for case in finding.cases))
        return f"{finding.verdict.value}: {'; '.join(reasons) or 'not run'}"
    tested = [case.significant for case in finding.decided if case.significant is not None]
    apart = f", {sum(tested)} of {len(tested)} told apart" if tested else ""
    return f"{finding.verdict.value} ({finding.count}{apart})"


def _remark(case: Case) -> str:
    return " – not told apart" if case.significant is False and not case.holds else ""
