"""Rank of a probe's match in a gallery, and its chance level."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

DECIMALS = 6
"""Similarities that differ by less are equal: float32 products of equal vectors differ by less."""


@dataclass(frozen=True)
class Places:
    """Where the best match of each of P probes comes; all int64 [P]."""

    above: np.ndarray
    """Crops that are more similar to the probe."""
    tied: np.ndarray
    """Crops that are as similar as it is, itself among them."""
    tied_matches: np.ndarray
    """Those of them that are matches."""
    matches: np.ndarray
    """Crops of the gallery that would be right."""
    gallery: np.ndarray
    """Crops that are looked through."""


def places(
    probes: np.ndarray, gallery: np.ndarray, match: np.ndarray, left_out: np.ndarray
) -> Places:
    """Rank the gallery by cosine similarity for every probe.

    Args:
        probes: unit vectors, float32 [P, D].
        gallery: unit vectors, float32 [G, D].
        match: bool [P, G], at least one in each row that is not left out.
        left_out: bool [P, G], what a probe is not compared with: its own photograph, where the
            person is looked for in others.

    """
    similar = np.round(probes.astype(np.float64) @ gallery.T.astype(np.float64), DECIMALS)
    similar[left_out] = -np.inf
    right = match & ~left_out
    best = np.where(right, similar, -np.inf).max(axis=1, keepdims=True)
    level = similar == best
    return Places(
        above=(similar > best).sum(axis=1),
        tied=level.sum(axis=1),
        tied_matches=(level & right).sum(axis=1),
        matches=right.sum(axis=1),
        gallery=(~left_out).sum(axis=1),
    )


def one_each(who: np.ndarray, own: np.ndarray, turn: np.ndarray, same: np.ndarray) -> np.ndarray:
    """Return what is left out of a gallery that shows each person once: bool [P, G].

    Args:
        who: person of each crop of the gallery, int [G].
        own: person of each probe, int [P].
        turn: place of each crop among its person's, from 0 on, int [G].
        same: bool [P, G], crops that a probe is not compared with.

    Returns:
        All but the first crop of each person; of the probe's own, all but the first that is
        compared.

    """
    match = own[:, None] == who
    first = np.where(match & ~same, turn, np.iinfo(np.int64).max).min(axis=1, keepdims=True)
    shown = np.where(match, (turn == first) & ~same, turn == 0)
    return ~shown


def of_one(above: np.ndarray, tied: np.ndarray, others: np.ndarray) -> Places:
    """Return the places of probes with one match among so many others, int [P] each.

    Args:
        above: others that are more similar to the probe than its match is.
        tied: others that are as similar.
        others: crops of the gallery less the match.

    """
    one = np.ones_like(above)
    return Places(above, tied + 1, one, one, others + 1)


def hit_rates(found: Places, rank: int) -> np.ndarray:
    """Return the chance that a match is among the first `rank`, float64 [P].

    It is 0 or 1 but where a tie reaches across the rank: tied crops come in random order, so that a
    gallery of equal crops (masks) gives chance and not whatever a sort makes of it.
    """
    room = np.clip(rank - found.above, 0, found.tied)
    return _any_of(found.tied, found.tied_matches, room)


def chances(found: Places, rank: int) -> np.ndarray:
    """Return the chance that a random order has a match among its first `rank`, float64 [P]."""
    return _any_of(found.gallery, found.matches, np.minimum(rank, found.gallery))


def _any_of(items: np.ndarray, right: np.ndarray, drawn: np.ndarray) -> np.ndarray:
    """Return the chance that any right item is drawn, without replacement; all [P].

    It is 1 - C(n - m, d) / C(n, d) for d drawn of n items, m of them right.
    """
    none = np.ones(len(items))
    for step in range(int(drawn.max(initial=0))):
        left = np.maximum(items - right - step, 0) / np.maximum(items - step, 1)
        none = np.where(step < drawn, none * left, none)
    return np.asarray(1.0 - none)
