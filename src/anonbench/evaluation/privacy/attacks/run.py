"""All attacks on a data set's published images and vectors, as one table of rates."""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from anonbench.config import Privacy
from anonbench.core.boxes import image_regions
from anonbench.core.numeric.clusters import clustered_rate, too_few
from anonbench.core.numeric.seeding import hash_ints
from anonbench.core.registries.attacks import (
    LEARNED,
    NO_REGION,
    ONLY_TRAIN,
    Archive,
    ArchiveAttack,
    Attacker,
    AttackNotPossibleError,
    Equipment,
    LoadedAttack,
    Outcome,
    PrivacyAttack,
    RegionAttack,
)
from anonbench.core.registries.method_names import has_own_vectors, pictures_of
from anonbench.core.vocabulary import ORIGINAL, Entity, Variant
from anonbench.embedding.mapping import Map
from anonbench.evaluation.privacy.attacks.kinds import KINDS
from anonbench.evaluation.privacy.attacks.regions import CONTROL, attack_regions
from anonbench.evaluation.privacy.attacks.restorer import LearnedRestorers
from anonbench.evaluation.privacy.attacks.table import COLUMNS, SEEN
from anonbench.evaluation.privacy.crops import Images, crop
from anonbench.evaluation.privacy.kinds import Recognizer
from anonbench.evaluation.privacy.published import Published
from anonbench.evaluation.retrieval.vectors import look_through
from anonbench.training.data.preprocess import Preprocess

NO_TRUTH = "of no original it is known for sure what is right"
NO_VECTORS = "no vectors of the published images are given"
NOT_SEEN = "there are no vectors of the images that the model was trained on"


def attack(
    dataset: str,
    published: Published,
    settings: Privacy,
    equipment: Equipment,
    seed: int,
    confidence: float,
) -> pd.DataFrame:
    """Run the attacks that `privacy.attacks` names, and collect their rates.

    The columns are `anonbench.evaluation.privacy.attacks.table.COLUMNS`. InputError if a model or a
    file cannot be read.
    """
    if settings.restores() and published.train is not None:
        hiding = equipment.anonymization
        restorers = LearnedRestorers(published, hiding, settings.restored_from, seed)
        equipment = replace(equipment, restorers=restorers)
    with threadpool_limits(1, user_api="blas"):  # no bit depends on the number of threads
        rows = list(_rows(published, settings, equipment, seed, confidence))
    return pd.DataFrame(rows, columns=COLUMNS).assign(dataset=dataset)


def _rows(
    published: Published, settings: Privacy, equipment: Equipment, seed: int, confidence: float
) -> Iterator[dict[str, Any]]:
    chosen = [settings.of(KINDS[name]) for name in settings.attacks]
    found: dict[str, list[Outcome]] = {kind.name: [] for kind in chosen}
    lacks: dict[str, list[Outcome]] = {kind.name: [] for kind in chosen}
    is_shown = published.boxes["id"].isin(set(published.originals.ids))
    shown = published.boxes.loc[is_shown, "entity"]
    elsewhere = {*published.boxes["entity"]} - {*shown}  # train images may be published, too
    loaded: list[tuple[RegionAttack, LoadedAttack]] = []
    for kind in chosen:
        if isinstance(kind, RegionAttack) and shown.isin(kind.entities or tuple(Entity)).any():
            try:
                loaded.append((kind, kind.load(equipment)))
            except AttackNotPossibleError as error:
                lacks[kind.name].append(_lack(str(error)))
        if isinstance(kind, RegionAttack):
            unseen = [each for each in kind.entities or tuple(Entity) if each in elsewhere]
            lacks[kind.name] += [_lack(ONLY_TRAIN, entity=Entity(each)) for each in unseen]
    hiding, most = equipment.anonymization, settings.attacked_regions
    for attack, outcome in attack_regions(loaded, published, hiding, most, seed):
        found[attack.name].append(outcome)
    of_vectors = [kind for kind in chosen if isinstance(kind, ArchiveAttack)]
    attacked = list(archives(published, settings, seed)) if of_vectors else []
    seen = {each for prefix, archive in attacked if prefix for each in archive.vectors}
    has_unseen = any(has_own_vectors(each.method) for each in set(published.embeddings) - seen)
    for of_archive in of_vectors:
        name = of_archive.name
        for prefix, archive in attacked:
            try:
                outcomes = list(of_archive.outcomes(archive))
            except AttackNotPossibleError as error:
                lacks[name].append(_lack(str(error), prefix))
            else:
                found[name] += [replace(each, measure=prefix + each.measure) for each in outcomes]
        if not attacked or has_unseen:
            lacks[name].append(_lack(NOT_SEEN, SEEN) if attacked else _lack(NO_VECTORS))
    for kind in chosen:
        outcomes, lacking = found[kind.name], lacks[kind.name]
        if not outcomes:
            most_said = len(lacking) if isinstance(kind, RegionAttack) else 1
            outcomes, lacking = lacking[:most_said] or [_lack(NO_REGION)], []
        elif isinstance(kind, RegionAttack) and kind.restores and equipment.restorers:
            measured = dict.fromkeys(o.entity for o in outcomes if o.measure and o.entity)
            reasons = {each: equipment.restorers.lack(each) for each in measured}
            lacking += [_lack(why, LEARNED, each) for each, why in reasons.items() if why]
        # one archive may tell what the other does not
        yield from _rates(kind, [*outcomes, *lacking], confidence)


def _lack(reason: str, measure: str = "", entity: Entity | None = None) -> Outcome:
    nothing = np.empty(0), np.empty(0, np.int64), float("nan")
    return Outcome(measure, Variant(), *nothing, entity, reason)


def _rates(
    kind: PrivacyAttack, outcomes: Sequence[Outcome], confidence: float
) -> Iterator[dict[str, Any]]:
    """Yield the rows of one attack: the rate of each version, with the control's."""
    controls: dict[tuple[str, Entity | None], float] = {}
    for variant in (CONTROL, None):  # vectors of masked images exist if a version masks all regions
        for outcome in outcomes:
            if outcome.variant == variant and not np.isnan(outcome.shares).all():
                controls[outcome.measure, outcome.entity] = float(np.nanmean(outcome.shares))
    for outcome in outcomes:
        if outcome.variant is None:
            continue
        row: dict[str, Any] = {
            "attack": kind.name,
            "measure": outcome.measure,
            "risk": kind.risk.value,
            "entity": str(outcome.entity or ""),
            "method": outcome.variant.method or ORIGINAL,
            "degree": outcome.variant.degree,
            "n": 0 if outcome.reason else len(outcome.shares),
            "clusters": 0 if outcome.reason else len(np.unique(outcome.clusters)),
            "reason": outcome.reason or NO_TRUTH,
        }
        if outcome.measure and not outcome.reason:
            rate = clustered_rate(outcome.shares, outcome.clusters, confidence)
            row |= {n: getattr(rate, n) for n in ("low", "high", "n", "clusters", "reason")}
            row["rate"] = float("nan") if too_few(rate.clusters) else rate.value
            row["control"] = controls.get((outcome.measure, outcome.entity), float("nan"))
            row["chance"] = outcome.chance
        yield row


def archives(published: Published, settings: Privacy, seed: int) -> Iterator[tuple[str, Archive]]:
    """Yield the archives to attack with the prefix of their measures, none without vectors.

    InputError if a file of vectors cannot be read, or has other images than the originals.
    """
    if Variant() not in published.embeddings:
        return
    chosen = settings.of(Recognizer)
    recognizer = chosen.load() if "inversion" in settings.attacks and chosen.is_given() else None

    def read(files: Mapping[Variant, Path], images: Images, maps: Mapping[Variant, Map]) -> Archive:
        """Read the vectors of at most `privacy.gallery` images, drawn by hashes; map some."""
        originals = look_through(files[Variant()])
        draw = np.argsort(hash_ints((seed, "archive"), originals.ids), kind="stable")
        places = np.sort(draw[: settings.gallery])
        ids = [originals.ids[place] for place in places.tolist()]
        queries = np.flatnonzero(np.isin(places, draw[: min(settings.probes, settings.gallery)]))
        vectors = {}
        for variant, path in files.items():
            found = look_through(path, originals.ids, originals.frame)
            vectors[variant] = found.units(places, maps[variant].apply if variant in maps else None)
        attributes = published.attributes.items()
        return Archive(
            ids=ids,
            vectors=vectors,
            queries=queries,
            persons=_numbers(ids, published.people),
            attribute=_numbers(ids, published.labels),
            clusters=published.clusters.reindex(ids).to_numpy(np.int64),
            asked=originals.frame.queries(vectors[Variant()][queries]),
            seed=seed,
            others={name: _numbers(ids, values) for name, values in attributes},
            pictures=_pictures(ids, images, published.boxes),
            recognizer=partial(_as_seen_by, recognizer) if recognizer else None,
        )

    own = read(published.embeddings, published.originals, {})
    files, images, ours = published.embeddings, published.originals, None
    if Variant() in published.training_vectors and published.train is not None:
        files, images = published.training_vectors, published.train
        ours = read(files, images, {})
    yield "", replace(own, training_set=ours)
    trained = [] if ours is None else [each for each in files if has_own_vectors(each.method)]
    apart = list(dict.fromkeys([*published.maps, *trained]))
    if apart:  # without train images, maps are learned from the published ones
        maps = {variant: Map.load(path) for variant, path in published.maps.items()}
        beside = dict.fromkeys([Variant(), *map(_pictures_of, apart), *apart])
        seen = read(
            {each: files[_pictures_of(each) if each in maps else each] for each in beside},
            *(images, maps),
        )
        if ours is not None:
            seen = replace(seen, training_set=own, pictures=ours.pictures)
        yield SEEN, seen


def _pictures_of(variant: Variant) -> Variant:
    return Variant(variant.method and pictures_of(variant.method), variant.degree)


def _pictures(
    ids: Sequence[str], images: Images, boxes: pd.DataFrame
) -> Callable[[int], np.ndarray] | None:
    """Loader of originals' first faces, or whole images, uint8 [N, side, side, 3]."""
    if not set(ids) <= set(images.ids):
        return None
    faces = {} if boxes.empty else image_regions(boxes[boxes["entity"] == Entity.FACE])

    @cache
    def pictures(side: int) -> np.ndarray:
        fit = Preprocess(side, "imagenet", "squash").fit
        shown = ((images.read(image_id), faces.get(image_id)) for image_id in ids)
        found = [fit(crop(i, regions[0], 1.0) if regions else i) for i, regions in shown]
        return np.stack(found) if found else np.empty((0, side, side, 3), np.uint8)

    return pictures


def _as_seen_by(recognizer: Attacker, pictures: np.ndarray) -> np.ndarray:
    fit = Preprocess(recognizer.side, "imagenet", "squash").fit
    return recognizer.embed(np.stack([fit(picture) for picture in pictures]))


def _numbers(ids: Collection[str], named: Mapping[str, str]) -> np.ndarray | None:
    """Number for each name [N], -1 where an image has none; None if no image has a name."""
    codes = pd.factorize(pd.Series([named.get(name) for name in ids], dtype=object))[0]
    return codes.astype(np.int64) if (codes >= 0).any() else None
