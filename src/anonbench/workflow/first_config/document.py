"""Text of a first config: each setting with its reason and the findings behind it.

Time and disk space of the first experiment are estimated from the sample.
"""

from __future__ import annotations

import math
import textwrap
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any, NamedTuple

import yaml
from jinja2 import Environment, StrictUndefined
from tqdm import tqdm

from anonbench.config import Layout, Policy, Presentation, Privacy
from anonbench.config.detectors import COVERING
from anonbench.core.numeric.statistics import fewest_trials
from anonbench.core.registries.detectors import DETECTORS
from anonbench.core.vocabulary import Entity, Method
from anonbench.core.wording import count, duration
from anonbench.evaluation.policy.verdicts import OF_ENTITIES
from anonbench.workflow.first_config.survey import Sample, Survey
from anonbench.workflow.plan_costs import ID_BYTES, STARTED, TAR_BYTES

_TEMPLATE = "config.yaml.j2"
_WIDTH = 100
_THIS = "THIS_FILE"
"""Stands for the config's own path in notes, which are wrapped as if it were short."""
_FEW_CLUSTERS = 20
"""With fewer clusters the report states nothing about re-identification."""
_CHANCE = 0.05
"""Probability that a property of this share of all images is absent from the sample."""
_K = 5
"""Fewest relevant images per query for statements about rankings."""


@dataclass(frozen=True)
class Choice:
    """The user's choices, or the defaults."""

    system: Mapping[str, Any]
    """Settings of the system, as in the config."""
    is_default: bool
    """Whether the system is the small one shipped with the packages."""
    label: str | None
    persons: bool
    """Whether each class folder is a person."""
    minutes: float
    cores: int
    gpus: int
    results: Path
    file: Path
    """Path of the config to write."""


def compose(seen: Survey, sample: Sample, choice: Choice) -> tuple[str, Estimate]:
    """Compose the config's text and estimate the cost of its experiment."""
    detectors = sample.finding or ["centerface", "ppocr"]
    entities = {str(entity) for name in detectors for entity in DETECTORS[name].entities}
    methods = [*map(str, Method), *(["replace"] if entities - {"face"} else [])]
    is_classified = choice.label is not None

    def estimated(images: int) -> Estimate:
        return estimate(sample, detectors, images, len(methods), choice.cores, is_classified)

    cost = within(estimated, seen.images, 60.0 * choice.minutes)
    share = searched_share(cost.images, is_classified)
    searched = int(share * cost.images)
    folders = () if seen.layout is Layout.CELEBA else seen.classes
    # class folders that are labels are no clusters, unless they are persons
    are_clusters = len(folders) >= _FEW_CLUSTERS and (choice.persons or choice.label != "class")
    by_class = share < 1.0 and choice.label != "class" and are_clusters
    fraction = math.ceil(1000 * _K / searched) / 1000 if searched else 1.0
    strictest = min(limits_of(entities))
    there = int(share * len(folders)) if are_clusters else searched
    needed = fewest_trials(strictest, CONFIDENCE)
    if there < needed:
        what = "class folder" if are_clusters else "image"
        cost = cost._replace(wanted=count(math.ceil(needed / share), what))
    text = _environment(choice.file).from_string(
        resources.files(__package__).joinpath(_TEMPLATE).read_text("utf-8")
    )
    return text.render(
        ATTACKED=ATTACKED,
        FEWEST=FEWEST,
        GALLERY=GALLERY,
        HALF=HALF,
        PROBES=PROBES,
        SEARCHED=SEARCHED,
        K=_K,
        FEW_CLUSTERS=_FEW_CLUSTERS,
        seen=seen,
        sample=sample,
        choice=choice,
        formats=", ".join(f"{n:,} {suffix}" for suffix, n in seen.formats.items()),
        looked_at=sample.read + sample.unreadable.total(),
        unseen=f"{1 - _CHANCE ** (1 / max(1, sample.read)):.0%}",
        labels={name: DETECTORS[name].label for name in sample.found},
        detectors=detectors,
        methods=methods,
        cost=cost,
        whole=estimated(seen.images),
        share=share,
        searched=searched,
        split={"validation": share} | ({"by": "class"} if by_class else {}),
        folders=folders,
        are_clusters=are_clusters,
        covering={name: dict(COVERING[name]) for name in detectors if name in COVERING},
        fraction=min(1.0, fraction),
        there=there,
        strictest=strictest,
        needed=needed,
        usual=Privacy(),
    ), cost


def _environment(file: Path) -> Environment:
    """Environment of the template; `note` wraps a text into comment lines."""

    def note(text: str, depth: int = 0) -> str:
        lines = textwrap.wrap(" ".join(text.split()), _WIDTH - depth - 2)
        return "".join(f"{' ' * depth}# {line.replace(_THIS, str(file))}\n" for line in lines)

    environment = Environment(
        trim_blocks=True, lstrip_blocks=True, keep_trailing_newline=True, undefined=StrictUndefined
    )
    environment.filters |= {
        "note": note,
        "flow": _flow,
        "count": count,
        "duration": duration,
        "ceil": math.ceil,
        "bytes": lambda size: tqdm.format_sizeof(size, "B"),
        "thousands": lambda number: f"{number:,}",
    }
    return environment


def _flow(value: Any) -> str:
    text = yaml.safe_dump(value, default_flow_style=True, width=10_000, allow_unicode=True)
    return text.removesuffix("...\n").strip()


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
    wanted: str = ""
    """Number of images or class folders before which no method can pass; empty if they are there.
    """

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
