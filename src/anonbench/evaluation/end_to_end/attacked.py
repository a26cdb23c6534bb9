"""Re-identification by the system under test: hidden regions searched among the originals'.

This attack needs no training, no labels and no second model. It is one attacker among others:
others may find more, and do not always find the same regions.
"""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from anonbench.config import Privacy
from anonbench.core.boxes import Region, image_regions
from anonbench.core.registries.detectors import DETECTORS
from anonbench.core.registries.systems import System
from anonbench.core.vocabulary import Entity, Variant
from anonbench.embedding.given_images import Picture
from anonbench.evaluation.end_to_end.encoded import Encoded, Treatment
from anonbench.evaluation.privacy.attackers import SystemAttacker
from anonbench.evaluation.privacy.published import GivenImages, HiddenOnRead, Published
from anonbench.evaluation.privacy.rates import rates, with_clusters, worst
from anonbench.evaluation.privacy.reidentification import reidentify

COLUMNS = [
    *("degree", "method", "entity", "rate", "low", "high"),
    *("n", "clusters", "gallery", "chance", "reason"),
]
"""Columns of the rates: shares of `n` regions whose own original comes first among `gallery` ones;
the originals (`original`, degree 0) are the ceiling. See `anonbench.evaluation.privacy.rates`."""


def attack(
    pictures: Sequence[Picture],
    encoded: Encoded,
    system: System,
    treatment: Treatment,
    clusters: pd.Series,
    confidence: float,
) -> pd.DataFrame:
    """Share of regions whose own original the system finds first, columns `COLUMNS`.

    Some of the pictures were scored. Clusters are by the ids of the images.
    """
    scored = set(encoded.vectors[Variant()].ids)
    known = {image.id: image for image in pictures if image.id in scored}
    regions: dict[str, list[Region]] = {image_id: [] for image_id in known}
    regions |= image_regions(encoded.boxes)
    originals, how = GivenImages(known), treatment.anonymization
    versions = {
        each: HiddenOnRead(originals, how, regions, str(each.method), each.degree)
        for each in treatment.variants
    }
    probes = reidentify(
        Published(originals, versions, encoded.boxes),
        {},
        {Entity(each) for name in treatment.detectors for each in DETECTORS[name].entities},
        SystemAttacker(system),
        Privacy(attackers=()),
        how,
        treatment.seed,
    )
    found = worst(rates("", with_clusters(probes, clusters), confidence)).reindex(columns=COLUMNS)
    return found.sort_values(["degree", "method"], ignore_index=True, kind="stable")
