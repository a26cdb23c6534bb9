"""Re-identification: search of anonymized crops among crops of the originals.

The naive attacker compares by the unadapted model. The adaptive attacker ("parrot") has learned
from images that were anonymized in the same way: here the model adapted to the variant (McPherson
et al. 2016, "Defeating image obfuscation with deep learning"; Hao et al. 2019 report 86 % where the
naive one has 11 %). Others are registered (`anonbench.core.registries.attackers`): a face
recognition model of the user's, or another package's. Where persons are searched in other
photographs, each attacker also anonymizes its gallery first (the adaptive attack that needs no
training). For the same region of the same image that would compare a crop with itself.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from anonbench.config.privacy import Privacy
from anonbench.core.boxes import Region, image_regions, regions_at
from anonbench.core.io import write_parquet
from anonbench.core.progress import track
from anonbench.core.registries.attackers import Attacker
from anonbench.core.vocabulary import ORIGINAL, Entity, Variant
from anonbench.datasets.shards import ImageSet
from anonbench.evaluation.privacy.attackers import Backbone
from anonbench.evaluation.privacy.crops import read_crops
from anonbench.evaluation.privacy.gallery import LineUp, Match, line_ups
from anonbench.evaluation.privacy.kinds import attacker_named
from anonbench.evaluation.privacy.probes import (
    ANONYMIZED,
    COLUMNS,
    NAIVE,
    PARROT,
    RANKS,
)
from anonbench.evaluation.privacy.rank_metrics import Places, chances, hit_rates, places

_Regions = Mapping[str, Sequence[Region]]

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Attacked:
    """One variant of the validation images, and the model that learned from such images."""

    variant: Variant
    images: ImageSet
    parrot: Path | None = None


@dataclass(frozen=True)
class _View:
    """The crops of all line-ups in one variant, by the side of their squares."""

    variant: Variant
    crops: Mapping[int, np.ndarray]


class _Scene:
    """The line-ups of one data set, whose crops stand one below the other in one table."""

    def __init__(self, lines: Sequence[LineUp], settings: Privacy) -> None:
        self.lines = lines
        table = pd.concat(
            [
                line.crops.assign(
                    margin=settings.margin if line.match is Match.PERSON else 1.0,
                    again=line.crops["probe"] | (line.match is Match.PERSON),
                )
                for line in lines
            ],
            ignore_index=True,
        )
        self._size = len(table)
        # neighbours of one image together, so that it is decoded once
        self._read = table.assign(place=np.arange(len(table))).sort_values(["id", "order"])

    def view(self, attacked: Attacked, regions: _Regions, sides: Sequence[int]) -> _View:
        """Read the crops in one variant: all of the originals, else those that are compared."""
        rows = self._read if attacked.variant == Variant() else self._read[self._read["again"]]
        found = read_crops(attacked.images, regions, rows, sides)
        crops = {side: np.zeros((self._size, side, side, 3), np.uint8) for side in sides}
        for side, values in found.items():
            crops[side][rows["place"].to_numpy()] = values
        return _View(attacked.variant, crops)

    def slices(self) -> Iterator[tuple[LineUp, slice]]:
        """Give each line-up with the rows of its crops."""
        start = 0
        for line in self.lines:
            yield line, slice(start, start + len(line.crops))
            start += len(line.crops)


def reidentify(
    originals: ImageSet,
    variants: Sequence[Attacked],
    boxes: pd.DataFrame,
    people: Mapping[str, str],
    sought: Collection[Entity],
    unadapted: Path,
    settings: Privacy,
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
        unadapted: the reference model.
        settings: section `privacy` of the config.
        seed: of the draw.
        output: Parquet with `COLUMNS`.

    Raises:
        InputError: a model cannot be loaded.

    """
    lines, missing = line_ups(boxes, originals.ids, people, sought, settings, seed)
    rows = [_none(entity, reason) for entity, reason in missing.items()]
    if lines:
        drawn = boxes[boxes["id"].isin({name for line in lines for name in line.crops["id"]})]
        scene = _Scene(lines, settings)
        rows += _attack(scene, originals, variants, image_regions(drawn), unadapted, settings)
    table = pd.concat([pd.DataFrame(columns=list(COLUMNS)), *rows], ignore_index=True)
    write_parquet(table[list(COLUMNS)].astype(COLUMNS), output)


def _attack(
    scene: _Scene,
    originals: ImageSet,
    variants: Sequence[Attacked],
    regions: _Regions,
    unadapted: Path,
    settings: Privacy,
) -> list[pd.DataFrame]:
    standing: dict[str, Attacker] = {NAIVE: Backbone(unadapted)}
    shown = {line.entity for line in scene.lines}
    for name in settings.attackers:
        kind = settings.of(attacker_named(name))
        if kind.is_given() and shown & set(kind.entities or shown):
            standing[name] = kind.load()
    sides = sorted({attacker.side for attacker in standing.values()})
    original = scene.view(Attacked(Variant(), originals), regions, sides)
    known = {name: _embedded(name, each, scene, original) for name, each in standing.items()}
    rows = []
    for name in standing:
        rows += _compared(scene, Variant(), name, known[name], known[name])
    for attacked in track(variants, len(variants), "variants attacked"):
        view = scene.view(attacked, regions, sides)
        for name, attacker in standing.items():
            seen = _embedded(name, attacker, scene, view)
            rows += _compared(scene, attacked.variant, name, seen, known[name])
        if attacked.parrot is None:
            reason = "no model is adapted to this variant"
            rows += [_none(line.entity, reason, attacked.variant, PARROT) for line in scene.lines]
            continue
        parrot = Backbone(attacked.parrot)
        seen, gallery = (_embedded(PARROT, parrot, scene, each) for each in (view, original))
        rows += _compared(scene, attacked.variant, PARROT, seen, gallery)
    return rows


def _embedded(
    name: str, attacker: Attacker, scene: _Scene, view: _View
) -> dict[Entity, np.ndarray]:
    """Return the vectors of each line-up's crops; probes alone are needed where regions match."""
    found = {}
    for line, part in scene.slices():
        if line.entity not in (entities_of(name) or Entity):
            continue
        crops = view.crops[attacker.side][part]
        asked = line.crops["probe"].to_numpy()
        if line.match is Match.REGION and view.variant != Variant():
            crops = crops[asked]
        found[line.entity] = attacker.embed(crops)
    return found


def entities_of(attacker: str) -> tuple[str, ...]:
    """Return what an attacker is shown; nothing: every entity."""
    return () if attacker in (NAIVE, PARROT) else attacker_named(attacker).entities


def _compared(
    scene: _Scene,
    variant: Variant,
    attacker: str,
    seen: Mapping[Entity, np.ndarray],
    known: Mapping[Entity, np.ndarray],
) -> list[pd.DataFrame]:
    """Return the rows of one attacker on one variant, against each kind of gallery.

    Args:
        scene: the line-ups.
        variant: of the probes.
        attacker: its name.
        seen: vectors of the variant's crops by entity.
        known: vectors of the originals' crops by entity.

    """
    rows = []
    for line in scene.lines:
        if line.entity not in seen:
            continue
        asked = line.crops["probe"].to_numpy()
        whole = len(seen[line.entity]) == len(line.crops)
        probes = seen[line.entity][asked] if whole else seen[line.entity]
        galleries = {ORIGINAL: known[line.entity]}
        if line.match is Match.PERSON and variant != Variant():
            galleries[ANONYMIZED] = seen[line.entity]
        for against, gallery in galleries.items():
            rows.append(_rows(line, variant, attacker, against, _placed(line, probes, gallery)))
    return rows


def _placed(line: LineUp, probes: np.ndarray, gallery: np.ndarray) -> Places:
    asked = line.crops[line.crops["probe"]]
    match = asked["who"].to_numpy()[:, None] == line.crops["who"].to_numpy()
    own = asked["id"].to_numpy()[:, None] == line.crops["id"].to_numpy()
    left_out = own if line.match is Match.PERSON else np.zeros_like(own)
    return places(probes, gallery, match, left_out)


def _rows(
    line: LineUp, variant: Variant, attacker: str, against: str, found: Places
) -> pd.DataFrame:
    asked = line.crops[line.crops["probe"]]
    hidden = [
        bool(variant.method) and order < regions_at(variant.degree, count)
        for order, count in zip(asked["order"], asked["count"], strict=True)
    ]
    table = asked[["id", "order", "cluster"]].assign(
        entity=line.entity.value,
        match=line.match.value,
        method=ORIGINAL if variant.method is None else variant.method,
        degree=variant.degree,
        attacker=attacker,
        against=against,
        hidden=hidden,
        gallery=found.gallery,
        reason="",
    )
    for rank in RANKS:
        table[f"hit_{rank}"] = hit_rates(found, rank)
        table[f"chance_{rank}"] = chances(found, rank)
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
