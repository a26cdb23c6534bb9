"""Claims of the paper, evaluated on its own numbers and on ours.

Source: arXiv 2602.19641, in our own words. A claim consists of cases (a column of a table, a series
over degrees, a pair of coefficients), each of which the numbers support or not; it holds if all its
cases do. The same functions evaluate the paper's numbers and ours. A claim that names a count holds
if the count, or its share of the available cases, is the stated one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from anonbench.core.io import write_csv
from anonbench.core.registries.tables import Grid, GridBlock
from anonbench.evaluation.comparisons.best import read_best
from anonbench.evaluation.comparisons.pairwise import read_comparisons
from anonbench.reporting.grids.grid import escape_markdown, to_latex, to_markdown, write_text
from anonbench.reporting.notes import notes
from anonbench.reporting.paper.cases import (
    Case,
    Pairs,
    Verdict,
    decide,
    falls_with_degree,
    half_are_masking,
    rises_in_half,
    trends_agree,
    unadapted_wins,
    unadapted_wins_by_second,
)
from anonbench.reporting.paper.coefficient_cases import correlates_strongly, predicts_best
from anonbench.reporting.paper.comparison import agreement_grid, compare, read_ours
from anonbench.reporting.paper.ours import OurData
from anonbench.reporting.paper.published import ROLE_NAMES, published


@dataclass(frozen=True)
class Claim:
    """A claim and the functions that check it."""

    key: str
    statement: str
    source: str
    cases: Callable[[pd.DataFrame, Pairs | None, float], Iterable[Case]]
    """Cases in a table with the columns `CELL` and value (percent), and low and high if there are
    intervals; with the paired tests and their level."""
    second: Callable[[pd.DataFrame], Iterable[Case]] | None = None
    """Cases in the best choices (`role` and the columns of `best.csv`) by a second training on
    originals; None if the claim does not depend on the ranking of one training."""


@dataclass(frozen=True)
class Finding:
    """Result of a claim on one set of numbers."""

    claim: Claim
    cases: tuple[Case, ...]

    @property
    def verdict(self) -> Verdict:
        """Verdict of all cases together."""
        return decide(self.cases)

    @property
    def decided(self) -> list[Case]:
        """Cases that could be decided."""
        return [case for case in self.cases if case.holds is not None]

    @property
    def exceptions(self) -> list[Case]:
        """Cases that contradict the claim."""
        return [case for case in self.decided if not case.holds]

    @property
    def count(self) -> str:
        """Count of supporting cases, such as ``10 of 12``."""
        return f"{len(self.decided) - len(self.exceptions)} of {len(self.decided)}"

    @property
    def tested(self) -> list[bool]:
        """Whether a test separates the two sides, of each decided case that has a test."""
        return [case.significant for case in self.decided if case.significant is not None]


CLAIMS: tuple[Claim, ...] = (
    Claim(
        "unadapted_wins",
        "The unadapted model has the highest value in every column of the retrieval tables",
        "abstract; Tables V, VII, IX, XI, XII, XIV",
        unadapted_wins,
        unadapted_wins_by_second,
    ),
    Claim(
        "falls_with_degree",
        "With original queries, retrieval quality falls with every higher degree",
        "Fig. 7; Tables VII, IX, XII, XIV",
        falls_with_degree,
    ),
    Claim(
        "mndcg_like_map",
        "mnDCG changes with the degree as mAP does",
        "text to Figs. 7 and 8 (our reading: each step has the same direction)",
        lambda table, *_: trends_agree(table, "mndcg", "map"),
    ),
    Claim(
        "linear_like_knn",
        "Linear accuracy changes with the degree as k-NN accuracy does",
        "text to Fig. 9 (our reading: each step has the same direction)",
        lambda table, *_: trends_agree(table, "linear", "knn"),
    ),
    Claim(
        "predicts_best",
        "Of the retrieval metrics, mnDCG with anonymized queries correlates best with both "
        "accuracies",
        "Figs. 4 to 6, 12, 13",
        predicts_best,
    ),
    Claim(
        "correlates_strongly",
        "On CelebA, mnDCG with anonymized queries correlates with both accuracies at 0.95",
        "Sec. IV-A1, Fig. 4",
        correlates_strongly,
    ),
    Claim(
        "rises_in_half",
        "From 75 to 100 % of the text boxes, k-NN accuracy rises in 6 of 12 cases (half of them)",
        "Sec. IV-A2, Tables X and XV",
        rises_in_half,
    ),
    Claim(
        "half_are_masking",
        "Three of those six rises are masking's (half of them)",
        "Sec. IV-A2, Tables X and XV",
        half_are_masking,
    ),
)
"""The claims about results, in the paper's order."""
PAPER, OURS, BY_SECOND = "paper", "ours", "ours by a second training"
Findings = Sequence[Mapping[str, Finding]]
"""Findings on each claim by set of numbers: the paper's, ours, and ours by a second training on
originals if the claim depends on the ranking of one training."""
COLUMNS = ["claim", "statement", "source", "numbers", "scope", "verdict", "holds", "cases"]
COLUMNS += ["not_run", "significant", "tested", "exceptions"]
"""Columns of the claims. `numbers` is the set of numbers, `scope` all data sets or the role of one;
`holds` of `cases` support the claim; `significant` of the `tested` ones are separated by a test;
`exceptions` are the cases against it, with their numbers."""
CASES = ["claim", "numbers", "role", "case", "holds", "significant", "deciding"]
"""Columns of the cases; `holds` is empty if a case is undecided."""


def evaluate_claims(
    table: pd.DataFrame, pairs: Pairs | None = None, level: float = 0.05
) -> list[Finding]:
    """Evaluate all claims on one set of numbers.

    Args:
        table: columns `CELL` and value, in percent; low and high if there are intervals.
        pairs: paired tests; an exception that they cannot distinguish from a tie does not refute a
            claim.
        level: significance level of the tests, on p-values adjusted by Holm's method.
    """
    return [Finding(claim, tuple(claim.cases(table, pairs, level))) for claim in CLAIMS]


def evaluate_by_second(best: pd.DataFrame) -> list[Finding | None]:
    """Evaluate all claims on `best.csv` (with `role`); None where `Claim.second` is None."""
    return [Finding(c, tuple(c.second(best))) if c.second else None for c in CLAIMS]


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

    def read(reader: Callable[[Path], pd.DataFrame], paths: Sequence[Path]) -> pd.DataFrame:
        tables = [reader(p).assign(role=d.role) for d, p in zip(datasets, paths, strict=True)]
        return pd.concat(tables, ignore_index=True)

    evaluated: dict[str, Sequence[Finding | None]] = {
        PAPER: evaluate_claims(published()),
        OURS: evaluate_claims(ours, read(read_comparisons, comparisons), level),
        BY_SECOND: evaluate_by_second(read(read_best, best)),
    }
    return [
        {numbers: finding for numbers, found in evaluated.items() if (finding := found[place])}
        for place in range(len(CLAIMS))
    ]


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
    rows = [
        (finding.claim.key, numbers, c.role, c.name, c.holds, c.significant, c.numbers)
        for numbers in (PAPER, OURS, BY_SECOND)
        for of_claim in found
        if (finding := of_claim.get(numbers))
        for c in finding.cases
    ]
    write_csv(pd.DataFrame(rows, columns=CASES), cases)
    grid = claims_grid(found, datasets)
    text = ["# The paper's claims\n", to_markdown(grid), *exceptions_text(found)]
    write_text(markdown, "\n".join(text))
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


def claim_rows(found: Findings) -> list[dict[str, Any]]:
    """Verdicts as plain data with the keys `COLUMNS`, for CSV and the report."""
    rows = []
    for of_claim in found:
        for numbers, whole in of_claim.items():
            roles = list(dict.fromkeys(case.role for case in whole.cases))
            scopes = {"all": whole}
            for role in roles if len(roles) > 1 else []:
                cases = tuple(case for case in whole.cases if case.role == role)
                scopes[role] = Finding(whole.claim, cases)
            rows += [_row(finding, numbers, scope) for scope, finding in scopes.items()]
    return rows


def _row(finding: Finding, numbers: str, scope: str) -> dict[str, Any]:
    return {
        "claim": finding.claim.key,
        "statement": finding.claim.statement,
        "source": finding.claim.source,
        "numbers": numbers,
        "scope": scope,
        "verdict": finding.verdict.value,
        "holds": len(finding.decided) - len(finding.exceptions),
        "cases": len(finding.decided),
        "not_run": len(finding.cases) - len(finding.decided),
        "significant": sum(finding.tested),
        "tested": len(finding.tested),
        "exceptions": "; ".join(f"{c.role}, {c.name}: {c.numbers}" for c in finding.exceptions),
    }


def claims_grid(found: Findings, datasets: Sequence[OurData]) -> Grid:
    """Table of claims: statement, source, and the verdict on each set of numbers."""
    rows = tuple(
        (
            of_claim[PAPER].claim.statement,
            of_claim[PAPER].claim.source,
            *(_verdict(of_claim.get(numbers)) for numbers in (PAPER, OURS, BY_SECOND)),
        )
        for of_claim in found
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


def _verdict(finding: Finding | None) -> str:
    if finding is None:
        return "–"
    if not finding.decided:
        reasons = list(dict.fromkeys(case.numbers for case in finding.cases))
        return f"{finding.verdict.value}: {'; '.join(reasons) or 'not run'}"
    tested = finding.tested
    clear = f", {sum(tested)} of {len(tested)} clear" if tested else ""
    return f"{finding.verdict.value} ({finding.count}{clear})"


def exceptions_text(found: Findings) -> list[str]:
    """Cases against each claim and undecided cases, as lines of Markdown."""
    parts = []
    for of_claim in found:
        lines = [
            f"- {whose}, {ROLE_NAMES[case.role]}, {case.name}: {escape_markdown(case.numbers)}"
            f"{' – not clear' if case.significant is False and not case.holds else ''}\n"
            for whose, finding in of_claim.items()
            for case in [*finding.exceptions, *(c for c in finding.cases if c.holds is None)]
        ]
        if lines:
            parts.append(f"## {of_claim[PAPER].claim.statement}\n\n{''.join(lines)}")
    return parts
