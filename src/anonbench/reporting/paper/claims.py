"""Claims of the paper, each as functions of a table of scores.

Source: arXiv 2602.19641, in our own words. A claim consists of cases (a column of a table, a series
over degrees, a pair of coefficients), each of which the numbers support or not; it holds if all its
cases do. The same functions evaluate the paper's numbers and ours.

A claim that names a count holds if the count, or its share of the available cases, is the stated
one.
"""

from __future__ import annotations

import pandas as pd

from anonbench.reporting.paper.cases import (
    Claim,
    Finding,
    Pairs,
    decide,
    evaluate_claim,
    falls_with_degree,
    half_are_masking,
    rises_in_half,
    trends_agree,
    unadapted_wins,
    unadapted_wins_by_second,
)
from anonbench.reporting.paper.coefficient_cases import correlates_strongly, predicts_best

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


def evaluate_claims(
    table: pd.DataFrame, pairs: Pairs | None = None, level: float = 0.05
) -> list[Finding]:
    """Evaluate all claims on one set of numbers (see `evaluate_claim`)."""
    return [evaluate_claim(claim, table, pairs, level) for claim in CLAIMS]


def evaluate_by_second(best: pd.DataFrame) -> list[Finding | None]:
    """Evaluate all claims by rankings of a second training on originals.

    Args:
        best: `role` and the columns of `best.csv`, of all data sets.

    Returns:
        A finding for each claim; None for a claim that does not depend on the ranking of a single
        training.
    """
    return [
        Finding(claim, decide(cases := tuple(claim.second(best))), cases) if claim.second else None
        for claim in CLAIMS
    ]
