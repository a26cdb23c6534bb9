"""Probes of an attack: the place of each probe's match in a gallery, and their table."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from anonbench.core.boxes import regions_at
from anonbench.core.vocabulary import ORIGINAL, Entity, Variant
from anonbench.evaluation.privacy.gallery import Gallery, Match

log = logging.getLogger(__name__)

NAIVE, ADAPTIVE = "naive", "parrot"
"""Names in results of the attackers that are models of the experiment."""
ANONYMIZED = "anonymized"
RANKS = (1, 10)
"""Ranks at which a match counts as found."""
COLUMNS = {
    "entity": "str",
    "match": "str",
    "method": "str",
    "degree": "int64",
    "attacker": "str",
    "against": "str",
    "id": "str",
    "order": "int64",
    "cluster": "int64",
    "hidden": "bool",
    "context": "float64",
    "gallery": "int64",
    **{f"{what}_{rank}": "float64" for rank in RANKS for what in ("hit", "chance")},
    **dict.fromkeys(("one_above", "one_tied", "one_others"), "int64"),
    "reason": "str",
}
"""One row per probe. `against`: whether the gallery shows originals or the same variant; `hidden`:
whether the region is anonymized at this degree; `cluster`: shared by probes of one person or image;
`context`: the factor by which boxes are grown if everything except the region is shown, else 0.
`one_…`: the place of its match in a gallery with one crop of each person (or region): the number of
others, of those more similar to the probe, and of those equally similar. A row without an id says
in `reason` what was not run."""


DECIMALS = 6
"""Similarities that differ by less are equal: float32 products of equal vectors differ by less."""


@dataclass(frozen=True)
class Places:
    """Place of the best match of each of P probes; all arrays are int64 [P]."""

    above: np.ndarray
    """Crops that are more similar to the probe."""
    tied: np.ndarray
    """Crops that are as similar as the match, including it."""
    tied_matches: np.ndarray
    """Matches among the tied crops."""
    matches: np.ndarray
    """Crops of the gallery that are matches."""
    gallery: np.ndarray
    """Crops that are searched."""


def places(
    probes: np.ndarray, gallery: np.ndarray, match: np.ndarray, left_out: np.ndarray
) -> Places:
    """Rank the gallery by cosine similarity for every probe.

    Args:
        probes: unit vectors, float32 [P, D].
        gallery: unit vectors, float32 [G, D].
        match: bool [P, G], at least one in each row that is not left out.
        left_out: bool [P, G], crops that a probe is not compared with: its own photograph, if the
            person is searched in others.

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


def other_photos_mask(
    who: np.ndarray, own: np.ndarray, turn: np.ndarray, same: np.ndarray
) -> np.ndarray:
    """Mask of crops to leave out so that each person is shown once, bool [P, G].

    Args:
        who: person of each crop of the gallery, int [G].
        own: person of each probe, int [P].
        turn: place of each crop among its person's crops, from 0, int [G].
        same: bool [P, G], crops that a probe is not compared with.

    Returns:
        All but the first crop of each person; for the probe's own person, all but the first crop
        that is compared.

    """
    match = own[:, None] == who
    first = np.where(match & ~same, turn, np.iinfo(np.int64).max).min(axis=1, keepdims=True)
    shown = np.where(match, (turn == first) & ~same, turn == 0)
    return ~shown


def single_match_probes(above: np.ndarray, tied: np.ndarray, others: np.ndarray) -> Places:
    """Places of probes with a single match among other crops, int [P] each.

    Args:
        above: others that are more similar to the probe than its match is.
        tied: others that are equally similar.
        others: number of crops in the gallery except the match.

    """
    one = np.ones_like(above)
    return Places(above, tied + 1, one, one, others + 1)


def hit_rates(found: Places, rank: int) -> np.ndarray:
    """Probability that a match is among the first `rank`, float64 [P].

    It is 0 or 1 unless a tie reaches across the rank: tied crops come in random order, so that a
    gallery of equal crops (masks) gives the chance level, not an artefact of sorting.
    """
    room = np.clip(rank - found.above, 0, found.tied)
    return _chance_of_any(found.tied, found.tied_matches, room)


def chances(found: Places, rank: int) -> np.ndarray:
    """Probability that a random order has a match among its first `rank`, float64 [P]."""
    return _chance_of_any(found.gallery, found.matches, np.minimum(rank, found.gallery))


def _chance_of_any(items: np.ndarray, right: np.ndarray, drawn: np.ndarray) -> np.ndarray:
    """Probability that any right item is drawn: 1 - C(n - m, d) / C(n, d); all [P]."""
    none = np.ones(len(items))
    for step in range(int(drawn.max(initial=0))):
        left = np.maximum(items - right - step, 0) / np.maximum(items - step, 1)
        none = np.where(step < drawn, none * left, none)
    return np.asarray(1.0 - none)


def hidden_in(crops: pd.DataFrame, variant: Variant) -> np.ndarray:
    """Mask of regions (columns order and count) that are hidden in a variant, bool [N]."""
    return np.array(
        [
            bool(variant.method) and order < regions_at(variant.degree, count)
            for order, count in zip(crops["order"], crops["count"], strict=True)
        ],
        dtype=bool,
    )


def probe_rows(
    gallery: Gallery,
    variant: Variant,
    attacker: str,
    against: str,
    vectors: np.ndarray,
    searched: np.ndarray,
) -> pd.DataFrame:
    """Table with one row per probe, from vectors of the probes and of the searched crops."""
    probes = gallery.crops[gallery.crops["probe"]]
    own, who, turn = probes["who"].to_numpy(), *gallery.crops[["who", "turn"]].to_numpy().T
    match = own[:, None] == who
    same_image = probes["id"].to_numpy()[:, None] == gallery.crops["id"].to_numpy()
    left_out = same_image if gallery.match is Match.PERSON else np.zeros_like(same_image)
    ranks = places(vectors, searched, match, left_out)
    once = other_photos_mask(who, own, turn, left_out)
    one = places(vectors, searched, match, once)
    table = probes[["id", "order", "cluster"]].assign(
        entity=gallery.entity.value,
        match=gallery.match.value,
        method=ORIGINAL if variant.method is None else variant.method,
        degree=variant.degree,
        attacker=attacker,
        against=against,
        hidden=hidden_in(probes, variant),
        context=gallery.context,
        gallery=ranks.gallery,
        one_above=one.above,
        one_tied=one.tied - 1,
        one_others=one.gallery - 1,
        reason="",
    )
    for rank in RANKS:
        table[f"hit_{rank}"] = hit_rates(ranks, rank)
        table[f"chance_{rank}"] = chances(ranks, rank)
    return table


def not_run(
    entity: Entity,
    reason: str,
    variant: Variant | None = None,
    attacker: str = "",
    context: float = 0.0,
) -> pd.DataFrame:
    """Row with the reason why an entity, or an attacker on a variant, was not run."""
    log.info("%s %s %s: %s", entity, variant or "", attacker, reason)
    row: dict[str, Any] = {
        name: np.nan if kind == "float64" else 0 for name, kind in COLUMNS.items()
    }
    row |= {name: "" for name, kind in COLUMNS.items() if kind == "str"}
    row |= {"entity": entity.value, "attacker": attacker, "reason": reason, "context": context}
    if variant is not None and variant.method is not None:
        row |= {"method": variant.method, "degree": variant.degree}
    return pd.DataFrame([row])
