"""Numbers of images and queries that a statement about a ranking needs.

Scores are computed and shown in the tables for any number of queries. A statement (the report's
first screen, a recommendation, a claim) needs at least these numbers.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import pandas as pd

from anonbench.config import Policy, Presentation, Retrieval
from anonbench.evaluation.retrieval.scoring.metrics import MIN_K, images_needed

MIN_QUERIES = 20
"""Fewer give no interval that could be trusted."""
MOST_CHANCE = 0.5
"""If a random ranking's mAP is higher, most images are relevant and every system scores high."""
ALL_ALIKE = 1e-6
"""If a random ranking's mnDCG is this close to 1, the reference does not distinguish images."""


@dataclass(frozen=True)
class Needs:
    """Requirements of a value on the report's first page."""

    retrieval: Retrieval
    widest: float
    """The widest interval, as a share."""
    confidence: float
    """Of the intervals."""
    limit: float
    """Largest share of regions that may be re-identified in a recommended variant."""

    @classmethod
    def of(cls, retrieval: Retrieval, presentation: Presentation, policy: Policy) -> Needs:
        """Requirements set by these sections of the config."""
        limit = policy.attacks.reidentification
        return cls(retrieval, presentation.widest_interval, presentation.confidence, limit)


DEFAULTS = Needs.of(Retrieval(), Presentation(), Policy())


def identical_vectors_note(scores: pd.DataFrame) -> str:
    """State that the reference finds all images equally similar; empty if it does not.

    Then any image may be relevant, and every ranking scores at chance level.

    Args:
        scores: rows with `metric` and `chance`.
    """
    if (scores.loc[scores["metric"] == "mndcg", "chance"] > 1.0 - ALL_ALIKE).any():
        return "all images are equally similar by the reference, so it has no ranking"
    return ""


def high_chance(scores: pd.DataFrame) -> str:
    """State that a random ranking has a high mAP; empty if it has not.

    Args:
        scores: rows with `metric` and `chance`.
    """
    chance = float(scores.loc[scores["metric"] == "map", "chance"].max())
    if chance > MOST_CHANCE:
        return (
            f"a random ranking has {100 * chance:.1f} % mAP here; fewer relevant images "
            "(retrieval.fraction) tell rankings apart"
        )
    return ""


def too_wide(low: float, high: float, needs: Needs) -> str:
    """Why a value (shares) is too uncertain, and what to add; empty if it is not.

    The width of an interval falls with the root of the number of clusters of the same size.
    """
    if high - low <= needs.widest:
        return ""
    if math.isnan(high - low):
        return "it has no interval"
    times = math.ceil(10 * ((high - low) / needs.widest) ** 2 - 1e-9) / 10
    return (
        f"its interval, {100 * low:.1f} to {100 * high:.1f}, is wider than {100 * needs.widest:g} "
        f"points; it takes about {times:g} times as many persons, forms or single images"
    )


def why_no_statement(
    scores: pd.DataFrame, needs: Needs = DEFAULTS, images: int | None = None
) -> str:
    """Why the scores of a data set support no statement about rankings; empty if they do.

    Args:
        scores: rows with `metric`, `n`, `k` and `chance`: tidy scores, or their means over seeds.
        needs: the requirements.
        images: validation images that are used, if that is known.
    """
    ranked = scores[scores["metric"] == "map"].dropna(subset=["value"])
    if ranked.empty:
        return ""
    if reason := identical_vectors_note(scores) or high_chance(scores):
        return reason
    k, queries = int(ranked["k"].min()), int(ranked["n"].min())
    if k < MIN_K:
        needed = images_needed(needs.retrieval)
        current, more = "", ""
        if images is not None and images < needed:
            current, more = f" ({images} validation images)", f": add {needed - images}"
        share = f"retrieval.fraction {needs.retrieval.fraction:g}"
        return (
            f"k is {k}{current}, and below {MIN_K} no ranking can be judged; with {share} it takes "
            f"{needed:,} validation images{more}"
        )
    if queries < MIN_QUERIES:
        return f"{queries} queries are scored, and {MIN_QUERIES} are needed"
    return ""
