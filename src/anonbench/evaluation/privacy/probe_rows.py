"""Rows of the table of probes: where each probe finds its match, or why nobody looked."""

from __future__ import annotations

import logging
from typing import Any

import numpy as np
import pandas as pd

from anonbench.core.boxes import regions_at
from anonbench.core.vocabulary import ORIGINAL, Entity, Variant
from anonbench.evaluation.privacy.gallery import Gallery, Match
from anonbench.evaluation.privacy.probes import COLUMNS, RANKS
from anonbench.evaluation.privacy.rank_metrics import (
    Places,
    chances,
    hit_rates,
    one_each,
    places,
)

log = logging.getLogger(__name__)


def hidden_in(crops: pd.DataFrame, variant: Variant) -> np.ndarray:
    """Return whether regions, columns order and count, are hidden in a variant: bool [N]."""
    return np.array(
        [
            bool(variant.method) and order < regions_at(variant.degree, count)
            for order, count in zip(crops["order"], crops["count"], strict=True)
        ],
        dtype=bool,
    )


def _places(gallery: Gallery, probes: np.ndarray, vectors: np.ndarray) -> tuple[Places, Places]:
    """Return where probes find their match: among all crops, and among one of each person."""
    rows = gallery.crops[gallery.crops["probe"]]
    own, who, turn = rows["who"].to_numpy(), *gallery.crops[["who", "turn"]].to_numpy().T
    match = own[:, None] == who
    same_image = rows["id"].to_numpy()[:, None] == gallery.crops["id"].to_numpy()
    left_out = same_image if gallery.match is Match.PERSON else np.zeros_like(same_image)
    once = one_each(who, own, turn, left_out)
    return places(probes, vectors, match, left_out), places(probes, vectors, match, once)


def probe_rows(
    gallery: Gallery,
    variant: Variant,
    attacker: str,
    against: str,
    vectors: np.ndarray,
    searched: np.ndarray,
) -> pd.DataFrame:
    """Return a row a probe, from the vectors of probes and of what they are searched among."""
    ranks, one = _places(gallery, vectors, searched)
    probes = gallery.crops[gallery.crops["probe"]]
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
    """Return the row that says why an entity, or an attacker on a variant, was not run."""
    log.info("%s %s %s: %s", entity, variant or "", attacker, reason)
    row: dict[str, Any] = {
        name: np.nan if kind == "float64" else 0 for name, kind in COLUMNS.items()
    }
    row |= {name: "" for name, kind in COLUMNS.items() if kind == "str"}
    row |= {"entity": entity.value, "attacker": attacker, "reason": reason, "context": context}
    if variant is not None and variant.method is not None:
        row |= {"method": variant.method, "degree": variant.degree}
    return pd.DataFrame([row])
