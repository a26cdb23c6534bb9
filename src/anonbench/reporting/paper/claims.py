"""Claims of the paper (arXiv 2602.19641), evaluated on its own numbers and on ours.

A claim consists of cases (a column of a table, a series over degrees, a pair of coefficients), each
of which the numbers support or not; it holds if all its cases do. A claim that names a count holds
if the count, or its share of the available cases, is the stated one.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

import pandas as pd

from anonbench.core.io import write_csv
from anonbench.evaluation.comparisons.best import read_best, read_comparisons
from anonbench.reporting import grid
from anonbench.reporting.labels import NONE
from anonbench.reporting.paper import cases as check
from anonbench.reporting.paper.comparison import compare, published, read_ours
from anonbench.reporting.paper.ours import ROLE_NAMES, OurData

Claims = Mapping[str, Callable[[pd.DataFrame, check.Pairs | None, float], Iterable[check.Case]]]
CLAIMS: Claims = {
    "unadapted_wins": check.unadapted_wins,
    "falls_with_degree": check.falls_with_degree,
    "mndcg_like_map": lambda table, *_: check.trends_agree(table, "mndcg", "map"),
    "linear_like_knn": lambda table, *_: check.trends_agree(table, "linear", "knn"),
    "predicts_best": check.predicts_best,
    "correlates_strongly": check.correlates_strongly,
    "rises_in_half": check.rises_in_half,
    "half_are_masking": check.half_are_masking,
}
"""The claims about results, in the paper's order, by their key in `texts/notes.yaml`.

Each yields its cases in a table with the columns `CELL` and value (percent), and low and high if
there are intervals; with the paired tests and their level."""
PAPER, OURS, BY_SECOND = "paper", "ours", "ours by a second training"
_ASKED: Mapping[str, Claims] = {
    PAPER: CLAIMS,
    OURS: CLAIMS,
    BY_SECOND: {"unadapted_wins": check.unadapted_wins_by_second},  # depends on one training
}
CASES = ["claim", "numbers", "role", "case", "holds", "significant", "deciding"]
COLUMNS = ["claim", "statement", "source", "numbers", "scope", "verdict", "holds", "cases"]
COLUMNS += ["not_run", "significant", "tested", "exceptions"]
"""Columns of the claims. `numbers` is the set of numbers, `scope` all data sets or the role of one;
`holds` of `cases` support the claim; `significant` of the `tested` ones are separated by a test;
`exceptions` are the cases against it, with their numbers."""


def cases_of(
    numbers: str, table: pd.DataFrame, pairs: check.Pairs | None = None, level: float = 0.05
) -> pd.DataFrame:
    """Cases of all claims in one set of numbers, columns `CASES`.

    The table is as for `CLAIMS`, or `role` and the columns of `best.csv` for `BY_SECOND`. An
    exception that the paired tests (p-values adjusted by Holm's method) show as a tie does not
    refute a claim.
    """
    rows = [
        (claim, numbers, *case)
        for claim, cases in _ASKED[numbers].items()
        for case in cases(table, pairs, level)
    ]
    columns = ["claim", "numbers", "role", "case", "holds", "deciding", "significant"]
    return pd.DataFrame(rows, columns=columns, dtype=object)[CASES]


def evaluate(
    datasets: Sequence[OurData],
    scores: Sequence[Path],
    comparisons: Sequence[Path],
    best: Sequence[Path],
    level: float,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Evaluate the paper on its own numbers, on ours and on those of a second training.

    Each data set has tidy scores, paired tests and best choices (`comparisons.best.TEST_COLUMNS`,
    `BEST_COLUMNS`); `level` is that of the tests.

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
    table = claims_grid(cases, datasets)
    text = "\n".join(["# The paper's claims\n", grid.to_markdown(table), *_exceptions(cases)])
    grid.write_table(verdicts(cases), text, grid.to_latex(table), outputs)


def verdicts(cases: pd.DataFrame) -> pd.DataFrame:
    """Verdict on each claim by set of numbers, of all data sets and of each; columns `COLUMNS`."""
    rows = []
    for claim, numbers in ((c, n) for c in CLAIMS for n in _ASKED if c in _ASKED[n]):
        of = cases[(cases["claim"] == claim) & (cases["numbers"] == numbers)]
        scopes = {"all": of}
        if of["role"].nunique() > 1:
            scopes |= {str(role): own for role, own in of.groupby("role", sort=False)}
        for scope, found in scopes.items():
            decided = found[found["holds"].notna()]
            against = decided[decided["holds"] == False]  # noqa: E712 (None is neither)
            tested = decided["significant"].dropna()
            texts = against["role"] + ", " + against["case"] + ": " + against["deciding"]
            about = (claim, *_words(claim), numbers, scope, check.decide(found.itertuples()).value)
            counts = (len(decided) - len(against), len(decided), len(found) - len(decided))
            rows.append((*about, *counts, int(tested.sum()), len(tested), "; ".join(texts)))
    return pd.DataFrame(rows, columns=COLUMNS)


def _words(claim: str) -> tuple[str, str]:
    return grid.notes("statements", claim)[0], grid.notes("sources", claim)[0]


def claims_grid(cases: pd.DataFrame, datasets: Sequence[OurData]) -> grid.Grid:
    """Table of claims: statement, source, and the verdict on each set of numbers."""
    found, texts = verdicts(cases), {}
    for row in found[found["scope"] == "all"].to_dict("records"):
        clear = f", {row['significant']} of {row['tested']} clear" if row["tested"] else ""
        text = f"{row['verdict']} ({row['holds']} of {row['cases']}{clear})"
        if not row["cases"]:
            of = cases[(cases["claim"] == row["claim"]) & (cases["numbers"] == row["numbers"])]
            text = f"{row['verdict']}: {'; '.join(of['deciding'].unique()) or 'not run'}"
        texts[row["claim"], row["numbers"]] = text
    rows = [(*_words(c), *(texts.get((c, numbers), NONE) for numbers in _ASKED)) for c in CLAIMS]
    heads = ["Claim", "Where", "The paper's numbers", "Ours", "Ours, by a second training"]
    return grid.grid_of(
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
    order = cases["numbers"].map([*_ASKED].index)
    against = cases.assign(order=order, undecided=cases["holds"].isna())
    against = against[against["holds"].map(lambda holds: holds is not True)]
    against = against.sort_values(["order", "undecided"], kind="stable")
    for claim in CLAIMS:
        lines = [
            f"- {case['numbers']}, {ROLE_NAMES[case['role']]}, {case['case']}: "
            f"{grid.escape_markdown(case['deciding'])}"
            f"{' – not clear' if case['significant'] is False else ''}\n"
            for case in against[against["claim"] == claim].to_dict("records")
        ]
        if lines:
            parts.append(f"## {_words(claim)[0]}\n\n{''.join(lines)}")
    return parts
