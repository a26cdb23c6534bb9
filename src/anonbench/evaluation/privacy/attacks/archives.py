"""Archives of vectors to attack: the published one, and one of images that maps or models saw."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd

from anonbench.config import Privacy
from anonbench.core.boxes import image_regions
from anonbench.core.numeric.seeding import hash_ints
from anonbench.core.registries.attacks import Archive, Attacker, AttackNotPossibleError
from anonbench.core.registries.method_names import has_own_vectors, pictures_of
from anonbench.core.vocabulary import Entity, Variant
from anonbench.embedding.mapping import Map
from anonbench.evaluation.privacy.attacks.table import SEEN
from anonbench.evaluation.privacy.crops import Images, Readable, crop
from anonbench.evaluation.privacy.kinds import Recognizer
from anonbench.evaluation.privacy.train_images import TrainImages
from anonbench.evaluation.retrieval.vectors import look_through
from anonbench.training.data.preprocess import Preprocess

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
