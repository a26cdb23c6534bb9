"""Re-identification: search of anonymized crops among crops of the originals.

The naive attacker compares by the unadapted model. The adaptive attacker ("parrot") has learned
from images that were anonymized in the same way: here the model adapted to the variant (McPherson
et al. 2016, "Defeating image obfuscation with deep learning"; Hao et al. 2019 report 86 % where the
naive one has 11 %). Others are registered (`anonbench.core.registries.attackers`): a supervised
attacker that learns from train images, a face recognition model of the user's, or another
package's. Where persons are searched in other
photographs, each attacker also anonymizes its gallery first (the adaptive attack that needs no
training). For the same region of the same image that would compare a crop with itself.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from anonbench.config.privacy import Privacy
from anonbench.core.boxes import Region, image_regions, regions_at
from anonbench.core.io import write_parquet
from anonbench.core.progress import track
from anonbench.core.registries.attackers import Attacker, AttackerKind
from anonbench.core.vocabulary import ORIGINAL, Entity, Variant
from anonbench.evaluation.privacy.attackers import Backbone
from anonbench.evaluation.privacy.crops import Images, Readable, read_crops
from anonbench.evaluation.privacy.gallery import Gallery, Match, draw_galleries
from anonbench.evaluation.privacy.kinds import attacker_named
from anonbench.evaluation.privacy.lessons import Lessons, features
from anonbench.evaluation.privacy.probes import ADAPTIVE, ANONYMIZED, COLUMNS, NAIVE, RANKS
from anonbench.evaluation.privacy.rank_metrics import (
    Places,
    chances,
    hit_rates,
    one_each,
    places,
)
from anonbench.evaluation.privacy.train_images import RestoredOnRead, TrainImages

NO_MODEL = "the system embeds no crops, and no recognizer is given (privacy.recognizer)"
"""Why nobody attacks: of vectors that were made elsewhere."""
_Regions = Mapping[str, Sequence[Region]]

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Attacked:
    """One variant of the validation images, and the model that learned from such images."""

    variant: Variant
    images: Readable
    adapted: Path | None = None


@dataclass(frozen=True)
class _View:
    """The crops of all galleries in one variant, by the side of their squares."""

    variant: Variant
    crops: Mapping[int, np.ndarray]


@dataclass(frozen=True)
class _Seen:
    """A variant's crops, and the vectors that attackers give them, by attacker and entity."""

    view: _View
    vectors: Mapping[str, Mapping[Entity, np.ndarray]]


class _Scene:
    """The galleries of one data set, with the crops of all of them in one table."""

    def __init__(self, galleries: Sequence[Gallery], settings: Privacy) -> None:
        self.galleries = galleries
        table = pd.concat(
            [
                gallery.crops.assign(
                    margin=settings.margin if gallery.match is Match.PERSON else 1.0,
                    is_compared=gallery.crops["probe"] | (gallery.match is Match.PERSON),
                )
                for gallery in galleries
            ],
            ignore_index=True,
        )
        self._size = len(table)
        # neighbours of one image together, so that it is decoded once
        self._read = table.assign(place=np.arange(len(table))).sort_values(["id", "order"])
        self.compared = self._read[self._read["is_compared"]]

    def view(self, attacked: Attacked, regions: _Regions, sides: Sequence[int]) -> _View:
        """Read the crops in one variant: all of the originals, else those that are compared."""
        rows = self._read if attacked.variant == Variant() else self.compared
        crops = {side: np.zeros((self._size, side, side, 3), np.uint8) for side in sides}
        for side, values in read_crops(attacked.images, regions, rows, sides).items():
            crops[side][rows["place"].to_numpy()] = values
        return _View(attacked.variant, crops)

    def slices(self) -> Iterator[tuple[Gallery, slice]]:
        """Give each gallery with the rows of its crops."""
        start = 0
        for gallery in self.galleries:
            yield gallery, slice(start, start + len(gallery.crops))
            start += len(gallery.crops)


def reidentify(
    originals: Images,
    variants: Sequence[Attacked],
    boxes: pd.DataFrame,
    people: Mapping[str, str],
    sought: Collection[Entity],
    unadapted: Attacker | None,
    settings: Privacy,
    train: TrainImages,
    seed: int,
    output: Path,
) -> None:
    """Attack every variant of a data set's validation images and write a row a probe.

    Probes are taken in every variant from the same regions, hidden there or not; in the originals
    (method `original`, degree 0) they give the ceiling.

    Args:
        originals: of the validation split.
        variants: its anonymized versions.
        boxes: columns of `anonbench.core.boxes`.
        people: the person of each image, where it is known.
        sought: entities that the detectors look for.
        unadapted: the reference model; None where it embeds no images.
        settings: section `privacy` of the config.
        train: what attackers may learn from.
        seed: of the draw.
        output: Parquet with `COLUMNS`.

    Raises:
        InputError: a model cannot be loaded.

    """
    with threadpool_limits(1, user_api="blas"):  # no bit depends on the number of threads
        table = probed(originals, variants, boxes, people, sought, unadapted, settings, train, seed)
    write_parquet(table, output)


def probed(
    originals: Images,
    variants: Sequence[Attacked],
    boxes: pd.DataFrame,
    people: Mapping[str, str],
    sought: Collection[Entity],
    unadapted: Attacker | None,
    settings: Privacy,
    train: TrainImages,
    seed: int,
) -> pd.DataFrame:
    """Attack as `reidentify` does, and return a row a probe, columns `COLUMNS`."""
    galleries, missing = draw_galleries(boxes, originals.ids, people, sought, settings, seed)
    rows = [_none(entity, reason) for entity, reason in missing.items()]
    if galleries:
        ids = {name for gallery in galleries for name in gallery.crops["id"]}
        drawn = boxes[boxes["id"].isin(ids)]
        scene = _Scene(galleries, settings)
        lessons = Lessons(train, boxes, people, originals.ids, settings, seed)
        regions = image_regions(drawn)
        rows += _attack(scene, originals, variants, regions, unadapted, settings, lessons)
    table = pd.concat([pd.DataFrame(columns=list(COLUMNS)), *rows], ignore_index=True)
    return table[list(COLUMNS)].astype(COLUMNS)


def _attack(
    scene: _Scene,
    originals: Images,
    variants: Sequence[Attacked],
    regions: _Regions,
    unadapted: Attacker | None,
    settings: Privacy,
    lessons: Lessons,
) -> list[pd.DataFrame]:
    attackers: dict[str, Attacker] = {} if unadapted is None else {NAIVE: unadapted}
    learners: list[AttackerKind] = []
    entities = {gallery.entity for gallery in scene.galleries}
    for name in settings.attackers:
        kind = settings.of(attacker_named(name))
        if kind.learns:
            learners.append(kind)
        elif kind.is_given() and entities & set(kind.entities or entities):
            attackers[name] = kind.load()
    if not attackers:
        return [_none(gallery.entity, NO_MODEL) for gallery in scene.galleries]
    sides = sorted({attacker.side for attacker in attackers.values()})

    def seen(attacked: Attacked) -> _Seen:
        view = scene.view(attacked, regions, sides)
        return _Seen(view, {n: _embedded(n, each, scene, view) for n, each in attackers.items()})

    clear = seen(Attacked(Variant(), originals))
    rows = []
    for name, vectors in clear.vectors.items():
        rows += _compared(scene, Variant(), name, vectors, vectors)
    for kind in learners:
        rows += _learned(scene, kind, lessons, attackers, clear, clear)
    for attacked in track(variants, len(variants), "variants attacked"):
        shown = seen(attacked)
        for name, vectors in shown.vectors.items():
            rows += _compared(scene, attacked.variant, name, vectors, clear.vectors[name])
        for kind in learners:
            by_kind = shown
            if (restorers := lessons.restorers(kind)) is not None:
                images, variant = attacked.images, attacked.variant
                restored = RestoredOnRead(images, regions, variant, restorers, scene.compared)
                by_kind = seen(replace(attacked, images=restored))
            rows += _learned(scene, kind, lessons, attackers, by_kind, clear)
        if attacked.adapted is None:
            reason = "no model is adapted to this variant"
            rows += [
                _none(gallery.entity, reason, attacked.variant, ADAPTIVE)
                for gallery in scene.galleries
            ]
            continue
        adapted = Backbone(attacked.adapted)
        vectors, of_originals = (
            _embedded(ADAPTIVE, adapted, scene, each) for each in (shown.view, clear.view)
        )
        rows += _compared(scene, attacked.variant, ADAPTIVE, vectors, of_originals)
    return rows


def _embedded(
    name: str, attacker: Attacker, scene: _Scene, view: _View
) -> dict[Entity, np.ndarray]:
    """Return the vectors of each gallery's crops, of its probes only where regions match."""
    vectors = {}
    for gallery, part in scene.slices():
        if gallery.entity not in (entities_of(name) or Entity):
            continue
        crops = view.crops[attacker.side][part]
        if gallery.match is Match.REGION and view.variant != Variant():
            crops = crops[gallery.crops["probe"].to_numpy()]
        vectors[gallery.entity] = attacker.embed(crops)
    return vectors


def entities_of(attacker: str) -> tuple[str, ...]:
    """Return what an attacker is shown; nothing: every entity."""
    return () if attacker in (NAIVE, ADAPTIVE) else attacker_named(attacker).entities


def _compared(
    scene: _Scene,
    variant: Variant,
    attacker: str,
    anonymized: Mapping[Entity, np.ndarray],
    originals: Mapping[Entity, np.ndarray],
) -> list[pd.DataFrame]:
    """Return the rows of one attacker on one variant, against each kind of gallery.

    Args:
        scene: the galleries.
        variant: of the probes.
        attacker: its name.
        anonymized: vectors of the variant's crops by entity.
        originals: vectors of the originals' crops by entity.

    """
    rows = []
    for gallery in scene.galleries:
        if gallery.entity not in anonymized:
            continue
        probes = anonymized[gallery.entity]
        if len(probes) == len(gallery.crops):
            probes = probes[gallery.crops["probe"].to_numpy()]
        searched = {ORIGINAL: originals[gallery.entity]}
        if gallery.match is Match.PERSON and variant != Variant():
            searched[ANONYMIZED] = anonymized[gallery.entity]
        for against, vectors in searched.items():
            rows.append(_rows(gallery, variant, attacker, against, probes, vectors))
    return rows


def _learned(
    scene: _Scene,
    kind: AttackerKind,
    lessons: Lessons,
    models: Mapping[str, Attacker],
    anonymized: _Seen,
    clear: _Seen,
) -> list[pd.DataFrame]:
    """Return the rows of an attacker that learns, on one variant."""
    rows, variant = [], anonymized.view.variant
    for gallery, part in scene.slices():
        if gallery.entity not in (kind.entities or Entity):
            continue
        able = {n: m for n, m in models.items() if gallery.entity in (entities_of(n) or Entity)}
        learned = lessons.of(kind, str(variant.method or ORIGINAL), gallery, able)
        if isinstance(learned, str):
            rows.append(_none(gallery.entity, learned, variant, kind.name))
            continue
        probe = gallery.crops["probe"].to_numpy()
        compared = probe
        if gallery.match is Match.PERSON or variant == Variant():
            compared = np.ones_like(probe)
        side = max(model.side for model in able.values())
        shown, originals = (
            features(
                [seen.vectors[name][gallery.entity] for name in able],
                seen.view.crops[side][part][rows_of],
            )
            for seen, rows_of in ((anonymized, compared), (clear, np.ones_like(probe)))
        )
        hidden = _hidden(gallery.crops, variant)[compared]
        for gallery_is_hidden, comparison in learned.items():
            if gallery_is_hidden and variant == Variant():
                continue
            vectors = comparison.vectors(shown, hidden)
            searched = vectors
            if not gallery_is_hidden:
                searched = comparison.vectors(originals, np.zeros_like(probe))
            against = ANONYMIZED if gallery_is_hidden else ORIGINAL
            of_probes = vectors[probe[compared]]
            rows.append(_rows(gallery, variant, kind.name, against, of_probes, searched))
    return rows


def _hidden(crops: pd.DataFrame, variant: Variant) -> np.ndarray:
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


def _rows(
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
        hidden=_hidden(probes, variant),
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


def _none(
    entity: Entity, reason: str, variant: Variant | None = None, attacker: str = ""
) -> pd.DataFrame:
    """Return the row that says why an entity, or an attacker on a variant, was not run."""
    log.info("%s %s %s: not run: %s", entity, variant or "", attacker, reason)
    row: dict[str, Any] = {
        name: np.nan if kind == "float64" else 0 for name, kind in COLUMNS.items()
    }
    row |= {name: "" for name, kind in COLUMNS.items() if kind == "str"}
    row |= {"entity": entity.value, "attacker": attacker, "reason": reason}
    if variant is not None and variant.method is not None:
        row |= {"method": variant.method, "degree": variant.degree}
    return pd.DataFrame([row])
