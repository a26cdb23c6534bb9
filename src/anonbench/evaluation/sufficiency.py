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

MIN_QUERIES = 20  # fewer give no interval that could be trusted
MOST_CHANCE = 0.5
"""If a random ranking's mAP is higher, most images are relevant and every system scores high."""
ALL_ALIKE = 1e-6
"""If a random ranking's mnDCG is this close to 1, the reference does not distinguish images."""


@dataclass(frozen=True)
class Needs:
    """Requirements of a value on the report's first page."""

    retrieval: Retrieval
    widest: float  # the widest interval, as a share
    confidence: float  # of the intervals
    limit: float  # largest share of regions that may be re-identified in a recommended variant

    @classmethod
    def of(cls, retrieval: Retrieval, presentation: Presentation, policy: Policy) -> Needs:
        """Requirements set by these sections of the config."""
        limit = policy.attacks.reidentification
        return cls(retrieval, presentation.widest_interval, presentation.confidence, limit)


DEFAULTS = Needs.of(Retrieval(), Presentation(), Policy())


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


def statement_gap(
    scores: pd.DataFrame, needs: Needs = DEFAULTS, images: int | None = None
) -> tuple[str, dict[str, float]] | None:
    """Why the scores of a data set support no statement about rankings, with numbers, or None.

    The rows have `metric`, `n`, `k` and `chance`; `images` are the validation images that are used,
    if that is known. `alike`: the reference finds all images equally similar. `likely`: a random
    ranking has a high mAP, `chance`. `few_images` (with their `k`) and `few_queries`: so many are
    `there`, and others `needed`.
    """
    ranked = scores[scores["metric"] == "map"].dropna(subset=["value"])
    if ranked.empty:
        return None
    if (scores.loc[scores["metric"] == "mndcg", "chance"] > 1.0 - ALL_ALIKE).any():
        return "alike", {}
    chance = float(scores.loc[scores["metric"] == "map", "chance"].max())
    if chance > MOST_CHANCE:
        return "likely", {"chance": chance}
    k, queries = int(ranked["k"].min()), int(ranked["n"].min())
    if k < MIN_K:
        there = queries if images is None else min(images, queries)
        return "few_images", {"k": k, "there": there, "needed": images_needed(needs.retrieval)}
    if queries < MIN_QUERIES:
        return "few_queries", {"there": queries, "needed": MIN_QUERIES}
    return None


def why_no_statement(
    scores: pd.DataFrame, needs: Needs = DEFAULTS, images: int | None = None
) -> str:
    """State the reason of `statement_gap`; empty if there is none."""
    gap, numbers = statement_gap(scores, needs, images) or ("", {})
    if gap == "alike":
        return "all images are equally similar by the reference, so it has no ranking"
    if gap == "likely":
        return (
            f"a random ranking has {100 * numbers['chance']:.1f} % mAP here; fewer relevant images "
            "(retrieval.fraction) tell rankings apart"
        )
    if gap == "few_images":
        needed, current, more = numbers["needed"], "", ""
        if images is not None and images < needed:
            current, more = f" ({images} validation images)", f": add {needed - images}"
        share = f"retrieval.fraction {needs.retrieval.fraction:g}"
        return (
            f"k is {numbers['k']}{current}, and below {MIN_K} no ranking can be judged; with "
            f"{share} it takes {needed:,} {'' if images is None else 'validation '}images{more}"
        )
    if gap == "few_queries":
        return f"{numbers['there']} queries are scored, and {numbers['needed']} are needed"
    return ""
