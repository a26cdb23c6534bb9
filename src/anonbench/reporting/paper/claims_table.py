"""Table of the paper's claims, evaluated on its own numbers and on ours."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from anonbench.core.io import write_csv
from anonbench.core.registries.tables import Grid, GridBlock
from anonbench.evaluation.comparisons.best import read_best
from anonbench.evaluation.comparisons.pairwise import read_comparisons
from anonbench.reporting.grids.grid import escape_markdown, to_latex, to_markdown, write_text
from anonbench.reporting.notes import notes
from anonbench.reporting.paper.cases import Case, Finding
from anonbench.reporting.paper.claims import evaluate_by_second, evaluate_claims
from anonbench.reporting.paper.compare import compare
from anonbench.reporting.paper.comparison_table import agreement_grid, read_ours
from anonbench.reporting.paper.ours import OurData
from anonbench.reporting.paper.published import ROLE_NAMES, published

ALL = "all"
PAPER, OURS, BY_SECOND = "paper", "ours", "ours by a second training"
Findings = Mapping[str, Sequence[Finding | None]]
"""Findings on all claims, by set of numbers; None for a claim that is not evaluated on it."""
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
"""Columns of the claims. `numbers` is the set of numbers (paper, ours, or ours by a second training
on originals, for claims that depend on the ranking of one training), `scope` all data sets or the
role of one; `holds` of `cases` support the claim; `significant` of the `tested` ones are separated
by a test; `exceptions` are the cases against it, with their numbers."""
CASES = ["claim", "numbers", "role", "case", "holds", "significant", "deciding"]
"""Columns of the cases; `holds` is empty if a case is undecided."""


def write_claims(
    datasets: Sequence[OurData],
    scores: Sequence[Path],
    comparisons: Sequence[Path],
    best: Sequence[Path],
    level: float,
    csv: Path,
    cases: Path,
    markdown: Path,
    latex: Path,
) -> None:
    """Evaluate every claim of the paper on its own numbers and on ours.

    Args:
        datasets: our data sets that have a role in the paper.
        scores: tidy scores of each data set.
        comparisons: the paired tests of each (`anonbench.evaluation.comparisons.pairwise.COLUMNS`).
        best: the best choices of each (`anonbench.evaluation.comparisons.best.COLUMNS`).
        level: significance level of the paired tests.
        csv: a row for each claim, set of numbers and scope (`COLUMNS`).
        cases: a row for each case (`CASES`).
        markdown: verdicts, and the evidence against each claim, as Markdown.
        latex: the verdicts as LaTeX; needs booktabs.
    """
    found = find(datasets, read_ours(datasets, scores), comparisons, best, level)
    write_csv(pd.DataFrame(claim_rows(found), columns=COLUMNS), csv)
    write_csv(pd.DataFrame(case_rows(found), columns=CASES), cases)
    grid = claims_grid(found, datasets)
    write_text(
        markdown, "\n".join(["# The paper's claims\n", to_markdown(grid), *exceptions_text(found)])
    )
    write_text(latex, to_latex(grid))


def paper_grids(
    datasets: Sequence[OurData],
    scores: Sequence[Path],
    comparisons: Sequence[Path],
    best: Sequence[Path],
    level: float,
) -> list[Grid]:
    """Tables of the report about the paper; empty without data sets that have a role.

    Arguments as in `write_claims`.
    """
    if not datasets:
        return []
    ours = read_ours(datasets, scores)
    return [
        claims_grid(find(datasets, ours, comparisons, best, level), datasets),
        agreement_grid(compare(published(), ours, datasets)),
    ]


def find(
    datasets: Sequence[OurData],
    ours: pd.DataFrame,
    comparisons: Sequence[Path],
    best: Sequence[Path],
    level: float,
) -> Findings:
    """Evaluate all claims on the paper's numbers, ours (`read_ours`) and a second training's.

    Other arguments as in `write_claims`.
    """
    choices = [
        read_best(path).assign(role=data.role) for data, path in zip(datasets, best, strict=True)
    ]
    return {
        PAPER: evaluate_claims(published()),
        OURS: evaluate_claims(ours, read_pairs(datasets, comparisons), level),
        BY_SECOND: evaluate_by_second(pd.concat(choices, ignore_index=True)) if choices else [],
    }


def read_pairs(datasets: Sequence[OurData], comparisons: Sequence[Path]) -> pd.DataFrame | None:
    """Paired tests of all data sets with their roles; None if there are none."""
    tables = [
        read_comparisons(path).assign(role=data.role)
        for data, path in zip(datasets, comparisons, strict=True)
    ]
    return pd.concat(tables, ignore_index=True) if tables else None


def claim_rows(found: Findings) -> list[dict[str, Any]]:
    """Verdicts as plain data with the keys `COLUMNS`, for CSV and the report."""
    return [
        _row(finding, numbers, scope)
        for of_claim in _by_claim(found)
        for numbers, whole in of_claim.items()
        for scope, finding in _scopes(whole).items()
    ]


def case_rows(found: Findings) -> list[dict[str, Any]]:
    """Every case as plain data with the keys `CASES`."""
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
        for numbers, findings in found.items()
        for finding in findings
        if finding is not None
        for case in finding.cases
    ]


def claims_grid(found: Findings, datasets: Sequence[OurData]) -> Grid:
    """Table of claims: statement, source, and the verdict on each set of numbers."""
    rows = tuple(
        (
            of_claim[PAPER].claim.statement,
            of_claim[PAPER].claim.source,
            *(_verdict(of_claim[n]) if n in of_claim else "–" for n in found),
        )
        for of_claim in _by_claim(found)
    )
    stand_ins = [
        f"{data.name} stands in for {ROLE_NAMES[data.role]} ({data.stand_in})"
        for data in datasets
        if data.stand_in
    ]
    return Grid(
        stem="paper-claims",
        title="Claims of the paper, on its own numbers and on ours",
        heads=("Claim", "Where", "The paper's numbers", "Ours", "Ours, by a second training"),
        blocks=(GridBlock("", rows),),
        notes=notes("claims", stand_ins=stand_ins),
        left=5,
        wrapped=((0, 0.27), (1, 0.16), (2, 0.15), (3, 0.15), (4, 0.15)),
    )


def exceptions_text(found: Findings) -> list[str]:
    """Cases against each claim and undecided cases, as lines of Markdown."""
    parts = []
    for of_claim in _by_claim(found):
        lines = [
            f"- {whose}, {ROLE_NAMES[case.role]}, {case.name}: "
            f"{escape_markdown(case.numbers)}{_remark(case)}\n"
            for whose, finding in of_claim.items()
            for case in [*finding.exceptions, *(c for c in finding.cases if c.holds is None)]
        ]
        if lines:
            parts.append(f"## {of_claim[PAPER].claim.statement}\n\n{''.join(lines)}")
    return parts


def _by_claim(found: Findings) -> list[dict[str, Finding]]:
    """Findings on each claim, in the order of the claims, by set of numbers."""
    return [
        {
            numbers: finding
            for numbers, findings in found.items()
            if findings and (finding := findings[i]) is not None
        }
        for i in range(len(found[PAPER]))
    ]


def _scopes(finding: Finding) -> dict[str, Finding]:
    """A finding for all data sets together, and one for each that has cases."""
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
    clear = f", {sum(tested)} of {len(tested)} clear" if tested else ""
    return f"{finding.verdict.value} ({finding.count}{clear})"


def _remark(case: Case) -> str:
    return " – not clear" if case.significant is False and not case.holds else ""
