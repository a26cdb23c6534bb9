"""Counts of verdicts in words, used wherever the report summarizes comparisons."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from anonbench.evaluation.decision import Verdict


@dataclass(frozen=True)
class Tally:
    """Number of comparisons with each verdict, for one system against another."""

    counts: Counter[Verdict]

    @classmethod
    def of(cls, verdicts: Iterable[str]) -> Tally:
        """Count the values of a table's column `verdict`."""
        return cls(Counter(Verdict(verdict) for verdict in verdicts))

    @property
    def total(self) -> int:
        """Number of comparisons."""
        return self.counts.total()

    @property
    def better(self) -> int:
        """Number of comparisons that show a gain."""
        return self.counts[Verdict.BETTER]

    @property
    def worse(self) -> int:
        """Number of comparisons that show a loss."""
        return self.counts[Verdict.WORSE]

    @property
    def without_gain(self) -> int:
        """Number of comparisons that rule out a gain as large as the margin."""
        return sum(
            self.counts[verdict]
            for verdict in (Verdict.WORSE, Verdict.EQUIVALENT, Verdict.NOT_BETTER)
        )

    @property
    def open(self) -> int:
        """Number of inconclusive comparisons."""
        return self.counts[Verdict.UNDECIDED] + self.counts[Verdict.UNKNOWN]

    def said(self) -> str:
        """Describe the counts: ``gains in none, loses in 3, is unclear in 5 of 8 comparisons``."""
        alike = self.counts[Verdict.EQUIVALENT]
        counts = {
            "loses in": self.worse,
            "makes no difference in": alike,
            "is unclear in": self.total - self.better - self.worse - alike,
        }
        parts = [f"{words} {number}" for words, number in counts.items() if number]
        noun = "comparison" if self.total == 1 else "comparisons"
        gains = f"gains in {self.better or 'none'}"
        return f"{', '.join([gains, *parts])} of {self.total:,} {noun}"
