"""Verdicts from paired differences, by one rule for all marks, claims and sentences.

A difference is a minus b, where higher is better, over the same queries, images or probes; its
interval takes clusters into account (`anonbench.core.numeric.clusters`). A margin defines which
differences do not matter. All comparisons that are shown together are one family.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd

from anonbench.core.numeric.clusters import (
    Estimate,
    cluster_draws,
    cluster_totals,
    clustered_mean,
    paired_rate_difference,
    weighted_means,
)
from anonbench.core.numeric.statistics import holm
from anonbench.datasets.clusters import clusters_of


@dataclass(frozen=True)
class Judging:
    """How differences between the rows of a table are tested."""

    clusters: pd.Series  # of the images, by id (`anonbench.datasets.clusters.read_clusters`)
    confidence: float  # coverage of the intervals, as a share; 1 - confidence is the level of tests
    equivalence_margin: float  # largest difference that does not matter, as a share

    def groups(self, ids: pd.Index) -> np.ndarray:
        """Return the cluster of each query or image; raise InputError if one has none."""
        return clusters_of(ids.to_series(), self.clusters)


class Verdict(StrEnum):
    """Verdict on a, compared with b."""

    BETTER = "better"
    WORSE = "worse"
    EQUIVALENT = "equivalent"  # the difference is smaller than the margin, in either direction
    NOT_WORSE = "not worse"  # worse by less than the margin, if at all (non-inferior)
    NOT_BETTER = "not better"  # better by less than the margin, if at all
    UNDECIDED = "undecided"  # neither a difference nor its absence can be shown
    UNKNOWN = "not known"  # there is no interval; the estimate has the reason


@dataclass(frozen=True)
class Judgement:
    """A difference, its verdict, and p-values adjusted for its family; NaN without interval."""

    estimate: Estimate
    verdict: Verdict
    p_different: float  # that a and b are the same
    p_not_worse: float  # that a is worse by the margin or more
    p_not_better: float  # that a is better by the margin or more
    p_equivalent: float  # that a is worse or better by the margin or more

    @property
    def cells(self) -> dict[str, Any]:
        """The cells of a table of differences, and other fields of the estimate."""
        return vars(self.estimate) | {
            "difference": self.estimate.value,
            "p": self.estimate.p_different(),
            "p_holm": self.p_different,
            "p_equivalent": self.p_equivalent,
            "verdict": self.verdict.value,
        }


def judge(family: Sequence[Estimate], margin: float, confidence: float) -> list[Judgement]:
    """Judge all comparisons that are shown together; differences and margin are shares.

    Four questions are asked of each difference. Is there one: a two-sided t test. Is it above
    -margin (non-inferiority), is it below margin: one-sided t tests. Is it within both: the larger
    of these two p-values (two one-sided tests, Schuirmann 1987, J. Pharmacokinet. Biopharm.
    15:657-680). One-sided p-values are doubled, so that each test agrees with the two-sided
    interval (as ICH E9, 1998, asks for non-inferiority). The p-values of one question are adjusted
    over the family (Holm 1979): the chance that any "better" or "worse" is false is at most
    1 - confidence, whatever the dependence between rows, and likewise for each other verdict.

    The verdict is the first of these that is shown: equivalent, better or worse, not worse, not
    better. Differences without an interval are not tested.
    """
    different = np.array([each.p_different() for each in family])
    above = np.array([each.p_above(-margin) for each in family])
    below = np.array([each.p_below(margin) for each in family])
    questions = (different, 2.0 * above, 2.0 * below, 2.0 * np.maximum(above, below))
    adjusted = np.stack([holm(np.minimum(p, 1.0)) for p in questions], axis=1).tolist()
    return [
        Judgement(estimate, _verdict(estimate, [value <= 1.0 - confidence for value in p]), *p)
        for estimate, p in zip(family, adjusted, strict=True)
    ]


def judge_pairs(
    values: pd.DataFrame, judging: Judging, hits: bool = False
) -> dict[tuple[int, int], Judgement]:
    """Judge all pairs of systems as one family; InputError if a query has no cluster.

    `values` have one row per query (or image), one column per system; NaN where it has no score.
    The interval of `hits` (1 or 0) keeps a width even if two systems agree on all. The result is by
    the numbers (i, j) of two systems, i < j: system i compared with j.
    """
    scores, clusters = values.to_numpy(np.float64), judging.groups(values.index)

    def compared(i: int, j: int) -> Estimate:
        a, b = scores[:, i], scores[:, j]
        if hits:
            return paired_rate_difference(a, b, clusters, judging.confidence)
        return clustered_mean(a - b, clusters, judging.confidence)

    pairs = list(combinations(range(scores.shape[1]), 2))
    estimates = [compared(*pair) for pair in pairs]
    judged = judge(estimates, judging.equivalence_margin, judging.confidence)
    return dict(zip(pairs, judged, strict=True))


def indistinguishable_from_best(
    means: Sequence[float], pairs: dict[tuple[int, int], Judgement], confidence: float
) -> list[int]:
    """Numbers of the systems that cannot be told from the best, including the best.

    A system is left out if it differs from the one with the highest mean [M], after adjustment over
    all pairs (`judge_pairs`): any that is as good as the best with a chance of at most
    1 - confidence. A pair without an interval excludes no system.
    """
    best = int(np.argmax(means))
    distinguished = {
        i + j - best
        for (i, j), judged in pairs.items()
        if best in (i, j) and judged.p_different <= 1.0 - confidence
    }
    return [number for number in range(len(means)) if number not in distinguished]


@dataclass(frozen=True)
class Selection:
    """The system with the highest mean, and the optimism of choosing it after the fact."""

    best: int
    observed: float  # its mean
    optimism: float  # by how much that is too high on average, at least 0
    wins: np.ndarray  # share of the resamples in which each system has the highest mean [M]

    @property
    def corrected(self) -> float:
        """The mean minus the optimism."""
        return self.observed - self.optimism


def select_best(
    values: np.ndarray, clusters: np.ndarray, resamples: int, *seed: object
) -> Selection:
    """Choose the system with the highest mean and estimate the optimism of that choice.

    In each resample of whole clusters, the best system is chosen on the drawn clusters and scored
    on the others. The optimism is the mean lead, on those, of the system chosen on all data over
    the systems chosen in the resamples (bootstrap bias correction: Tsamardinos, Greasidou and
    Borboudakis 2018, Machine Learning 107:1895-1922); it is rather too large than too small. Values
    are float [N, M]: scores of M systems on the same N queries, without NaN, in `clusters` [N]. The
    draws depend on `seed` and the number of clusters.
    """
    totals, sizes = cluster_totals(values, clusters)
    means = weighted_means(np.ones((1, len(sizes))), totals, sizes)[0]
    best = int(np.argmax(means))
    wins = np.zeros(len(means))
    gain = counted = 0.0
    for times in cluster_draws(len(sizes), resamples, *seed):
        chosen = weighted_means(times, totals, sizes).argmax(axis=1)
        wins += np.bincount(chosen, minlength=len(means))
        left_out = times == 0
        lead = np.where(left_out, totals[:, best] - totals[:, chosen].T, 0.0)
        gain += float(lead.sum())
        counted += float(np.where(left_out, sizes, 0.0).sum())
    optimism = max(gain / counted, 0.0) if counted else 0.0
    return Selection(best, float(means[best]), optimism, wins / resamples)


def _verdict(estimate: Estimate, shown: Sequence[bool]) -> Verdict:
    different, not_worse, not_better, equivalent = shown
    answers = {
        Verdict.UNKNOWN: bool(estimate.reason),
        Verdict.EQUIVALENT: equivalent,
        Verdict.BETTER: different and estimate.value > 0,
        Verdict.WORSE: different,
        Verdict.NOT_WORSE: not_worse,
        Verdict.NOT_BETTER: not_better,
    }
    return next((verdict for verdict, is_so in answers.items() if is_so), Verdict.UNDECIDED)
