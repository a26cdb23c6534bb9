"""Decomposition of an adapted model's loss into costs of retraining and of adapting.

The reference ranking is the unadapted model's own, so an unadapted model is compared with itself
and an adapted one with a stranger: the retrieval bias. The retraining control, the unadapted model
of another seed, is a stranger to the reference too, and nothing else about it differs. So

    unadapted - adapted  =  (unadapted - control)  +  (control - adapted)
    what the table shows    cost of retraining       cost of adapting

Adapted models of the reference's seed share its first weights and batches, which the control does
not: a gain over the control tells that a shared beginning keeps more than adapting loses. For
adapted models that are strangers in this, too, train them with several seeds (`training_seeds`).

All values are shares (differences of means), with the intervals and adjusted p-values of
`anonbench.evaluation.pairwise`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pandas as pd

from anonbench.core.vocabulary import CONTROL, ORIGINAL, UNADAPTED
from anonbench.evaluation.retrieval.metrics import PER_QUERY


@dataclass(frozen=True)
class Difference:
    """The difference of two rows of a column."""

    value: float
    """Mean of the first less that of the second."""
    low: float
    high: float
    p: float
    """Two-sided, adjusted by Holm's method for all pairs of the column."""
    n: int
    """Queries or images."""

    @property
    def clear(self) -> bool:
        """Whether its interval leaves out zero (false where there is none)."""
        return self.low > 0.0 or self.high < 0.0

    def __neg__(self) -> Difference:
        """Return the difference the other way round."""
        return Difference(-self.value, -self.high, -self.low, self.p, self.n)


@dataclass(frozen=True)
class Retraining:
    """What training the unadapted model again with another seed costs, by one measure.

    On original images (`method` original, degree 0) nothing else changes: it is how far two
    trainings of one recipe are apart. On anonymized images both models search the same database.
    """

    degree: int
    method: str
    query: str
    metric: str
    cost: Difference
    """Control less unadapted: negative where retraining loses."""


@dataclass(frozen=True)
class Adapting:
    """What training on anonymized images costs beyond training again, by one measure."""

    degree: int
    method: str
    query: str
    metric: str
    adaption: str
    cost: Difference
    """Adapted less control: negative where adapting loses, positive where it gains."""
    shown: Difference
    """Adapted less unadapted: what the table shows, retrieval bias included."""
    bias_share: float | None
    """(unadapted - control) / (unadapted - adapted): how much of the unadapted model's lead the
    control explains. 1 or more: all of it, so that nothing is left for adapting to cost; 0 or less:
    nothing of it. None where there is no lead (the interval of unadapted - adapted is not above
    zero), and for accuracies, which are not compared with the unadapted model."""


@dataclass(frozen=True)
class Conclusions:
    """What one data set says; in the order of the tests' table."""

    retraining: tuple[Retraining, ...]
    adapting: tuple[Adapting, ...]

    def retrained_on_originals(self, metric: str, query: str = ORIGINAL) -> Difference | None:
        """Return what retraining alone costs on original images, where it was measured."""
        for entry in self.retraining:
            if (entry.degree, entry.metric, entry.query) == (0, metric, query):
                return entry.cost
        return None


def conclude(comparisons: pd.DataFrame) -> Conclusions:
    """Return the costs of retraining and of adapting; nothing where there is no control.

    Args:
        comparisons: tests of one data set (`anonbench.evaluation.pairwise.compare`).

    """
    keys = ["degree", "method", "query", "metric"]
    retraining: list[Retraining] = []
    adapting: list[Adapting] = []
    for _, column in comparisons.groupby(keys, sort=False):
        first = column.iloc[0]
        degree = int(first["degree"])
        method, query, metric = (str(first[name]) for name in ("method", "query", "metric"))
        pairs = dict(_pairs(column))
        if (CONTROL, UNADAPTED) not in pairs:
            continue
        again = pairs[CONTROL, UNADAPTED]
        retraining.append(Retraining(degree, method, query, metric, again))
        for adaption in sorted({a for a, _ in pairs} - {CONTROL, UNADAPTED}):
            cost, shown = pairs[adaption, CONTROL], pairs[adaption, UNADAPTED]
            lead = metric in PER_QUERY and (-shown).low > 0.0
            share = again.value / shown.value if lead else None
            adapting.append(
                Adapting(degree, method, query, metric, adaption, cost, shown, bias_share=share)
            )
    return Conclusions(tuple(retraining), tuple(adapting))


def _pairs(column: pd.DataFrame) -> Iterator[tuple[tuple[str, str], Difference]]:
    """Give the differences of a column's rows, each pair both ways round."""
    for row in column.to_dict("records"):
        value, low, high = float(row["difference"]), float(row["low"]), float(row["high"])
        difference = Difference(value, low, high, float(row["p_holm"]), int(row["n"]))
        a, b = str(row["a"]), str(row["b"])
        yield (a, b), difference
        yield (b, a), -difference
