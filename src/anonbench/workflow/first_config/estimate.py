"""Time and disk of a first experiment, from what a sample took."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from anonbench.config import Policy, Presentation
from anonbench.core.numeric.statistics import fewest_trials
from anonbench.core.vocabulary import Entity
from anonbench.evaluation.policy.verdicts import OF_ENTITIES
from anonbench.workflow.first_config.sample import Sample
from anonbench.workflow.plan.costs import FORKED
from anonbench.workflow.plan.estimates.disk import ID_BYTES, TAR_BYTES


def limits_of(entities: Iterable[str]) -> list[float]:
    """Limits of the default policy on the attacks that concern these entities."""
    found = Policy().attacks.model_dump().items()
    sought = set(entities)
    concerned = {name for name, _ in found if OF_ENTITIES.get(name, sought) & sought}
    return [limit for name, limit in found if limit is not None and name in concerned]


CONFIDENCE: float = Presentation().confidence
JOBS = 50
"""Jobs of an experiment with one data set, one system, three methods and one degree, about."""
WRITTEN_TWICE = 2.0
"""An anonymized image is coded, and decoded again by the audit."""
COMPARED = 60.0
"""Core seconds of the comparisons besides, about."""
HALF = 0.5
"""Share of the images that is searched; an attacker learns from the other."""
SEARCHED, LEARNED = 24, 8
"""Fewest images that are searched, some more than the 20 of which the report states something; and
fewest that an attacker learns from, else none does."""
LEAST, MOST = 0.5, 2.0
"""Times that were seen, as multiples of the estimate: other programs run on the same cores, and a
sample is not the whole."""
FEWEST = 200
"""Images from which the report states something about rankings: half of them are searched, and of
100 the first k = 5 are relevant."""
_ROUND = 50
PROBES, GALLERY = 300, 500
"""Regions of each kind that a first experiment attacks, and among which they are looked for; as
many are learned from."""
TRIED = 0.3
"""Core seconds of the other attacks on an image, beside searching it again (284 images with
barcodes and text took 379 core seconds in four versions)."""
MENDED = 5.0
"""Core seconds to fit a method's restorers (four entities of the demo: two to three)."""
ATTACKED = 50 * math.ceil(fewest_trials(min(limits_of(map(str, Entity))), CONFIDENCE) / 50)
"""Regions of each kind that its other attacks try to read and find: where none succeeds, the
interval of so many ends within each of the policy's limits. Restorers are learned from as many."""


@dataclass(frozen=True)
class Estimate:
    """What an experiment costs."""

    images: int
    seconds: float
    """On all cores together, in the middle of the range."""
    bytes: float

    @property
    def span(self) -> tuple[float, float]:
        """Seconds from the least to the most."""
        return LEAST * self.seconds, MOST * self.seconds


def estimate(
    sample: Sample,
    detectors: Sequence[str],
    images: int,
    methods: int,
    cores: int,
    is_classified: bool = False,
) -> Estimate:
    """Return time and disk of an experiment.

    Args:
        sample: whose seconds and bytes of an image are taken for all.
        detectors: those that will be used.
        images: that are used.
        methods: of anonymization, at one degree.
        cores: of the machine.
        is_classified: whether accuracies are asked for, which a half of the images teaches.

    """
    read, write = sample.seconds("read"), WRITTEN_TWICE * sample.seconds("write")
    searched = read + sum(sample.found[name].seconds for name in detectors)
    hidden = methods * (read + write)
    embedded = (1 + methods) * (read + sample.encode_seconds)
    used = float(images)
    attacked = _attacked(sample, detectors, images, methods)
    # other attacks look for regions again in images as they are and hidden, and read and restore
    tried = min(images * searched_share(images, is_classified), ATTACKED * len(detectors))
    attacked += tried * (1 + methods) * (searched + TRIED)
    # restorers learn from train images, hidden by each method
    attacked += methods * (2 * read * min(HALF * images, ATTACKED * len(detectors)) + MENDED)
    work = images * searched + used * (hidden + embedded) + attacked + JOBS * FORKED + COMPARED
    png = sum(sample.png_bytes) / max(1, len(sample.png_bytes))
    vectors = (1 + methods) * (4.0 * sample.dimension + ID_BYTES)
    return Estimate(images, work / cores, used * (methods * (png + TAR_BYTES) + vectors))


def searched_share(images: int, is_classified: bool) -> float:
    """Return the share of so many images that is searched: half, and of few more or all.

    Accuracies need the other half.
    """
    if is_classified or images * HALF >= SEARCHED:
        return HALF
    if images < SEARCHED + LEARNED:
        return 1.0
    return math.ceil(100 * SEARCHED / images) / 100


def _attacked(sample: Sample, detectors: Sequence[str], images: int, methods: int) -> float:
    """Return core seconds to read and embed the regions of both halves."""
    seconds, searched = 0.0, max(1, sample.read)
    for found in (sample.found[name] for name in detectors):
        regions = HALF * images * found.regions / searched
        learned = gallery = min(regions, GALLERY)
        crops = gallery + methods * min(regions, PROBES) + (1 + methods) * learned
        shown = min(HALF * images * found.images / searched, GALLERY)
        read = 2 * (1 + methods) * shown
        seconds += read * sample.seconds("read") + crops * sample.encode_seconds
    return seconds


def within(
    sample: Sample,
    detectors: Sequence[str],
    images: int,
    methods: int,
    cores: int,
    seconds: float,
    is_classified: bool = False,
) -> Estimate:
    """Return the estimate of as many images as fit into the time, at least `FEWEST`."""
    most = estimate(sample, detectors, images, methods, cores, is_classified)
    while most.seconds > seconds and most.images > FEWEST:
        fewer = max(FEWEST, int(most.images * 0.9) // _ROUND * _ROUND)
        most = estimate(sample, detectors, fewer, methods, cores, is_classified)
    return most
