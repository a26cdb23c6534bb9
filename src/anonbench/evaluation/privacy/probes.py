"""Probes of an attack and their galleries: the draw, and the place of each probe's match.

Everything is drawn by hashes of ids: an added image changes few others, and every variant and
attacker gets the same gallery.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from anonbench.anonymization.geometry import regions_at
from anonbench.core.numeric.seeding import hash_ints
from anonbench.core.registries.attacks import ONLY_TRAIN
from anonbench.core.vocabulary import ORIGINAL, Entity, Variant

if TYPE_CHECKING:
    from anonbench.config import Privacy


log = logging.getLogger(__name__)

NAIVE, ADAPTIVE = "naive", "parrot"
"""Names in results of the attackers that are models of the experiment."""
ANONYMIZED = "anonymized"
RANKS = (1, 10)  # ranks at which a match counts as found
COLUMNS = {
    **dict.fromkeys(("entity", "match", "method"), "str"),
    "degree": "int64",
    **dict.fromkeys(("attacker", "against", "id"), "str"),
    **dict.fromkeys(("order", "cluster"), "int64"),
    "hidden": "bool",
    "context": "float64",
    "gallery": "int64",
    "one_gallery": "int64",
    **{f"{part}hit_{rank}": "float64" for part in ("", "one_") for rank in RANKS},
    **{f"{part}chance_{rank}": "float64" for part in ("", "one_") for rank in RANKS},
    "reason": "str",
}
"""One row per probe. `against`: whether the gallery shows originals or the same variant; `hidden`:
whether the region is anonymized at this degree; `cluster`: shared by probes of one person or image;
`context`: the factor by which boxes are grown if everything except the region is shown, else 0.
`one_…`: the same in a gallery with one crop of each person (or region). A row without an id says in
`reason` what was not run."""


DECIMALS = 6  # of similarities: float32 products of equal vectors differ by less


@dataclass(frozen=True)
class Places:
    """Place of the best match of each of P probes; all arrays are int64 [P]."""

    above: np.ndarray  # crops that are more similar to the probe
    tied: np.ndarray  # crops that are as similar as the match, including it
    tied_matches: np.ndarray  # matches among the tied crops
    matches: np.ndarray  # crops of the gallery that are matches
    gallery: np.ndarray  # crops that are searched


def places(
    probes: np.ndarray, gallery: np.ndarray, match: np.ndarray, left_out: np.ndarray
) -> Places:
    """Rank the gallery by cosine similarity for every probe.

    Probes [P, D] and gallery [G, D] are unit vectors, float32. A probe is not compared with crops
    that are `left_out`, bool [P, G]; of the others, at least one is a `match`, bool [P, G].
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
    """Mask of all but the first crop of each person by `turn` (int [G], from 0), bool [P, G].

    `who` are the persons of the gallery [G], `own` those of the probes [P]. Of a probe's own
    person, the first crop that is compared is shown: it is not the `same`, bool [P, G].
    """
    match = own[:, None] == who
    first = np.where(match & ~same, turn, np.iinfo(np.int64).max).min(axis=1, keepdims=True)
    shown = np.where(match, (turn == first) & ~same, turn == 0)
    return ~shown


def hit_rates(found: Places, rank: int) -> np.ndarray:
    """Probability that a match is among the first `rank`, float64 [P].

    Tied crops come in random order: a gallery of equal crops (masks) gives the chance level.
    """
    first = np.clip(rank - found.above, 0, found.tied)
    return _any_drawn(found.tied, found.tied_matches, first)


def chances(found: Places, rank: int) -> np.ndarray:
    """Probability that a random order has a match among its first `rank`, float64 [P]."""
    return _any_drawn(found.gallery, found.matches, np.minimum(rank, found.gallery))


def _any_drawn(items: np.ndarray, right: np.ndarray, drawn: np.ndarray) -> np.ndarray:
    """Probability that any right item is drawn, of all items at random; all [P]."""
    from scipy.stats import hypergeom  # imported here: it takes half a second

    return np.asarray(hypergeom.sf(0, items, right, drawn))


def hidden_in(crops: pd.DataFrame, variant: Variant) -> np.ndarray:
    """Mask of regions (columns order and count) that are hidden in a variant, bool [N]."""
    places = zip(crops["order"], crops["count"], strict=True)
    return np.array([order < regions_at(variant.degree, count) for order, count in places], bool)


def probe_rows(
    gallery: Gallery,
    variant: Variant,
    attacker: str,
    against: str,
    vectors: np.ndarray,
    searched: np.ndarray,
) -> pd.DataFrame:
    """Table with one row per probe, from vectors of the probes and of the searched crops."""
    crops = gallery.crops
    probes = crops[crops["probe"]]
    own, who, turn = probes["who"].to_numpy(), *crops[["who", "turn"]].to_numpy().T
    match = own[:, None] == who
    left_out = probes["id"].to_numpy()[:, None] == crops["id"].to_numpy()
    if gallery.match is Match.REGION:
        left_out = np.zeros_like(match)
    ranks = places(vectors, searched, match, left_out)
    one = places(vectors, searched, match, other_photos_mask(who, own, turn, left_out))
    rates = {}
    for rank in RANKS:
        for part, found in (("", ranks), ("one_", one)):
            rates[f"{part}hit_{rank}"] = hit_rates(found, rank)
            rates[f"{part}chance_{rank}"] = chances(found, rank)
    return probes[["id", "order", "cluster"]].assign(
        entity=gallery.entity.value,
        match=gallery.match.value,
        method=variant.method or ORIGINAL,
        degree=variant.degree,
        attacker=attacker,
        against=against,
        hidden=hidden_in(probes, variant),
        context=gallery.context,
        gallery=ranks.gallery,
        one_gallery=one.gallery,
        reason="",
        **rates,
    )


def not_run(
    entity: Entity,
    reason: str,
    variant: Variant | None = None,
    attacker: str = "",
    context: float = 0.0,
) -> pd.DataFrame:
    """Row with the reason why an entity, or an attacker on a variant, was not run."""
    log.info("%s %s %s: %s", entity, variant or "", attacker, reason)
    empty = {"str": "", "int64": 0, "bool": False, "float64": np.nan}
    row: dict[str, Any] = {name: empty[kind] for name, kind in COLUMNS.items()}
    row |= {"entity": entity.value, "attacker": attacker, "reason": reason, "context": context}
    if variant is not None:
        row |= {"method": variant.method or "", "degree": variant.degree}
    return pd.DataFrame([row])


NONE = "no region in the validation images"
ONLY_ONE = "only one region in the validation images"
"""Why there is no gallery."""
NO_LESSON = "no such regions in the train images to learn from"
NO_STRANGER = "all train images show attacked persons (the setting split.by keeps persons apart)"
TOO_LITTLE = "too little in the train images to learn from"  # the required number follows
UNTAUGHT = "so it compares by the models' own vectors"
"""Why an attacker did not learn, and what it does instead if it is run."""
NO_MODEL = "the system embeds no crops, and no recognizer of them is given (privacy.recognizer)"


class Match(StrEnum):
    """Kind of match that counts as found."""

    PERSON = "person"  # the same person in another photograph
    REGION = "region"  # the same region of the same image


@dataclass(frozen=True)
class Gallery:
    """One entity's gallery; its probes are some of its regions."""

    entity: Entity
    match: Match
    crops: pd.DataFrame
    """One row per crop, sorted by id and order: id, order (in its image's draw), count (regions of
    the image), who (shared by matches, int), cluster (the person or the image, int), turn (place in
    a random order of crops with the same `who`, int; the first represents its person), probe; and
    as `read_crops` takes them, margin and context."""
    context: float = 0.0
    """Factor by which boxes are grown if only surroundings are shown; 0: the region itself."""


def draw_galleries(
    boxes: pd.DataFrame,
    ids: Collection[str],
    people: Mapping[str, str],
    sought: Collection[Entity],
    settings: Privacy,
    seed: int,
) -> tuple[list[Gallery], dict[Entity, str]]:
    """Draw a gallery for each entity; give a reason for each entity without one.

    Boxes are of both splits; `ids` are the validation images, and detectors look for what is
    `sought`.
    """
    validation = boxes[boxes["id"].isin(set(ids))].sort_values(["id", "order"], ignore_index=True)
    validation = validation.assign(count=validation.groupby("id")["order"].transform("size"))
    galleries, missing = [], {}
    for entity in Entity:
        regions = validation[validation["entity"] == entity.value]
        drawn = _person_gallery(regions, people, settings, seed) if entity is Entity.FACE else None
        match = Match.REGION if drawn is None else Match.PERSON
        if drawn is None:
            drawn = _region_gallery(regions, settings, seed)
        if len(drawn) > 1:
            ordered = drawn.sort_values(["id", "order"], ignore_index=True)
            columns = ["id", "order", "count", "who", "cluster", "turn", "probe"]
            margin = settings.margin if match is Match.PERSON else 1.0
            crops = ordered[columns].assign(margin=margin, context=0.0)
            galleries.append(Gallery(entity, match, crops))
        elif len(drawn):
            missing[entity] = ONLY_ONE
        elif (boxes["entity"] == entity.value).any():
            missing[entity] = ONLY_TRAIN
        elif entity in sought:
            missing[entity] = NONE
    return galleries, missing


def _region_gallery(regions: pd.DataFrame, settings: Privacy, seed: int) -> pd.DataFrame:
    """Draw the gallery; the probes are the first drawn."""
    keys = regions["id"] + "\x1f" + regions["order"].astype(str)
    drawn = regions.assign(draw=hash_ints((seed, "line-up"), keys)).sort_values("draw")
    drawn = drawn.iloc[: settings.gallery]
    number = np.arange(len(drawn))
    cluster = pd.factorize(drawn["id"])[0]
    return drawn.assign(who=number, cluster=cluster, turn=0, probe=number < settings.probes)


def _person_gallery(
    faces: pd.DataFrame, people: Mapping[str, str], settings: Privacy, seed: int
) -> pd.DataFrame | None:
    """Draw persons with all their photographs; None if each drawn person appears once."""
    # the known person is assumed to be the largest face of the image; other faces are ignored
    area = (faces["x1"] - faces["x0"]) * (faces["y1"] - faces["y0"])
    largest = faces.assign(area=area, person=faces["id"].map(people)).sort_values(
        ["area", "order"], ascending=[False, True]
    )
    known = largest.drop_duplicates("id").dropna(subset=["person"])
    photos = known.groupby("person")["id"].transform("size")
    draw = hash_ints((seed, "line-up"), known["person"])
    drawn = known.assign(draw=draw, photos=photos).sort_values(["draw", "person", "id"])
    # persons who fit completely into the gallery, at least two
    persons = drawn.groupby("person", sort=False)
    fitting = max(2, int((persons.size().cumsum() <= settings.gallery).sum()))
    drawn = drawn[persons.ngroup() < fitting]
    if not (drawn["photos"] > 1).any():
        return None
    who = pd.factorize(drawn["person"])[0]
    order = np.argsort(hash_ints((seed, "probe"), drawn["id"]), kind="stable")
    probes = order[drawn["photos"].to_numpy()[order] > 1][: settings.probes]
    turns = pd.Series(hash_ints((seed, "mate"), drawn["id"])).groupby(who).rank(method="first")
    turn, probe = turns.to_numpy(np.int64) - 1, np.isin(np.arange(len(drawn)), probes)
    return drawn.assign(who=who, cluster=who, turn=turn, probe=probe)
