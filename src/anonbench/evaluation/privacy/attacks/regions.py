"""Attacks on sensitive regions of published images."""

import logging
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np
import pandas as pd

from anonbench.anonymization.checked import as_published
from anonbench.anonymization.geometry import regions_at
from anonbench.config import Anonymization
from anonbench.core.boxes import Region, image_regions
from anonbench.core.errors import UnreadableImage
from anonbench.core.numeric.seeding import hash_ints
from anonbench.core.progress import track
from anonbench.core.registries.attacks import LoadedAttack, Outcome, RegionAttack, RegionShares
from anonbench.core.vocabulary import Entity, Method, Variant
from anonbench.evaluation.privacy.crops import Stored
from anonbench.evaluation.privacy.published import Published

CONTROL = Variant(Method.MASK.value, 100)
"""All sensitive regions of an image masked: what an attack still gets comes from the surroundings,
or is guessed."""
_LOG = logging.getLogger(__name__)


def draw(boxes: pd.DataFrame, ids: Collection[str], most: int, seed: int) -> pd.DataFrame:
    """Draw the regions to attack: `most` of each entity, in as many images as possible.

    Hashes of ids decide, so that an added image changes few others. Rows of `boxes` are in the
    random order of their images, the column `turn`.
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
    attacks: Sequence[tuple[RegionAttack, LoadedAttack]],
    published: Published,
    hiding: Anonymization,
    most: int,
    seed: int,
) -> Iterator[tuple[RegionAttack, Outcome]]:
    """Attack regions in every version of their images; yield the outcomes and the control.

    Each image is decoded once for all attacks, and one image is in memory at a time.

    At most `most` regions of each entity are attacked. Each attack has an outcome for each of its
    measures, entities and versions, the originals (`Variant()`) and the control (None) among them.
    """
    if not attacks:
        return
    versions = {Variant(): published.originals, **published.versions}
    boxes = published.boxes
    drawn = draw(boxes, published.originals.ids, most, seed)
    everything = image_regions(boxes[boxes["id"].isin(set(drawn["id"]))])
    running = [_Running(kind, loaded, drawn) for kind, loaded in attacks]
    orders = {str(name): sorted(rows["order"]) for name, rows in drawn.groupby("id", sort=False)}
    for image_id, wanted in track(orders.items(), len(orders), "images attacked"):
        regions = everything[image_id]
        ours = [each for each in running if image_id in each.ids]
        if not ours:
            continue
        for each in ours:
            each.take(image_id, [regions[order] for order in wanted])
        reads_files = any(each.kind.reads_files for each in ours)
        masked_alike = [each for each in ours if not each.kind.reads_files]
        for variant, images in versions.items():
            pixels, data = images.read(image_id), None
            if reads_files and isinstance(images, Stored):
                data = images.read_bytes(image_id)
            for each in ours:
                each.attack(
                    variant, pixels, data, regions[: regions_at(variant.degree, len(regions))]
                )
            if variant == Variant() and CONTROL not in versions and masked_alike:
                masked = as_published(image_id, pixels, regions, CONTROL, hiding).pixels
                for each in masked_alike:
                    each.attack(CONTROL, masked, None, regions)
    for each in running:
        for outcome in each.outcomes(versions, published.clusters):
            yield each.kind, outcome


@dataclass
class _Probe:
    image: str
    region: Region
    truth: Any = None
    shares: dict[Variant | None, RegionShares] = field(default_factory=dict)
    """By version; None: the attack's own control."""


class _Running:
    """An attack with its results, probe by probe."""

    def __init__(self, kind: RegionAttack, loaded: Any, drawn: pd.DataFrame) -> None:
        self.kind, self._loaded = kind, loaded
        rows = drawn[drawn["entity"].isin(kind.entities)] if kind.entities else drawn
        shown = rows.drop_duplicates(["id", "entity"]).groupby("entity")
        self.ids = set(shown.head(kind.most_images() or len(rows))["id"])
        """Of the images that it looks at: the first drawn ones that have regions of each entity."""
        self._probes: list[_Probe] = []
        self._latest: list[_Probe] = []  # of the image that is attacked

    def take(self, image_id: str, chosen: Sequence[Region]) -> None:
        """Take the image to attack next, first its original."""
        own: dict[Entity, list[_Probe]] = {}
        for region in chosen:
            if not self.kind.entities or region.entity in self.kind.entities:
                own.setdefault(region.entity, []).append(_Probe(image_id, region))
        most = self.kind.most_in_an_image()
        self._latest = [probe for each in own.values() for probe in each[:most]]
        self._probes += self._latest

    def attack(
        self, version: Variant, image: np.ndarray, data: bytes | None, hidden: Sequence[Region]
    ) -> None:
        """Add the result on one version of the image."""
        parts: dict[Variant, list[_Probe]] = {version: self._latest}
        if self.kind.tells_hidden:
            parts = {version: [], Variant(): []}
            for probe in self._latest:
                parts[version if probe.region in hidden else Variant()].append(probe)
        look = self._loaded.look
        if self.kind.reads_files:
            look = partial(self._loaded.look_at_file, data)
        for variant, probes in parts.items():
            try:
                regions = [probe.region for probe in probes]
                found = look(image, regions, variant) if regions else []
            except UnreadableImage as error:
                _LOG.warning("%s cannot look at an image: %s", self.kind.name, error)
                found = [None] * len(probes)
            for probe, each in zip(probes, found, strict=True):
                if version == Variant():
                    probe.truth = each
                probe.shares[version] = self._shares(probe.truth, each)
                if version == Variant() and self.kind.reads_files:
                    known = probe.shares[version]
                    control = self._loaded.control(each) if known else None
                    probe.shares[None] = self._shares(each, control)

    def _shares(self, truth: Any, found: Any) -> RegionShares:
        known = truth is not None and found is not None
        return dict(self._loaded.shares(truth, found)) if known else {}

    def outcomes(self, versions: Collection[Variant], clusters: pd.Series) -> Iterator[Outcome]:
        for entity in dict.fromkeys(probe.region.entity for probe in self._probes):
            probes = [probe for probe in self._probes if probe.region.entity is entity]
            groups = clusters[[probe.image for probe in probes]].to_numpy(np.int64)
            measures = dict.fromkeys(name for probe in probes for name in probe.shares[Variant()])
            if not measures:
                nothing, why = np.full(len(probes), np.nan), ""
                if self.kind.reads_files:
                    why = self._loaded.not_applicable([probe.truth for probe in probes])
                yield Outcome("", Variant(), nothing, groups, float("nan"), entity, why)
            guessed = self._guessed(probes)
            control = None if self.kind.reads_files else CONTROL
            for measure in measures:
                chance = guessed.get(measure, float("nan"))
                for version in (*versions, None):
                    shown = control if version is None else version
                    shares = (probe.shares[shown].get(measure, np.nan) for probe in probes)
                    values = np.fromiter(shares, np.float64, len(probes))
                    yield Outcome(measure, version, values, groups, chance, entity)

    def _guessed(self, probes: Sequence[_Probe]) -> dict[str, float]:
        """Shares by measure that a random guess gets right: the secrets of following probes."""
        known = [probe for probe in probes if probe.shares[Variant()]]
        found: dict[str, list[float]] = {}
        for place, probe in enumerate(known):
            following = [*known[place + 1 :], *known[:place]]
            strangers = [each for each in following if each.image != probe.image]
            for other in strangers[: self.kind.guesses]:
                for measure, share in self._loaded.shares(probe.truth, other.truth).items():
                    found.setdefault(measure, []).append(share)
        return {measure: float(np.mean(values)) for measure, values in found.items()}
