"""Effects of retraining, anonymizing and adapting on retrieval, query by query.

A reference ranking is the ranking of the original images by an unadapted model. U and A are the
unadapted and an adapted model of one training seed. Their own reference is the ranking by U. A
second reference is the ranking by the unadapted model of another seed. By their own reference, U is
compared with itself and A is not, which favours U: the retrieval bias. A second reference is as
foreign to U as to A, so that it favours neither. With every score by the second reference,

    1 - A on anonymized  =  (1 - U on originals)                    cost of retraining
                          + (U on originals - U on anonymized)      cost of anonymizing
                          + (U on anonymized - A on anonymized)     cost of adapting

and the lead of U over A by their own reference is the cost of adapting plus the retrieval bias.
Both identities hold for every query, and so for every mean.

The score of U on originals by a second reference is the ceiling: what retraining keeps of the
ranking when nothing is anonymized. Costs can be read as shares of it.

A test collection favours the systems that its judgments come from: Zobel 1998 (SIGIR, pp. 307-314).
The effects decompose the tables published in arXiv 2602.19641.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Judged:
    """Scores by one reference of one seed's models for the same queries, float64 [..., Q].

    NaN where a query has no score.
    """

    originals: np.ndarray
    """The unadapted model; original queries, original images."""
    unadapted: np.ndarray
    """The unadapted model on anonymized images."""
    adapted: np.ndarray
    """An adapted model on the same images, with the same kind of queries."""


@dataclass(frozen=True)
class Effects:
    """Loss of score to each cause, float64 [..., Q]; positive where something is lost."""

    retraining: np.ndarray
    anonymizing: np.ndarray
    adapting: np.ndarray
    lead: np.ndarray
    """By their own reference: how far the unadapted model is ahead of the adapted one."""
    bias: np.ndarray
    """The part of the lead that a second reference does not confirm."""


def tell_apart(second: Judged, own: Judged) -> Effects:
    """Return the effects that separate an adapted model from a perfect score.

    Args:
        second: scores by a reference of another seed.
        own: scores of the same models by the reference of their own seed.

    """
    return Effects(
        retraining=1.0 - second.originals,
        anonymizing=second.originals - second.unadapted,
        adapting=second.unadapted - second.adapted,
        lead=own.unadapted - own.adapted,
        # how much more its own reference favours the unadapted model than the adapted one
        bias=(own.unadapted - second.unadapted) - (own.adapted - second.adapted),
    )


def share_of(effect: np.ndarray, ceiling: np.ndarray) -> np.ndarray:
    """Return values whose mean is the ratio of the means of effect and ceiling, float64 [Q].

    They linearize the ratio: to first order, the standard error of their mean is that of the ratio,
    for any clusters (Woodruff 1971, JASA 66:411-414; Cochran 1977, Sampling Techniques, section 6).

    Args:
        effect: of each query, float64 [Q]; NaN where it is undefined.
        ceiling: of each query, float64 [Q]; NaN where it is undefined.

    Returns:
        NaN where either is undefined; all NaN if the mean ceiling is not positive.

    """
    defined = ~(np.isnan(effect) | np.isnan(ceiling))
    if not defined.any() or (level := float(ceiling[defined].mean())) <= 0.0:
        return np.full(len(effect), np.nan)
    ratio = float(effect[defined].mean()) / level
    return np.asarray(np.where(defined, ratio + (effect - ratio * ceiling) / level, np.nan))
