"""Counts of verdicts in words, used wherever the report summarizes comparisons."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from anonbench.evaluation.decision import Verdict

_OPEN = (Verdict.UNDECIDED, Verdict.UNKNOWN)


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
        return sum(self.counts[verdict] for verdict in _OPEN)

    def said(self, gains: str = "gains", loses: str = "loses") -> str:
        """Describe all nonzero counts: ``loses in 3, is equivalent in 5 of 8 comparisons``."""
        words = {
            Verdict.BETTER: f"{gains} in",
            Verdict.WORSE: f"{loses} in",
            Verdict.EQUIVALENT: "is equivalent in",
            Verdict.NOT_WORSE: f"{loses} less than the margin, if at all, in",
            Verdict.NOT_BETTER: f"{gains} less than the margin, if at all, in",
            Verdict.UNDECIDED: "is undecided in",
            Verdict.UNKNOWN: "is not known for lack of clusters in",
        }
        parts = [f"{word} {self.counts[v]}" for v, word in words.items() if self.counts[v]]
        noun = "comparison" if self.total == 1 else "comparisons"
        return f"{', '.join(parts)} of {self.total:,} {noun}"
