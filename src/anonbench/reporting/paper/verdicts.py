"""Claims, the cases that support or contradict them, and the verdict.

A claim consists of cases (a column of a table, a series over degrees, a pair of coefficients), each
of which the numbers support or not. It holds if all its cases do. A case that a test cannot
distinguish from a tie refutes nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

import pandas as pd


class Verdict(StrEnum):
    """Verdict of the numbers on a claim."""

    HOLDS = "holds"
    FAILS = "does not hold"
    OPEN = "cannot be told"


@dataclass(frozen=True)
class Case:
    """One instance in which a claim can be checked."""

    role: str
    name: str
    holds: bool | None
    """Whether the numbers support it; None if undecidable, for the reason in `numbers`."""
    numbers: str
    """The decisive numbers, or the reason why there are none."""
    significant: bool | None = None
    """Whether a test separates the two sides; None without a test."""


Pairs = pd.DataFrame
"""Paired tests of all data sets: `pairwise.COLUMNS` with `role` for the data set."""


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
    verdict: Verdict
    cases: tuple[Case, ...]

    def within(self, role: str) -> Finding:
        """Restrict the finding to one data set of the paper."""
        cases = tuple(case for case in self.cases if case.role == role)
        return Finding(self.claim, decide(cases), cases)

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
        return f"{sum(bool(case.holds) for case in self.decided)} of {len(self.decided)}"


def evaluate_claim(
    claim: Claim, table: pd.DataFrame, pairs: Pairs | None = None, level: float = 0.05
) -> Finding:
    """Evaluate a claim on one set of numbers.

    Args:
        claim: one of `CLAIMS`.
        table: columns `CELL` and value, in percent; low and high if there are intervals.
        pairs: paired tests; an exception that they cannot distinguish from a tie does not refute a
            claim.
        level: significance level of the tests, on p-values adjusted by Holm's method.
    """
    cases = tuple(claim.cases(table, pairs, level))
    return Finding(claim, decide(cases), cases)


def decide(cases: Sequence[Case]) -> Verdict:
    """Verdict of all cases together; an exception that its test shows as a tie leaves it open."""
    against = [case for case in cases if case.holds is False]
    if any(case.significant is not False for case in against):
        return Verdict.FAILS
    if against or not any(case.holds for case in cases):
        return Verdict.OPEN
    return Verdict.HOLDS
