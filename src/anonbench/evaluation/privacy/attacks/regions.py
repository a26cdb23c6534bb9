"""Attacks on sensitive regions of published images."""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, cast

import numpy as np
import pandas as pd

from anonbench.anonymization.apply import anonymize
from anonbench.config import Anonymization
from anonbench.core.boxes import Region, image_regions, regions_at
from anonbench.core.errors import UnreadableImage
from anonbench.core.numeric.seeding import hash_ints
from anonbench.core.progress import track
from anonbench.core.registries.attacks import FileLooking, Looking, Outcome, RegionAttack
from anonbench.core.vocabulary import Entity, Method, Variant
from anonbench.evaluation.privacy.crops import Images, Readable, Stored

CONTROL = Variant(Method.MASK.value, 100)
"""All sensitive regions of an image masked: what an attack still gets comes from the surroundings,
or is guessed."""
_LOG = logging.getLogger(__name__)


@dataclass(frozen=True)
class _Image:
    pixels: np.ndarray
    data: bytes | None = None
    """The image's file, if it has one and an attack needs it."""


@dataclass
class _Probes:
    """Results of one attack, probe by probe."""

    kind: RegionAttack
    loaded: Looking
    ids: Collection[str]
    """Of the images that it looks at."""
    images: list[str] = field(default_factory=list)
    """Of each probe [P]."""
    entities: list[Entity] = field(default_factory=list)
    truths: list[Any] = field(default_factory=list)
    shares: dict[Variant | None, list[Mapping[str, float]]] = field(default_factory=dict)
    """By version and probe; None: the attack's own control."""


def draw(boxes: pd.DataFrame, ids: Collection[str], most: int, seed: int) -> pd.DataFrame:
    """Draw the regions to attack: `most` of each entity, in as many images as possible.

    They are drawn by hashes of ids, so that an added image changes few others.

    Args:
        boxes: columns of `anonbench.core.boxes`.
        ids: of the images that are published.
        most: regions of each entity.
        seed: of the draw.

    Returns:
        Rows of `boxes` with the column `turn`: the place of the image in the random order of
        images.

    """
    shown = boxes[boxes["id"].isin(set(ids))]
    keys = shown["id"] + "\x1f" + shown["order"].astype(str)
    table = shown.assign(
        hash=hash_ints((seed, "attacked region"), keys),
        turn=hash_ints((seed, "attacked image"), shown["id"]),
    ).sort_values(["turn", "id", "hash"], ignore_index=True)
    place = table.groupby(["id", "entity"], sort=False).cumcount()
    table = table.assign(place=place).sort_values(["place", "turn", "id"], kind="stable")
    drawn = table.groupby("entity", sort=False).head(most)
    return drawn.sort_values(["turn", "id", "order"], ignore_index=True)


def attack_regions(
    attacks: Sequence[tuple[RegionAttack, Looking]],
    originals: Images,
    versions: Mapping[Variant, Readable],
    boxes: pd.DataFrame,
    clusters: Mapping[str, int],
    hiding: Anonymization,
    most: int,
    seed: int,
) -> Iterator[tuple[RegionAttack, Outcome]]:
    """Attack regions in every version of their images; yield the outcomes and the control.

    Each image is decoded once for all attacks, and one image is in memory at a time.

    Args:
        attacks: with their loaded models.
        originals: of the validation split.
        versions: the published ones.
        boxes: columns of `anonbench.core.boxes`.
        clusters: of the images, by id.
        hiding: how the images were anonymized.
        most: regions of each entity that are attacked.
        seed: of the draw.

    Yields:
        An attack with an outcome for each of its measures, entities and versions, the originals
        (`Variant()`) and the control (None) among them.

    """
    if not attacks:
        return
    drawn = draw(boxes, originals.ids, most, seed)
    everything = image_regions(boxes[boxes["id"].isin(set(drawn["id"]))])
    wanted = {str(name): set(rows["order"]) for name, rows in drawn.groupby("id", sort=False)}
    probes = [_Probes(kind, loaded, _looked_at(kind, drawn)) for kind, loaded in attacks]
    for image_id in track(list(wanted), len(wanted), "images attacked"):
        regions = everything[image_id]
        chosen = [region for order, region in enumerate(regions) if order in wanted[image_id]]
        ours = [each for each in probes if image_id in each.ids]
        if not ours:
            continue
        original = _read(originals, image_id, ours)
        for each in ours:
            _learn(each, image_id, original, chosen)
        for variant, images in versions.items():
            shown = _read(images, image_id, ours)
            hidden = regions[: regions_at(variant.degree, len(regions))]
            for each in ours:
                _try(each, variant, shown, chosen, hidden)
        masked_alike = [each for each in ours if not each.kind.reads_files]
        if CONTROL not in versions and masked_alike:
            masked = _Image(anonymize(original.pixels, regions, CONTROL, hiding))
            for each in masked_alike:
                _try(each, CONTROL, masked, chosen, regions)
    for each in probes:
        for outcome in _outcomes(each, versions, clusters):
            yield each.kind, outcome


def _read(images: Readable, image_id: str, attacks: Sequence[_Probes]) -> _Image:
    """Read an image, and its file if an attack needs it."""
    wanted = any(each.kind.reads_files for each in attacks)
    data = images.read_bytes(image_id) if wanted and isinstance(images, Stored) else None
    return _Image(images.read(image_id), data)


def _looked_at(kind: RegionAttack, drawn: pd.DataFrame) -> set[str]:
    """Ids of images that an attack looks at: the first drawn ones that have its regions."""
    rows = drawn[drawn["entity"].isin(kind.entities)] if kind.entities else drawn
    return set(rows["id"].drop_duplicates().head(kind.most_images() or len(rows)))


def _attacked(kind: RegionAttack, regions: Sequence[Region]) -> list[Region]:
    most = kind.most_in_an_image() or len(regions)
    own: dict[Entity, list[Region]] = {}
    for region in regions:
        if not kind.entities or region.entity in kind.entities:
            own.setdefault(region.entity, []).append(region)
    return [region for each in own.values() for region in each[:most]]


def _looked(
    probes: _Probes, image: _Image, regions: Sequence[Region], variant: Variant
) -> list[Any]:
    if not regions:
        return []
    try:
        if probes.kind.reads_files:
            loaded = cast("FileLooking", probes.loaded)
            return loaded.look_at_file(image.data, image.pixels, regions, variant)
        return probes.loaded.look(image.pixels, regions, variant)
    except UnreadableImage as error:
        _LOG.warning("%s cannot look at an image: %s", probes.kind.name, error)
        return [None] * len(regions)


def _learn(probes: _Probes, image_id: str, original: _Image, chosen: Sequence[Region]) -> None:
    """Record the truth of an image's regions, and the attack's result on the original."""
    regions = _attacked(probes.kind, chosen)
    truths = _looked(probes, original, regions, Variant())
    probes.images += [image_id] * len(regions)
    probes.entities += [region.entity for region in regions]
    probes.truths += truths
    shares = [{} if truth is None else probes.loaded.shares(truth, truth) for truth in truths]
    probes.shares.setdefault(Variant(), []).extend(shares)
    if probes.kind.reads_files:
        loaded = cast("FileLooking", probes.loaded)
        probes.shares.setdefault(None, []).extend(
            loaded.shares(truth, loaded.control(truth)) if known else {}
            for truth, known in zip(truths, shares, strict=True)
        )


def _try(
    probes: _Probes,
    version: Variant,
    image: _Image,
    chosen: Sequence[Region],
    hidden: Sequence[Region],
) -> None:
    """Add the attack's result on one version of the image that `_learn` took last."""
    regions = _attacked(probes.kind, chosen)
    truths = probes.truths[len(probes.truths) - len(regions) :]
    if probes.kind.tells_hidden:
        parts = [region in hidden for region in regions]
        looks = {
            part: iter(_looked(probes, image, _where(regions, parts, part), variant))
            for part, variant in ((True, version), (False, Variant()))
        }
        found = [next(looks[part]) for part in parts]
    else:
        found = _looked(probes, image, regions, version)
    probes.shares.setdefault(version, []).extend(
        {} if truth is None or each is None else probes.loaded.shares(truth, each)
        for truth, each in zip(truths, found, strict=True)
    )


def _where(regions: Sequence[Region], parts: Sequence[bool], part: bool) -> list[Region]:
    return [region for region, each in zip(regions, parts, strict=True) if each is part]


def _outcomes(
    probes: _Probes, versions: Mapping[Variant, Readable], clusters: Mapping[str, int]
) -> Iterator[Outcome]:
    own = probes.shares.get(Variant(), [])
    groups = np.array([clusters[name] for name in probes.images], np.int64)
    for entity in dict.fromkeys(probes.entities):
        rows = [row for row, each in enumerate(probes.entities) if each is entity]
        measures = dict.fromkeys(name for row in rows for name in own[row])
        guessed = _guessed(probes, rows)
        if not measures:
            nothing, why = np.full(len(rows), np.nan), ""
            if probes.kind.reads_files:
                truths = [probes.truths[row] for row in rows]
                why = cast("FileLooking", probes.loaded).not_applicable(truths)
            yield Outcome("", Variant(), nothing, groups[rows], float("nan"), entity, why)
        for measure in measures:
            chance = guessed.get(measure, float("nan"))
            for version in (Variant(), *versions, None):
                is_there = version is not None or None in probes.shares
                shares = probes.shares[version if is_there else CONTROL]
                values = np.array([shares[row].get(measure, np.nan) for row in rows], np.float64)
                yield Outcome(measure, version, values, groups[rows], chance, entity)


def _guessed(probes: _Probes, rows: Sequence[int]) -> dict[str, float]:
    """Shares that a random guess gets right, by measure, using other images' secrets.

    The truth of each probe is compared with the results on the following probes' originals.
    """
    known = [row for row in rows if probes.shares[Variant()][row]]
    found: dict[str, list[float]] = {}
    for place, row in enumerate(known):
        following = (known[(place + step) % len(known)] for step in range(1, len(known)))
        strangers = (each for each in following if probes.images[each] != probes.images[row])
        for other in islice(strangers, probes.kind.guesses):
            shares = probes.loaded.shares(probes.truths[row], probes.truths[other])
            for measure, share in shares.items():
                found.setdefault(measure, []).append(share)
    return {measure: float(np.mean(values)) for measure, values in found.items()}
