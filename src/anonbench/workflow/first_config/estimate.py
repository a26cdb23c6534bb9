"""Estimated time and disk space of a first experiment, based on a sample."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

from anonbench.config import Policy, Presentation
from anonbench.core.numeric.statistics import fewest_trials
from anonbench.core.vocabulary import Entity
from anonbench.evaluation.policy.verdicts import OF_ENTITIES
from anonbench.workflow.first_config.sample import Sample
from anonbench.workflow.plan.costs import ID_BYTES, STARTED, TAR_BYTES


def limits_of(entities: Iterable[str]) -> list[float]:
    """Limits of the default policy for the attacks on these entities."""
    found = Policy().attacks.model_dump().items()
    sought = set(entities)
    concerned = {name for name, _ in found if OF_ENTITIES.get(name, sought) & sought}
    return [limit for name, limit in found if limit is not None and name in concerned]


CONFIDENCE: float = Presentation().confidence
JOBS = 35
"""Approximate number of jobs with one data set, one system, three methods and one degree."""
WRITTEN_TWICE = 2.0
"""Factor for writing: an anonymized image is encoded, and decoded again by the audit."""
COMPARED = 60.0
"""Approximate core seconds of the comparisons."""
HALF = 0.5
"""Share of the images that is searched; attackers learn from the other half."""
SEARCHED, LEARNED = 24, 8
"""Fewest images that are searched, slightly more than the 20 that the report needs for a statement;
and fewest images that an attacker learns from (with fewer, none does)."""
LEAST, MOST = 0.5, 2.0
"""Range of measured times as multiples of the estimate: other programs share the cores, and a
sample differs from the whole."""
FEWEST = 200
"""Fewest images for a statement about rankings: half of them are searched, and of 100 the first k =
5 are relevant."""
PROBES, GALLERY = 300, 500
"""Regions of each kind that a first experiment attacks, and size of the gallery they are matched
against. As many regions are used for learning."""
TRIED = 0.3
"""Core seconds per image of the other attacks, besides the repeated search (measured: 379 core
seconds for 284 images with barcodes and text in four versions)."""
MENDED = 5.0
"""Core seconds to fit a method's restorers (measured on four entities of the demo: two to
three)."""
ATTACKED = 50 * math.ceil(fewest_trials(min(limits_of(map(str, Entity))), CONFIDENCE) / 50)
"""Regions of each kind that the other attacks try: enough for an interval within each limit of the
policy if no attack succeeds. Restorers are learned from as many."""


class Estimate(NamedTuple):
    """Estimated cost of an experiment."""

    images: int
    seconds: float
    """Core seconds, in the middle of the range."""
    bytes: float

    @property
    def span(self) -> tuple[float, float]:
        """Lowest and highest plausible number of seconds."""
        return LEAST * self.seconds, MOST * self.seconds


def estimate(
    sample: Sample,
    detectors: Sequence[str],
    images: int,
    methods: int,
    cores: int,
    is_classified: bool = False,
) -> Estimate:
    """Estimate time and disk space of an experiment with one degree.

    Args:
        sample: measured seconds and bytes per image.
        detectors: detectors in use.
        images: number of images in use.
        methods: number of anonymization methods.
        cores: number of CPU cores.
        is_classified: whether accuracies are requested.
    """
    read, write, encode = sample.seconds("read"), sample.seconds("write"), sample.encode_seconds
    versions, half = 1 + methods, HALF * images
    searched = read + sum(sample.found[name].seconds for name in detectors)
    hidden = methods * (read + WRITTEN_TWICE * write)
    attacked = 0.0
    for name in detectors:  # re-identification reads and embeds the regions of both halves
        found, of = sample.found[name], max(1, sample.read)
        regions = half * found.regions / of
        learned = gallery = min(regions, GALLERY)
        crops = gallery + methods * min(regions, PROBES) + versions * learned
        attacked += 2 * versions * min(half * found.images / of, GALLERY) * read + crops * encode
    # other attacks search images again, as they are and hidden, and read and restore regions
    most = ATTACKED * len(detectors)
    tried = min(images * searched_share(images, is_classified), most)
    attacked += tried * versions * (searched + TRIED)
    # restorers learn from train images, hidden by each method
    attacked += methods * (2 * read * min(half, most) + MENDED)
    work = images * (searched + hidden + versions * (read + encode))
    seconds = (work + attacked + JOBS * STARTED + COMPARED) / cores
    png = sum(sample.png_bytes) / max(1, len(sample.png_bytes))
    vectors = versions * (4.0 * sample.dimension + ID_BYTES)
    return Estimate(images, seconds, images * (methods * (png + TAR_BYTES) + vectors))


def searched_share(images: int, is_classified: bool) -> float:
    """Share of the images that is searched: half if there are enough, otherwise more or all.

    With accuracies it stays at half, because they need the rest for training.
    """
    if is_classified or images * HALF >= SEARCHED:
        return HALF
    if images < SEARCHED + LEARNED:
        return 1.0
    return math.ceil(100 * SEARCHED / images) / 100


def within(estimated: Callable[[int], Estimate], images: int, seconds: float) -> Estimate:
    """Estimate for as many images as fit into the time, at least `FEWEST`."""
    most = estimated(images)
    while most.seconds > seconds and most.images > FEWEST:
        most = estimated(max(FEWEST, int(most.images * 0.9) // 50 * 50))
    return most
