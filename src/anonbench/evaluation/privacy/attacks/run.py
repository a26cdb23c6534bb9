"""All attacks on a data set's published images and vectors, as one table of rates."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from anonbench.config import Privacy
from anonbench.core.numeric.clusters import too_few
from anonbench.core.numeric.rates import clustered_rate
from anonbench.core.registries.attacks import (
    NO_REGION,
    ArchiveAttack,
    AttackNotPossibleError,
    Equipment,
    Looking,
    Outcome,
    PrivacyAttack,
    RegionAttack,
    Restorers,
)
from anonbench.core.registries.method_names import has_own_vectors
from anonbench.core.vocabulary import ORIGINAL, Entity, Variant
from anonbench.evaluation.privacy.attacks.archives import Published, archives
from anonbench.evaluation.privacy.attacks.kinds import KINDS
from anonbench.evaluation.privacy.attacks.kinds.reconstruction import Likeness
from anonbench.evaluation.privacy.attacks.regions import CONTROL, attack_regions
from anonbench.evaluation.privacy.attacks.restorer import LearnedRestorers
from anonbench.evaluation.privacy.attacks.table import COLUMNS, SEEN

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
            settings.of(Likeness).noise,
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
    loaded: list[tuple[RegionAttack, Looking]] = []
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
