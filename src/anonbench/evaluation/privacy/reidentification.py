"""Re-identification: anonymized crops are searched among crops of the originals.

The naive attacker compares by the unadapted model. The adaptive attacker ("parrot") has learned
from images that were anonymized in the same way: here the model adapted to the variant (McPherson
et al. 2016, "Defeating image obfuscation with deep learning"; Hao et al. 2019 report 86 %, compared
with 11 % for the naive attacker). Others are registered (`anonbench.core.registries.attacks`): a
supervised attacker that learns from train images, one that sees everything except the region
(`remainder`), and the user's own face recognition model. If persons are searched in other
photographs, each attacker also anonymizes its gallery first (the adaptive attack that needs no
training). For the same region of the same image, that would compare a crop with itself.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from anonbench.config.privacy import Privacy
from anonbench.core.boxes import image_regions
from anonbench.core.progress import track
from anonbench.core.registries.attacks import Attacker, AttackerKind
from anonbench.core.registries.systems import SystemKind
from anonbench.core.vocabulary import ORIGINAL, Entity, Variant
from anonbench.evaluation.privacy.attackers import own_attacker
from anonbench.evaluation.privacy.crops import Images, Readable
from anonbench.evaluation.privacy.gallery import (
    NO_MODEL,
    UNTAUGHT,
    Gallery,
    Match,
    draw_galleries,
)
from anonbench.evaluation.privacy.kinds import KINDS
from anonbench.evaluation.privacy.probes import (
    ADAPTIVE,
    ANONYMIZED,
    COLUMNS,
    NAIVE,
    hidden_in,
    not_run,
    probe_rows,
)
from anonbench.evaluation.privacy.scene import (
    Regions,
    Scene,
    Seen,
    Vectors,
    able_attackers,
    cuts_of,
    differing,
    entities_of,
)
from anonbench.evaluation.privacy.supervised import as_they_are
from anonbench.evaluation.privacy.train_images import TrainImages
from anonbench.evaluation.privacy.training_sets import TrainingSets, features

SURROUNDED = "surroundings are the same in the very image, which attack linkage looks for"
"""Why surroundings are not attacked if regions are searched among their own originals."""


@dataclass(frozen=True)
class Attacked:
    """One variant of the validation images, and the model that learned from such images."""

    variant: Variant
    images: Readable
    adapted: Path | SystemKind | None = None


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
) -> pd.DataFrame:
    """Attack every variant of a data set's validation images; one row per probe, `COLUMNS`.

    Probes come from the same regions in every variant, whether hidden there or not; in the
    originals (method `original`, degree 0) they give the ceiling.

    Args:
        originals: of the validation split.
        variants: its anonymized versions.
        boxes: columns of `anonbench.core.boxes`.
        people: the person of each image, where it is known.
        sought: entities that the detectors look for.
        unadapted: the reference model; None if it embeds no images.
        settings: section `privacy` of the config.
        train: data that attackers may learn from.
        seed: of the draw.

    Raises:
        InputError: a model cannot be loaded.

    """
    galleries, missing = draw_galleries(boxes, originals.ids, people, sought, settings, seed)
    galleries += _surroundings(galleries, settings)
    rows = [not_run(entity, reason) for entity, reason in missing.items()]
    if galleries:
        ids = {name for gallery in galleries for name in gallery.crops["id"]}
        drawn = boxes[boxes["id"].isin(ids)]
        scene = Scene(galleries, settings, train.settings)
        training_sets = TrainingSets(train, boxes, people, originals.ids, settings, seed)
        regions = image_regions(drawn, train.settings.coding_blocks)
        with threadpool_limits(1, user_api="blas"):  # no bit depends on the number of threads
            rows += _attack(scene, originals, variants, regions, unadapted, settings, training_sets)
    table = pd.concat([pd.DataFrame(columns=list(COLUMNS)), *rows], ignore_index=True)
    return table[list(COLUMNS)].astype(COLUMNS)


def _surroundings(galleries: Sequence[Gallery], settings: Privacy) -> list[Gallery]:
    """Galleries of persons as shown to attackers that see only the surroundings."""
    kinds = (settings.of(KINDS[name]) for name in settings.attackers)
    return [
        replace(gallery, context=context)
        for context in sorted({kind.context() for kind in kinds} - {0.0})
        for gallery in galleries
        if gallery.match is Match.PERSON
    ]


def _attack(
    scene: Scene,
    originals: Images,
    variants: Sequence[Attacked],
    regions: Regions,
    unadapted: Attacker | None,
    settings: Privacy,
    training_sets: TrainingSets,
) -> list[pd.DataFrame]:
    attackers: dict[str, Attacker] = {} if unadapted is None else {NAIVE: unadapted}
    learners: list[AttackerKind] = []
    entities = {gallery.entity for gallery in scene.galleries}
    for name in settings.attackers:
        kind = settings.of(KINDS[name])
        if kind.learns:
            learners.append(kind)
        elif kind.is_given() and entities & set(entities_of(name)):
            attackers[name] = kind.load()
    alone = [each for each in scene.slices() if not each[0].context]
    unseen = [each.entity for each, _ in alone if not able_attackers(attackers, each.entity)]
    rows = [not_run(entity, NO_MODEL) for entity in unseen]
    if not attackers:
        return rows
    rows += [
        not_run(gallery.entity, SURROUNDED, None, kind.name, kind.context())
        for kind in learners
        for gallery in scene.galleries
        if kind.context() and gallery.match is Match.REGION
    ]
    clear = scene.seen(Variant(), originals, regions, attackers)
    for name, vectors in clear.vectors.items():
        rows += _compared(scene, Variant(), name, vectors, vectors)
    for kind in learners:
        rows += _learned(scene, kind, training_sets, attackers, clear, clear)
    for attacked in track(variants, len(variants), "variants attacked"):
        variant = attacked.variant
        shown = scene.seen(variant, attacked.images, regions, attackers, clear)
        for name, vectors in shown.vectors.items():
            rows += _compared(scene, variant, name, vectors, clear.vectors[name])
        for kind in learners:
            rows += _learned(scene, kind, training_sets, attackers, shown, clear)
        if attacked.adapted is None:
            reason = "no model is adapted to this variant"
            rows += [not_run(gallery.entity, reason, variant, ADAPTIVE) for gallery, _ in alone]
            continue
        with own_attacker(attacked.adapted) as adapted:
            of_originals = scene.embedded(adapted, alone, clear.crops)
            vectors = scene.embedded(adapted, alone, shown.crops, (clear.crops, of_originals))
        rows += _compared(scene, variant, ADAPTIVE, vectors, of_originals)
    return rows


def _compared(
    scene: Scene,
    variant: Variant,
    attacker: str,
    anonymized: Vectors,
    originals: Vectors,
) -> list[pd.DataFrame]:
    """Rows of one attacker on one variant, against each kind of gallery.

    Args:
        scene: the galleries.
        variant: of the probes.
        attacker: its name.
        anonymized: vectors of the variant's crops.
        originals: vectors of the originals' crops.

    """
    rows = []
    for gallery in scene.galleries:
        if gallery.context or gallery.key not in anonymized:
            continue
        probes = anonymized[gallery.key]
        if len(probes) == len(gallery.crops):
            probes = probes[gallery.crops["probe"].to_numpy()]
        searched = {ORIGINAL: originals[gallery.key]}
        if gallery.match is Match.PERSON and variant != Variant():
            searched[ANONYMIZED] = anonymized[gallery.key]
        for against, vectors in searched.items():
            rows.append(probe_rows(gallery, variant, attacker, against, probes, vectors))
    return rows


def _learned(
    scene: Scene,
    kind: AttackerKind,
    training_sets: TrainingSets,
    models: Mapping[str, Attacker],
    anonymized: Seen,
    clear: Seen,
) -> list[pd.DataFrame]:
    """Rows of an attacker that learns, on one variant."""
    rows = []
    for gallery, part in scene.slices():
        able = able_attackers(models, gallery.entity)
        is_shown = gallery.entity in entities_of(kind.name) and gallery.context == kind.context()
        if able and is_shown:
            rows += _taught(gallery, part, kind, training_sets, able, anonymized, clear)
    return rows


def _taught(
    gallery: Gallery,
    part: slice,
    kind: AttackerKind,
    training_sets: TrainingSets,
    able: Mapping[str, Attacker],
    anonymized: Seen,
    clear: Seen,
) -> list[pd.DataFrame]:
    """Rows of an attacker that learns, on one gallery in one variant.

    Args:
        gallery: to attack.
        part: the rows of its crops.
        kind: the attacker.
        training_sets: its training sets.
        able: the models whose vectors it builds on.
        anonymized: the variant.
        clear: the originals.

    """
    variant = anonymized.variant
    probe = gallery.crops["probe"].to_numpy()
    compared = probe | (gallery.match is Match.PERSON or variant == Variant())
    cut = cuts_of(able.values())[-1]
    shown, originals = (
        features([seen.vectors[name][gallery.key] for name in able], seen.crops[cut][part][rows_of])
        for seen, rows_of in ((anonymized, compared), (clear, np.ones_like(probe)))
    )
    learned, rows = training_sets.of(kind, str(variant.method or ORIGINAL), gallery, able), []
    if isinstance(learned, str):
        why, learned = learned, {}
        if gallery.context:  # surroundings can be compared without a training set
            many = sum(clear.vectors[name][gallery.key].shape[1] for name in able)
            learned = dict.fromkeys((False, True), as_they_are(originals.shape[1], many))
            why = f"{why}, {UNTAUGHT}"
        rows = [not_run(gallery.entity, why, variant, kind.name, gallery.context)]
    hidden = hidden_in(gallery.crops, variant)[compared]
    if gallery.context:  # unchanged surroundings are compared like originals
        hidden = differing(anonymized.crops[cut][part], clear.crops[cut][part])
    for gallery_is_hidden, comparison in learned.items():
        if gallery_is_hidden and variant == Variant():
            continue
        vectors = searched = comparison.vectors(shown, hidden)
        if not gallery_is_hidden:
            searched = comparison.vectors(originals, np.zeros_like(probe))
        against = ANONYMIZED if gallery_is_hidden else ORIGINAL
        of_probes = vectors[probe[compared]]
        rows.append(probe_rows(gallery, variant, kind.name, against, of_probes, searched))
    return rows
