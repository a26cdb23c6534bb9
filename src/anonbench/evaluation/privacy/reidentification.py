"""Re-identification: anonymized crops are searched among crops of the originals.

The naive attacker compares by the unadapted model, the adaptive one ("parrot") by the model that
learned from images of the variant (McPherson et al. 2016, "Defeating image obfuscation with deep
learning"); others are registered. If persons are searched in other photographs, each attacker also
anonymizes its gallery. For the same region of the same image, a crop would be compared with itself.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
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

    InputError if a model cannot be loaded.

    Args:
        adapted: models that learned from images of a version.
        sought: entities that the detectors look for.
        unadapted: the reference model; None if it embeds no images.
        hiding: how images are hidden, which attackers know.
    """
    originals, boxes, people = published.originals, published.boxes, published.people
    galleries, missing = draw_galleries(boxes, originals.ids, people, sought, settings, seed)
    kinds = [settings.of(KINDS[name]) for name in settings.attackers]
    for context in sorted({kind.context() for kind in kinds} - {0.0}):
        for each in [each for each in galleries if each.match is Match.PERSON and not each.context]:
            crops = each.crops.assign(margin=float(hiding.margin), context=context)
            galleries.append(replace(each, crops=crops, context=context))
    ids = {name for gallery in galleries for name in gallery.crops["id"]}
    regions = image_regions(boxes[boxes["id"].isin(ids)], hiding.coding_blocks)
    attackers: dict[str, Attacker] = {} if unadapted is None else {NAIVE: unadapted}
    for kind in kinds:
        if not kind.learns and kind.is_given() and any(_sees(kind, each) for each in galleries):
            attackers[kind.name] = kind.load()
    line_ups = []
    for gallery in galleries:
        able = {n: a for n, a in attackers.items() if n == NAIVE or _sees(KINDS[n], gallery)}
        line_ups.append(_LineUp(gallery, able, regions))
    rows = [not_run(entity, reason) for entity, reason in missing.items()]
    training_sets = TrainingSets(published, settings, hiding, seed)
    with threadpool_limits(1, user_api="blas"):  # no bit depends on the number of threads
        learners = [kind for kind in kinds if kind.learns]
        rows += _attack(line_ups, published, adapted, learners, training_sets)
    table = pd.concat([pd.DataFrame(columns=list(COLUMNS)), *rows], ignore_index=True)
    return table[list(COLUMNS)].astype(COLUMNS)


def _sees(kind: AttackerKind | type[AttackerKind], gallery: Gallery) -> bool:
    return not kind.entities or gallery.entity in kind.entities


class _LineUp:
    """A gallery, and what its attackers see of one variant at a time, first of the originals."""

    def __init__(
        self,
        gallery: Gallery,
        attackers: Mapping[str, Attacker],
        regions: Mapping[str, Sequence[Region]],
    ) -> None:
        self.gallery, self.attackers, self._regions = gallery, attackers, regions
        self.cuts = cuts_of(attackers.values())
        self._probe = gallery.crops["probe"].to_numpy()
        self._points: Points = {}

    def see(self, variant: Variant, images: Readable) -> None:
        """Take a variant; faces are aligned by their points in the originals."""
        is_clear = variant == Variant()
        if is_clear and any(cut.aligned for cut in self.cuts) and not self.gallery.context:
            self._points = find_points(images, self._regions, self.gallery.crops)
        # all crops, or only the probes if a region is searched among originals
        rows = self._probe | is_clear | (self.gallery.match is Match.PERSON)
        wanted = self.gallery.crops[rows]
        crops = read_crops(images, self._regions, wanted, self.cuts, self._points)
        self.variant, self.rows, self.crops = variant, rows, crops
        if is_clear:
            self.clear = crops
            self.clear_vectors = {
                n: each.embed(crops[cut_of(each)]) for n, each in self.attackers.items()
            }
        self.vectors = {
            n: self.embedded(each, self.clear_vectors[n]) for n, each in self.attackers.items()
        }

    def embedded(self, attacker: Attacker, known: np.ndarray) -> np.ndarray:
        """Vectors of the variant's crops; unchanged ones have the vectors of the originals."""
        crops = self.crops[cut_of(attacker)]
        found: np.ndarray = known[self.rows]
        changed = differing(crops, self.clear[cut_of(attacker)][self.rows])
        if changed.any():
            found[changed] = attacker.embed(crops[changed])
        return found

    def compared(
        self, attacker: str, vectors: np.ndarray, originals: np.ndarray
    ) -> Iterator[pd.DataFrame]:
        """Yield rows of one attacker against each kind of gallery."""
        yield self.searched(attacker, ORIGINAL, vectors, originals)
        if self.gallery.match is Match.PERSON and self.variant != Variant():
            yield self.searched(attacker, ANONYMIZED, vectors, vectors)

    def searched(
        self, attacker: str, against: str, vectors: np.ndarray, searched: np.ndarray
    ) -> pd.DataFrame:
        probes = vectors[self._probe[self.rows]]
        return probe_rows(self.gallery, self.variant, attacker, against, probes, searched)

    def taught(self, kind: AttackerKind, training_sets: TrainingSets) -> Iterator[pd.DataFrame]:
        """Yield rows of an attacker that learns."""
        gallery, variant, cut = self.gallery, self.variant, self.cuts[-1]
        shown = features([*self.vectors.values()], self.crops[cut])
        originals = features([*self.clear_vectors.values()], self.clear[cut])
        method = str(variant.method or ORIGINAL)
        learned = training_sets.of(kind, method, gallery, self.attackers)
        if isinstance(learned, str):
            why, learned = learned, {}
            if gallery.context:  # surroundings can be compared without a training set
                many = sum(each.shape[1] for each in self.clear_vectors.values())
                learned = dict.fromkeys((False, True), as_they_are(originals.shape[1], many))
                why = f"{why}, {UNTAUGHT}"
            yield not_run(gallery.entity, why, variant, kind.name, gallery.context)
        hidden = hidden_in(gallery.crops, variant)[self.rows]
        if gallery.context:  # unchanged surroundings are compared like originals
            hidden = differing(self.crops[cut], self.clear[cut])
        for gallery_is_hidden, comparison in learned.items():
            if gallery_is_hidden and variant == Variant():
                continue
            vectors = searched = comparison.vectors(shown, hidden)
            if not gallery_is_hidden:
                searched = comparison.vectors(originals, np.zeros(len(originals), bool))
            against = ANONYMIZED if gallery_is_hidden else ORIGINAL
            yield self.searched(kind.name, against, vectors, searched)


def _attack(
    line_ups: Sequence[_LineUp],
    published: Published,
    adapted: Mapping[Variant, Path | SystemKind],
    learners: Sequence[AttackerKind],
    training_sets: TrainingSets,
) -> Iterator[pd.DataFrame]:
    alone = [each for each in line_ups if not each.gallery.context]
    yield from (not_run(each.gallery.entity, NO_MODEL) for each in alone if not each.attackers)
    attacked = [each for each in line_ups if each.attackers]
    if not attacked:
        return
    for kind in learners:
        for each in line_ups:
            if kind.context() and each.gallery.match is Match.REGION:
                yield not_run(each.gallery.entity, SURROUNDED, None, kind.name, kind.context())
    names = dict.fromkeys(name for each in line_ups for name in each.attackers)
    versions = {Variant(): published.originals, **published.versions}
    for variant, images in track(versions.items(), len(versions), "variants attacked"):
        for each in attacked:
            each.see(variant, images)
        for name in names:
            for each in alone:
                if name in each.attackers:
                    yield from each.compared(name, each.vectors[name], each.clear_vectors[name])
        for kind in learners:
            for each in attacked:
                if _sees(kind, each.gallery) and each.gallery.context == kind.context():
                    yield from each.taught(kind, training_sets)
        if variant == Variant():
            continue
        if variant in adapted:
            with own_attacker(adapted[variant]) as model:
                for each in alone:
                    if each.attackers:
                        clear = model.embed(each.clear[cut_of(model)])
                        yield from each.compared(ADAPTIVE, each.embedded(model, clear), clear)
        else:
            reason = "no model is adapted to this variant"
            yield from (not_run(each.gallery.entity, reason, variant, ADAPTIVE) for each in alone)
