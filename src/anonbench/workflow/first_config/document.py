"""Text of a first config: each setting with its reason and the findings behind it.

Time and disk space of the first experiment are estimated from the sample.
"""

import math
import shlex
import textwrap
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from importlib import resources
from pathlib import Path
from statistics import fmean
from typing import Any, NamedTuple

import yaml
from jinja2 import Environment, StrictUndefined
from tqdm import tqdm

from anonbench.config import Layout, Policy, Presentation, Privacy, load
from anonbench.config.default_files import flow
from anonbench.config.detectors import COVERING
from anonbench.config.experiment import Experiment
from anonbench.core.numeric.statistics import fewest_trials
from anonbench.core.registries.detectors import DETECTORS
from anonbench.core.vocabulary import Entity, Method, Split
from anonbench.core.wording import count, duration
from anonbench.evaluation.policy.verdicts import OF_ENTITIES
from anonbench.evaluation.privacy.rates import clusters_needed
from anonbench.workflow.estimates import Estimates
from anonbench.workflow.first_config.survey import Sample, Survey
from anonbench.workflow.plan_costs import ID_BYTES, TAR_BYTES

_WIDTH = 100
_FEW_CLUSTERS = 20  # with fewer, the report states nothing about re-identification
_CHANCE = 0.05  # that the sample has none of what so many of all images have
_K = 5  # fewest relevant images per query for statements about rankings


@dataclass(frozen=True)
class Choice:
    """The user's choices, or the defaults."""

    system: Mapping[str, Any]  # its settings, as in the config
    is_default: bool  # whether it is the small one shipped with the packages
    label: str | None
    persons: bool  # whether each class folder is a person
    minutes: float
    cores: int
    gpus: int
    results: Path
    file: Path  # the config to write


class Estimate(NamedTuple):
    """Estimated cost of an experiment."""

    images: int
    seconds: float = 0.0  # expected time of the run, as `anonbench plan` tells it
    bytes: float = 0.0
    gap: str = ""
    """Number of images, persons or class folders that the policy needs; empty if they are there."""


def compose(seen: Survey, sample: Sample, choice: Choice) -> tuple[str, Estimate]:
    """Compose the config's text and estimate the cost of its experiment."""
    detectors = sample.finding or ["centerface", "ppocr"]
    entities = {str(entity) for name in detectors for entity in DETECTORS[name].entities}
    methods = [*map(str, Method), *(["replace"] if entities - {"face"} else [])]
    is_classified = choice.label is not None
    speed = {"seconds": float(f"{seconds:.2g}")} if (seconds := sample.encode_seconds) else {}

    text = resources.files(__package__).joinpath("config.yaml.j2").read_text("utf-8")
    template = _environment(choice.file).from_string(text)
    folders = () if seen.layout is Layout.CELEBA else seen.classes
    # class folders that are labels are no clusters, unless they are persons
    are_clusters = choice.persons or (len(folders) >= _FEW_CLUSTERS and choice.label != "class")
    strictest = min(limits_of(entities))
    needed = fewest_trials(strictest, CONFIDENCE)  # if no attack succeeds
    enough = clusters_needed(WIDEST, CONFIDENCE, strictest)

    def written(cost: Estimate, whole: Estimate) -> tuple[str, Estimate]:
        share = searched_share(cost.images, is_classified)
        searched = int(share * cost.images)
        by_class = share < 1.0 and choice.label != "class" and are_clusters
        # a tenth may turn out unreadable or without regions
        fraction = math.ceil(1000 * _K / (0.9 * searched)) / 1000 if searched else 1.0
        what, there, part = "image", searched, HALF  # of so many, half are searched
        if are_clusters:
            what, there = "class folder", int(share * len(folders))
        elif 0 < seen.persons < searched:  # a person has images in both parts
            what, there, part = "person", seen.persons, 1.0
        if there < needed:
            in_all = f"{count(math.ceil(enough / part), what)} with each kind of region"
            gap = f"no method can pass with so few; about {in_all} are enough"
            cost = cost._replace(gap=gap)
        return template.render(
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
            system={**choice.system, **speed},
            unseen=f"{1 - _CHANCE ** (1 / max(1, sample.read)):.0%}",
            known=DETECTORS,
            few=[
                name
                for name, each in sample.found.items()
                if each.images * searched < needed * sample.read <= searched * sample.read
            ],
            detectors=detectors,
            methods=methods,
            cost=cost,
            whole=whole,
            share=share,
            searched=searched,
            split={"validation": share} | ({"by": "class"} if by_class else {}),
            folders=folders,
            are_clusters=are_clusters,
            covering={name: dict(COVERING[name]) for name in detectors if name in COVERING},
            fraction=min(1.0, fraction),
            there=count(there, what),
            enough=enough,
            usual=Privacy(),
        ), cost

    def estimated(images: int) -> Estimate:
        """Time and disk space, by the rates of `anonbench plan`."""
        config = load(yaml.safe_load(written(Estimate(images), Estimate(images))[0]))
        (name,) = config.datasets
        searched = int(searched_share(images, is_classified) * images)
        counts = {Split.TRAIN: images - searched, Split.VAL: searched}
        size = fmean(sample.megapixels) if sample.megapixels else None
        estimates = Estimates(Experiment(config), name, counts, size)
        png = sum(sample.png_bytes) / max(1, len(sample.png_bytes))
        vectors = (1 + len(methods)) * (4.0 * sample.dimension + ID_BYTES)
        written_bytes = images * (len(methods) * (png + TAR_BYTES) + vectors)
        return Estimate(images, estimates.first_run(choice.cores), written_bytes)

    most = whole = estimated(seen.images)
    while most.seconds > 60.0 * choice.minutes and most.images > FEWEST:
        most = estimated(max(FEWEST, int(most.images * 0.9) // 50 * 50))
    return written(most, whole)


def _environment(file: Path) -> Environment:
    """Environment of the template; `note` wraps a text into comment lines."""

    def note(text: str, depth: int = 0) -> str:
        lines = textwrap.wrap(" ".join(text.split()), _WIDTH - depth - 2, break_on_hyphens=False)
        # the config's own path, wrapped as if it were short
        lines = [line.replace("THIS_FILE", shlex.quote(str(file))) for line in lines]
        return "".join(f"{' ' * depth}# {line}\n" for line in lines)

    environment = Environment(
        trim_blocks=True, lstrip_blocks=True, keep_trailing_newline=True, undefined=StrictUndefined
    )
    environment.filters |= {
        "note": note,
        "flow": partial(flow, sort_keys=True),
        "count": count,
        "duration": duration,
        "bytes": lambda size: tqdm.format_sizeof(size, "B"),
        "thousands": lambda number: f"{number:,}",
        "figures": _figures,
    }
    return environment


def _figures(number: float) -> str:
    if number < 0.001:
        return "less than 0.001"
    return f"{number:,.0f}" if number >= 10 else f"{number:.2g}"


def limits_of(entities: Iterable[str]) -> list[float]:
    """Limits of the default policy for the attacks on these entities."""
    sought, limits = set(entities), Policy().attacks.model_dump(exclude_none=True)
    return [limit for name, limit in limits.items() if OF_ENTITIES.get(name, sought) & sought]


CONFIDENCE: float = Presentation().confidence
WIDEST: float = Presentation().widest_interval
HALF = 0.5  # share of the images that is searched; attackers learn from the other half
SEARCHED, LEARNED = 24, 8
"""Fewest images that are searched, slightly more than the 20 that the report needs for a statement;
and fewest images that an attacker learns from (with fewer, none does)."""
FEWEST = 200
"""Fewest images for a statement about rankings: half of them are searched, and of 100 the first k =
5 are relevant."""
PROBES, GALLERY = 300, 500
"""Regions of each kind that a first experiment attacks, and size of the gallery they are matched
against. As many regions are used for learning."""
ATTACKED = 50 * math.ceil(fewest_trials(min(limits_of(map(str, Entity))), CONFIDENCE) / 50)
"""Regions of each kind that the other attacks try: enough for an interval within each limit of the
policy if no attack succeeds. Restorers are learned from as many."""


def searched_share(images: int, is_classified: bool) -> float:
    """Share of the images that is searched: half if there are enough, otherwise more or all.

    With accuracies it stays at half, because they need the rest for training.
    """
    if is_classified or images * HALF >= SEARCHED:
        return HALF
    if images < SEARCHED + LEARNED:
        return 1.0
    return math.ceil(100 * SEARCHED / images) / 100
