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

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from anonbench.config import Anonymization, Privacy
from anonbench.core.boxes import Region, image_regions
from anonbench.core.progress import track
from anonbench.core.registries.attacks import Attacker, AttackerKind
from anonbench.core.registries.systems import SystemKind
from anonbench.core.vocabulary import ORIGINAL, Entity, Variant
from anonbench.evaluation.privacy.attackers import own_attacker
from anonbench.evaluation.privacy.crops import (
    Cut,
    Points,
    Readable,
    cut_of,
    cuts_of,
    differing,
    find_points,
    read_crops,
)
from anonbench.evaluation.privacy.kinds import KINDS
from anonbench.evaluation.privacy.probes import (
    ADAPTIVE,
    ANONYMIZED,
    COLUMNS,
    NAIVE,
    NO_MODEL,
    UNTAUGHT,
    Gallery,
    Match,
    draw_galleries,
    hidden_in,
    not_run,
    probe_rows,
)
from anonbench.evaluation.privacy.published import Published
from anonbench.evaluation.privacy.supervised import TrainingSets, as_they_are, features

SURROUNDED = "surroundings are the same in the very image, which attack linkage looks for"
"""Why surroundings are not attacked if regions are searched among their own originals."""


def reidentify(
    published: Published,
    adapted: Mapping[Variant, Path | SystemKind],
    sought: Collection[Entity],
    unadapted: Attacker | None,
    settings: Privacy,
    hiding: Anonymization,
    seed: int,
) -> pd.DataFrame:
    """Attack every version of a data set's validation images; one row per probe, `COLUMNS`.

    Probes come from the same regions in every version, whether hidden there or not; in the
    originals (method `original`, degree 0) they give the ceiling.

    Args:
        published: the images, and train images that attackers may learn from.
        adapted: models that learned from images of a version.
        sought: entities that the detectors look for.
        unadapted: the reference model; None if it embeds no images.
        settings: of the attacks.
        hiding: how images are hidden, which attackers know.
        seed: of all draws.

    Raises:
        InputError: a model cannot be loaded.
    """
    originals, boxes, people = published.originals, published.boxes, published.people
    galleries, missing = draw_galleries(boxes, originals.ids, people, sought, settings, seed)
    kinds = [settings.of(KINDS[name]) for name in settings.attackers]
    galleries += [
        replace(gallery, context=context)
        for context in sorted({kind.context() for kind in kinds} - {0.0})
        for gallery in galleries
        if gallery.match is Match.PERSON
    ]
    rows = [not_run(entity, reason) for entity, reason in missing.items()]
    if galleries:
        ids = {name for gallery in galleries for name in gallery.crops["id"]}
        regions = image_regions(boxes[boxes["id"].isin(ids)], hiding.coding_blocks)
        attackers: dict[str, Attacker] = {} if unadapted is None else {NAIVE: unadapted}
        entities = {gallery.entity for gallery in galleries}
        for kind in kinds:
            if not kind.learns and kind.is_given() and entities & set(_entities_of(kind)):
                attackers[kind.name] = kind.load()
        line_ups = []
        for gallery in galleries:
            able = {
                name: each
                for name, each in attackers.items()
                if name == NAIVE or gallery.entity in _entities_of(KINDS[name])
            }
            wanted = gallery.shown(gallery.crops, settings, hiding)
            line_ups.append(_LineUp(gallery, able, wanted, regions))
        training_sets = TrainingSets(published, settings, hiding, seed)
        learners = [kind for kind in kinds if kind.learns]
        with threadpool_limits(1, user_api="blas"):  # no bit depends on the number of threads
            rows += _attack(line_ups, published, adapted, learners, training_sets)
    table = pd.concat([pd.DataFrame(columns=list(COLUMNS)), *rows], ignore_index=True)
    return table[list(COLUMNS)].astype(COLUMNS)


def _entities_of(kind: AttackerKind | type[AttackerKind]) -> tuple[str, ...]:
    return kind.entities or tuple(Entity)


@dataclass(frozen=True)
class _Seen:
    """Crops of a gallery in one variant, and their vectors by attacker."""

    variant: Variant
    rows: np.ndarray
    """Which of the gallery's crops are shown, bool [G]: all, or the probes if a region is searched
    among originals."""
    crops: Mapping[Cut, np.ndarray]
    vectors: Mapping[str, np.ndarray]


class _LineUp:
    """A gallery, and the attackers that are shown it."""

    def __init__(
        self,
        gallery: Gallery,
        attackers: Mapping[str, Attacker],
        wanted: pd.DataFrame,
        regions: Mapping[str, Sequence[Region]],
    ) -> None:
        self.gallery, self.attackers = gallery, attackers
        self.probe = gallery.crops["probe"].to_numpy()
        self.cuts = cuts_of(attackers.values())
        self._wanted, self._regions = wanted, regions
        self._points: Points = {}

    def originals(self, images: Readable) -> _Seen:
        """See the originals; faces are aligned by their points in every variant."""
        if any(cut.aligned for cut in self.cuts) and not self.gallery.context:
            self._points = find_points(images, self._regions, self._wanted)
        crops = read_crops(images, self._regions, self._wanted, self.cuts, self._points)
        vectors = {name: each.embed(crops[cut_of(each)]) for name, each in self.attackers.items()}
        return _Seen(Variant(), np.ones_like(self.probe), crops, vectors)

    def version(self, variant: Variant, images: Readable, clear: _Seen) -> _Seen:
        """See the crops of a variant that are compared."""
        rows = self.probe | (self.gallery.match is Match.PERSON)
        crops = read_crops(images, self._regions, self._wanted[rows], self.cuts, self._points)
        seen = _Seen(variant, rows, crops, {})
        vectors = {
            name: self.embedded(each, seen, clear, clear.vectors[name])
            for name, each in self.attackers.items()
        }
        return replace(seen, vectors=vectors)

    def embedded(
        self, attacker: Attacker, seen: _Seen, clear: _Seen, known: np.ndarray
    ) -> np.ndarray:
        """Vectors of a variant's crops; unchanged ones have the vectors of the originals."""
        crops = seen.crops[cut_of(attacker)]
        found: np.ndarray = known[seen.rows]
        changed = differing(crops, clear.crops[cut_of(attacker)][seen.rows])
        if changed.any():
            found[changed] = attacker.embed(crops[changed])
        return found


def _attack(
    line_ups: Sequence[_LineUp],
    published: Published,
    adapted: Mapping[Variant, Path | SystemKind],
    learners: Sequence[AttackerKind],
    training_sets: TrainingSets,
) -> list[pd.DataFrame]:
    alone = [each for each in line_ups if not each.gallery.context]
    rows = [not_run(each.gallery.entity, NO_MODEL) for each in alone if not each.attackers]
    if not any(each.attackers for each in line_ups):
        return rows
    rows += [
        not_run(each.gallery.entity, SURROUNDED, None, kind.name, kind.context())
        for kind in learners
        for each in line_ups
        if kind.context() and each.gallery.match is Match.REGION
    ]
    clear = {each: each.originals(published.originals) for each in line_ups if each.attackers}
    names = list(dict.fromkeys(name for each in line_ups for name in each.attackers))

    def compared(seen: Mapping[_LineUp, _Seen]) -> Iterator[pd.DataFrame]:
        for name in names:
            for each in alone:
                if name in each.attackers:
                    vectors = seen[each].vectors[name], clear[each].vectors[name]
                    yield from _compared(each, seen[each], name, *vectors)
        for kind in learners:
            for each in clear:
                shown = each.gallery.entity in _entities_of(kind)
                if shown and each.gallery.context == kind.context():
                    yield from _taught(each, kind, training_sets, seen[each], clear[each])

    rows += compared(clear)
    versions = published.versions
    for variant, images in track(versions.items(), len(versions), "variants attacked"):
        seen = {each: each.version(variant, images, clear[each]) for each in clear}
        rows += compared(seen)
        if variant not in adapted:
            reason = "no model is adapted to this variant"
            rows += [not_run(each.gallery.entity, reason, variant, ADAPTIVE) for each in alone]
            continue
        with own_attacker(adapted[variant]) as model:
            for each in alone:
                if each.attackers:
                    of_originals = model.embed(clear[each].crops[cut_of(model)])
                    vectors = each.embedded(model, seen[each], clear[each], of_originals)
                    rows += _compared(each, seen[each], ADAPTIVE, vectors, of_originals)
    return rows


def _compared(
    line_up: _LineUp, seen: _Seen, attacker: str, vectors: np.ndarray, originals: np.ndarray
) -> Iterator[pd.DataFrame]:
    """Yield rows of one attacker against each kind of gallery."""
    searched = {ORIGINAL: originals}
    if line_up.gallery.match is Match.PERSON and seen.variant != Variant():
        searched[ANONYMIZED] = vectors
    probes = vectors[line_up.probe[seen.rows]]
    for against, those in searched.items():
        yield probe_rows(line_up.gallery, seen.variant, attacker, against, probes, those)


def _taught(
    line_up: _LineUp, kind: AttackerKind, training_sets: TrainingSets, seen: _Seen, clear: _Seen
) -> Iterator[pd.DataFrame]:
    """Yield rows of an attacker that learns, on one gallery in one variant."""
    gallery, variant, cut = line_up.gallery, seen.variant, line_up.cuts[-1]
    shown, originals = (
        features(list(each.vectors.values()), each.crops[cut]) for each in (seen, clear)
    )
    method = str(variant.method or ORIGINAL)
    learned = training_sets.of(kind, method, gallery, line_up.attackers)
    if isinstance(learned, str):
        why, learned = learned, {}
        if gallery.context:  # surroundings can be compared without a training set
            many = sum(each.shape[1] for each in clear.vectors.values())
            learned = dict.fromkeys((False, True), as_they_are(originals.shape[1], many))
            why = f"{why}, {UNTAUGHT}"
        yield not_run(gallery.entity, why, variant, kind.name, gallery.context)
    hidden = hidden_in(gallery.crops, variant)[seen.rows]
    if gallery.context:  # unchanged surroundings are compared like originals
        hidden = differing(seen.crops[cut], clear.crops[cut])
    for gallery_is_hidden, comparison in learned.items():
        if gallery_is_hidden and variant == Variant():
            continue
        vectors = searched = comparison.vectors(shown, hidden)
        if not gallery_is_hidden:
            searched = comparison.vectors(originals, np.zeros_like(line_up.probe))
        against = ANONYMIZED if gallery_is_hidden else ORIGINAL
        of_probes = vectors[line_up.probe[seen.rows]]
        yield probe_rows(gallery, variant, kind.name, against, of_probes, searched)
