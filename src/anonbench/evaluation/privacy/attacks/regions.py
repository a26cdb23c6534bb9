"""Attacks on sensitive regions of published images."""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

import numpy as np
import pandas as pd

from anonbench.anonymization.apply import layers
from anonbench.anonymization.geometry import regions_at
from anonbench.config import Anonymization
from anonbench.core.boxes import Region, image_regions
from anonbench.core.errors import UnreadableImage
from anonbench.core.numeric.seeding import hash_ints
from anonbench.core.progress import track
from anonbench.core.registries.attacks import LoadedAttack, Outcome, RegionAttack, RegionShares
from anonbench.core.vocabulary import Entity, Method, Variant
from anonbench.evaluation.privacy.crops import Readable, Stored
from anonbench.evaluation.privacy.published import Published

CONTROL = Variant(Method.MASK.value, 100)
"""All sensitive regions of an image masked: what an attack still gets comes from the surroundings,
or is guessed."""
_LOG = logging.getLogger(__name__)


def draw(boxes: pd.DataFrame, ids: Collection[str], most: int, seed: int) -> pd.DataFrame:
    """Draw the regions to attack: `most` of each entity, in as many images as possible.

    They are drawn by hashes of ids, so that an added image changes few others. The result has rows
    of `boxes` with the column `turn`, by which images are in random order.
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
    originals, versions, boxes = published.originals, published.versions, published.boxes
    drawn = draw(boxes, originals.ids, most, seed)
    everything = image_regions(boxes[boxes["id"].isin(set(drawn["id"]))])
    wanted = {str(name): set(rows["order"]) for name, rows in drawn.groupby("id", sort=False)}
    running = [_Running(kind, loaded, drawn) for kind, loaded in attacks]
    for image_id in track(list(wanted), len(wanted), "images attacked"):
        regions = everything[image_id]
        chosen = [region for order, region in enumerate(regions) if order in wanted[image_id]]
        ours = [each for each in running if image_id in each.ids]
        if not ours:
            continue
        reads_files = any(each.kind.reads_files for each in ours)
        original = _read(originals, image_id, reads_files)
        for each in ours:
            each.learn(image_id, original, chosen)
        for variant, images in versions.items():
            shown = _read(images, image_id, reads_files)
            hidden = regions[: regions_at(variant.degree, len(regions))]
            for each in ours:
                each.attack(variant, shown, hidden)
        masked_alike = [each for each in ours if not each.kind.reads_files]
        if CONTROL not in versions and masked_alike:
            masked = layers(original[0], regions, CONTROL, hiding)[-1], None
            for each in masked_alike:
                each.attack(CONTROL, masked, regions)
    for each in running:
        for outcome in each.outcomes(versions, published.clusters):
            yield each.kind, outcome


_Image = tuple[np.ndarray, bytes | None]
"""Pixels, and the image's file if it has one and an attack needs it."""


def _read(images: Readable, image_id: str, with_file: bool) -> _Image:
    data = images.read_bytes(image_id) if with_file and isinstance(images, Stored) else None
    return images.read(image_id), data


@dataclass(frozen=True)
class _Probe:
    image: str
    region: Region
    truth: Any
    shares: dict[Variant | None, RegionShares]  # by version; None: the attack's own control


class _Running:
    """An attack with its results, probe by probe."""

    def __init__(self, kind: RegionAttack, loaded: Any, drawn: pd.DataFrame) -> None:
        self.kind, self._loaded = kind, loaded
        rows = drawn[drawn["entity"].isin(kind.entities)] if kind.entities else drawn
        self.ids = set(rows["id"].drop_duplicates().head(kind.most_images() or len(rows)))
        """Of the images that it looks at: the first drawn ones that have its regions."""
        self._probes: list[_Probe] = []
        self._latest: list[_Probe] = []  # of the image that is attacked

    def learn(self, image_id: str, original: _Image, chosen: Sequence[Region]) -> None:
        """Record the truth of an image's regions, and the attack's result on the original."""
        own: dict[Entity, list[Region]] = {}
        for region in chosen:
            if not self.kind.entities or region.entity in self.kind.entities:
                own.setdefault(region.entity, []).append(region)
        most = self.kind.most_in_an_image()
        regions = [region for each in own.values() for region in each[:most]]
        self._latest = []
        for region, truth in zip(regions, self._look(original, regions, Variant()), strict=True):
            shares = self._shares(truth, truth)
            found: dict[Variant | None, RegionShares] = {Variant(): shares}
            if self.kind.reads_files:
                control = self._loaded.control(truth) if shares else None
                found[None] = self._shares(truth, control)
            self._latest.append(_Probe(image_id, region, truth, found))
        self._probes += self._latest

    def attack(self, version: Variant, image: _Image, hidden: Sequence[Region]) -> None:
        """Add the result on one version of the image that `learn` took last."""
        parts: dict[Variant, list[_Probe]] = {version: self._latest}
        if self.kind.tells_hidden:
            parts = {version: [], Variant(): []}
            for probe in self._latest:
                parts[version if probe.region in hidden else Variant()].append(probe)
        for variant, probes in parts.items():
            found = self._look(image, [probe.region for probe in probes], variant)
            for probe, each in zip(probes, found, strict=True):
                probe.shares[version] = self._shares(probe.truth, each)

    def _look(self, image: _Image, regions: Sequence[Region], variant: Variant) -> list[Any]:
        pixels, data = image
        if not regions:
            return []
        try:
            if self.kind.reads_files:
                return list(self._loaded.look_at_file(data, pixels, regions, variant))
            return list(self._loaded.look(pixels, regions, variant))
        except UnreadableImage as error:
            _LOG.warning("%s cannot look at an image: %s", self.kind.name, error)
            return [None] * len(regions)

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
                for version in (Variant(), *versions, None):
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
            strangers = (each for each in following if each.image != probe.image)
            for other in islice(strangers, self.kind.guesses):
                for measure, share in self._loaded.shares(probe.truth, other.truth).items():
                    found.setdefault(measure, []).append(share)
        return {measure: float(np.mean(values)) for measure, values in found.items()}
