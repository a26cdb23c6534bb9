"""All attacks on a data set's published images and vectors, as one table of rates."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from anonbench.config import Privacy
from anonbench.core.boxes import image_regions
from anonbench.core.numeric.clusters import too_few
from anonbench.core.numeric.rates import clustered_rate
from anonbench.core.numeric.seeding import hash_ints
from anonbench.core.registries.attacks import (
    NO_REGION,
    Archive,
    ArchiveAttack,
    Attacker,
    AttackNotPossibleError,
    Equipment,
    LoadedAttack,
    Outcome,
    PrivacyAttack,
    RegionAttack,
    Restorers,
)
from anonbench.core.registries.method_names import has_own_vectors, pictures_of
from anonbench.core.vocabulary import ORIGINAL, Entity, Variant
from anonbench.embedding.mapping import Map
from anonbench.evaluation.privacy.attacks.kinds import KINDS
from anonbench.evaluation.privacy.attacks.regions import CONTROL, attack_regions
from anonbench.evaluation.privacy.attacks.restorer import LearnedRestorers
from anonbench.evaluation.privacy.attacks.table import COLUMNS, SEEN
from anonbench.evaluation.privacy.crops import Images, Readable, crop
from anonbench.evaluation.privacy.kinds import Recognizer
from anonbench.evaluation.privacy.train_images import TrainImages
from anonbench.evaluation.retrieval.vectors import look_through
from anonbench.training.data.preprocess import Preprocess

NO_TRUTH = "of no original it is known for sure what is right"
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

    Args:
        dataset: its name.
        published: what is attacked.
        settings: section `privacy` of the config.
        equipment: detectors and methods, as the attacker knows them.
        seed: of the draws.
        confidence: of the intervals.

    Returns:
        Columns `anonbench.evaluation.privacy.attacks.table.COLUMNS`.

    Raises:
        InputError: a model or a file cannot be read.

    """
    if settings.restores() and published.train is not None:
        restorers = LearnedRestorers(
            published.train,
            published.boxes,
            published.people,
            published.originals.ids,
            settings.restored_from,
            seed,
        )
        equipment = replace(equipment, restorers=restorers)
    with threadpool_limits(1, user_api="blas"):  # no bit depends on the number of threads
        rows = list(_rows(published, settings, equipment, seed, confidence))
    table = pd.DataFrame(rows, columns=[name for name in COLUMNS if name != "dataset"])
    return table.assign(dataset=dataset)[COLUMNS]


def _rows(
    published: Published, settings: Privacy, equipment: Equipment, seed: int, confidence: float
) -> Iterator[dict[str, Any]]:
    chosen = [settings.of(KINDS[name]) for name in settings.attacks]
    loaded: list[tuple[RegionAttack, LoadedAttack]] = []
    reasons: dict[str, str] = {}
    lacks: list[dict[str, Any]] = []
    for kind in chosen:
        if isinstance(kind, RegionAttack):
            try:
                if _has_regions(kind, published):
                    loaded.append((kind, kind.load(equipment)))
                else:
                    reasons[kind.name] = NO_REGION
            except AttackNotPossibleError as error:
                reasons[kind.name] = str(error)
    found: dict[str, list[Outcome]] = {}
    clusters = {str(name): int(cluster) for name, cluster in published.clusters.items()}
    for attack, outcome in attack_regions(
        loaded,
        published.originals,
        published.versions,
        published.boxes,
        clusters,
        equipment.anonymization,
        settings.attacked_regions,
        seed,
    ):
        found.setdefault(attack.name, []).append(outcome)
    of_vectors = [kind for kind in chosen if isinstance(kind, ArchiveAttack)]
    try:
        attacked = list(archives(published, settings, seed)) if of_vectors else []
    except AttackNotPossibleError as error:
        attacked = []
        reasons |= {kind.name: str(error) for kind in of_vectors}
    for prefix, archive in attacked:
        for kind in of_vectors:
            try:
                outcomes = list(kind.outcomes(archive))
            except AttackNotPossibleError as error:
                reasons.setdefault(kind.name, str(error))
                lacks.append(_row(kind, prefix, "", Variant(), reason=str(error)))
                continue
            named = [replace(each, measure=prefix + each.measure) for each in outcomes]
            found.setdefault(kind.name, []).extend(named)
    seen = {variant for prefix, archive in attacked if prefix for variant in archive.vectors}
    unseen = set(published.embeddings) - seen
    if attacked and any(has_own_vectors(each.method) for each in unseen):
        lacks += [_row(kind, SEEN, "", Variant(), reason=NOT_SEEN) for kind in of_vectors]
    for kind in chosen:
        if kind.name in found:
            yield from _rates(kind, found[kind.name], confidence)
            if isinstance(kind, RegionAttack) and kind.restores and equipment.restorers:
                yield from _lacks(kind, found[kind.name], equipment.restorers)
            # one archive may tell what the other does not
            yield from (row for row in lacks if row["attack"] == kind.name)
        else:
            yield _row(kind, "", "", Variant(), reason=reasons.get(kind.name, NO_REGION))


def _lacks(
    kind: PrivacyAttack, outcomes: Sequence[Outcome], restorers: Restorers
) -> Iterator[dict[str, Any]]:
    """Yield the reason why a learned restorer has no rates, by entity."""
    for entity in dict.fromkeys(each.entity for each in outcomes if each.measure and each.entity):
        if reason := restorers.lack(entity):
            yield _row(kind, "", str(entity), Variant(), reason=reason)


def _has_regions(kind: RegionAttack, published: Published) -> bool:
    shown = published.boxes[published.boxes["id"].isin(set(published.originals.ids))]
    return bool(shown["entity"].isin(kind.entities or list(map(str, Entity))).any())


def _rates(
    kind: PrivacyAttack, outcomes: Sequence[Outcome], confidence: float
) -> Iterator[dict[str, Any]]:
    """Yield the rows of one attack: the rate of each version, with the control's."""
    controls: dict[tuple[str, str], float] = {}
    for outcome in outcomes:
        # vectors of masked images exist if a version masks every region
        known = not np.isnan(outcome.shares).all()
        if outcome.variant in (None, CONTROL) and known:
            key = (outcome.measure, str(outcome.entity or ""))
            controls.setdefault(key, float(np.nanmean(outcome.shares)))
            if outcome.variant is None:
                controls[key] = float(np.nanmean(outcome.shares))
    for outcome in outcomes:
        if outcome.variant is None:
            continue
        entity = str(outcome.entity or "")
        if outcome.reason:
            yield _row(kind, outcome.measure, entity, outcome.variant, reason=outcome.reason)
            continue
        if not outcome.measure:
            shown = {"n": len(outcome.shares), "clusters": len(np.unique(outcome.clusters))}
            yield _row(kind, "", entity, outcome.variant, reason=NO_TRUTH, **shown)
            continue
        rate = clustered_rate(outcome.shares, outcome.clusters, confidence)
        known = not too_few(rate.clusters)
        yield _row(
            kind,
            outcome.measure,
            entity,
            outcome.variant,
            rate=rate.value if known else float("nan"),
            low=rate.low,
            high=rate.high,
            control=controls.get((outcome.measure, entity), float("nan")),
            chance=outcome.chance,
            n=rate.n,
            clusters=rate.clusters,
            reason=rate.reason,
        )


def _row(
    kind: PrivacyAttack, measure: str, entity: str, variant: Variant, **values: Any
) -> dict[str, Any]:
    nothing = dict.fromkeys(("rate", "low", "high", "control", "chance"), float("nan"))
    return {
        "attack": kind.name,
        "measure": measure,
        "risk": kind.risk.value,
        "entity": entity,
        "method": variant.method or ORIGINAL,
        "degree": variant.degree,
        **nothing,
        "n": 0,
        "clusters": 0,
        **values,
    }


NO_VECTORS = "no vectors of the published images are given"


@dataclass(frozen=True)
class Published:
    """Data that attackers have, and data that the rates need."""

    originals: Images
    """Of the validation split."""
    versions: Mapping[Variant, Readable]
    boxes: pd.DataFrame
    """Columns of `anonbench.core.boxes`."""
    clusters: pd.Series
    """Of the images, by id."""
    embeddings: Mapping[Variant, Path]
    """HDF5 of each version's vectors, including the originals; empty if there are none."""
    people: Mapping[str, str]
    """The person of each image, where it is known."""
    labels: Mapping[str, str]
    """The class of each image, where it is known."""
    attributes: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    """Further labels of images, by name."""
    train: TrainImages | None = None
    """Images from which restorers and decoders are learned; None: nothing is learned."""
    lessons: Mapping[Variant, Path] = field(default_factory=dict)
    """As `embeddings`, of the train images; mapped ones by maps that have not seen them, those of
    adaption D by models that have."""
    maps: Mapping[Variant, Path] = field(default_factory=dict)
    """Maps by mapped variant, learned from the train images, or from the originals without any."""


def archives(published: Published, settings: Privacy, seed: int) -> Iterator[tuple[str, Archive]]:
    """Yield the archives to attack, each with the prefix of its measures' names.

    Raises:
        AttackNotPossibleError: there are no vectors.
        InputError: a file of vectors cannot be read, or has other images than the originals.

    """
    if Variant() not in published.embeddings:
        raise AttackNotPossibleError(NO_VECTORS)
    chosen = settings.of(Recognizer)
    recognizer = chosen.load() if "inversion" in settings.attacks and chosen.is_given() else None

    def read(files: Mapping[Variant, Path], images: Images, **maps: Map) -> Archive:
        return _read(published, files, images, settings, seed, recognizer, maps)

    own = read(published.embeddings, published.originals)
    files, images, ours = published.embeddings, published.originals, None
    if Variant() in published.lessons and published.train is not None:
        files, images = published.lessons, published.train.originals
        ours = read(files, images)
    yield "", replace(own, lessons=ours)
    trained = [] if ours is None else [each for each in files if has_own_vectors(each.method)]
    apart = list(dict.fromkeys([*published.maps, *trained]))
    if apart:  # without train images, maps are learned from the published ones
        maps = {str(variant): Map.load(path) for variant, path in published.maps.items()}
        beside = dict.fromkeys([Variant(), *map(_pictures_of, apart), *apart])
        of = {each: _pictures_of(each) if each in published.maps else each for each in beside}
        seen = read({each: files[source] for each, source in of.items()}, images, **maps)
        if ours is not None:
            seen = replace(seen, lessons=own, pictures=ours.pictures)
        yield SEEN, seen


def _pictures_of(variant: Variant) -> Variant:
    return Variant(variant.method and pictures_of(variant.method), variant.degree)


def _read(
    published: Published,
    files: Mapping[Variant, Path],
    images: Images,
    settings: Privacy,
    seed: int,
    recognizer: Attacker | None,
    maps: Mapping[str, Map],
) -> Archive:
    """Read the vectors of at most `privacy.gallery` images, drawn by hashes of ids; map some."""
    originals = look_through(files[Variant()])
    draw = np.argsort(hash_ints((seed, "archive"), originals.ids), kind="stable")
    places = np.sort(draw[: settings.gallery])
    ids = [originals.ids[place] for place in places.tolist()]
    asked = set(draw[: min(settings.probes, settings.gallery)].tolist())
    vectors = {}
    for variant, path in files.items():
        found = look_through(path, originals.ids, originals.frame)
        learned = maps.get(str(variant))
        vectors[variant] = found.units(places, None if learned is None else learned.apply)
    queries = np.array([n for n, place in enumerate(places.tolist()) if place in asked])
    return Archive(
        ids=ids,
        vectors=vectors,
        queries=queries,
        persons=_numbers(ids, published.people),
        attribute=_numbers(ids, published.labels),
        clusters=published.clusters.reindex(ids).to_numpy(np.int64),
        asked=originals.frame.queries(vectors[Variant()][queries]),
        seed=seed,
        others={name: _numbers(ids, values) for name, values in published.attributes.items()},
        pictures=_pictures(ids, images, published.boxes),
        recognizer=None if recognizer is None else _as_seen_by(recognizer),
    )


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
        found = np.empty((len(ids), side, side, 3), np.uint8)
        for row, image_id in enumerate(ids):
            image = images.read(image_id)
            regions = faces.get(image_id, ())
            found[row] = fit(crop(image, regions[0], 1.0) if regions else image)
        return found

    return pictures


def _as_seen_by(recognizer: Attacker) -> Callable[[np.ndarray], np.ndarray]:
    fit = Preprocess(recognizer.side, "imagenet", "squash").fit

    def embed(pictures: np.ndarray) -> np.ndarray:
        return recognizer.embed(np.stack([fit(picture) for picture in pictures]))

    return embed


def _numbers(ids: Collection[str], named: Mapping[str, str]) -> np.ndarray | None:
    """Number for each name [N], -1 where an image has none; None if no image has a name."""
    codes = pd.factorize(pd.Series([named.get(name) for name in ids], dtype=object))[0]
    return codes.astype(np.int64) if (codes >= 0).any() else None
