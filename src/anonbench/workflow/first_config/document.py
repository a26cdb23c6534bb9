"""Text of a first config: each setting with its reason and the findings behind it."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

import yaml
from jinja2 import Environment, StrictUndefined
from tqdm import tqdm

from anonbench.config import Layout, Privacy
from anonbench.config.detectors import COVERING
from anonbench.core.numeric.statistics import fewest_trials
from anonbench.core.registries.detectors import DETECTORS
from anonbench.core.vocabulary import Method
from anonbench.core.wording import count, duration
from anonbench.workflow.first_config import estimate as costs
from anonbench.workflow.first_config.estimate import Estimate, limits_of, searched_share, within
from anonbench.workflow.first_config.sample import Sample
from anonbench.workflow.first_config.survey import Survey

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
        return costs.estimate(sample, detectors, images, len(methods), choice.cores, is_classified)

    cost = within(estimated, seen.images, 60.0 * choice.minutes)
    share = searched_share(cost.images, is_classified)
    searched = int(share * cost.images)
    folders = () if seen.layout is Layout.CELEBA else seen.classes
    # class folders that are labels are no clusters, unless they are persons
    are_clusters = len(folders) >= _FEW_CLUSTERS and (choice.persons or choice.label != "class")
    by_class = share < 1.0 and choice.label != "class" and are_clusters
    fraction = math.ceil(1000 * _K / searched) / 1000 if searched else 1.0
    strictest = min(limits_of(entities))
    text = _environment(choice.file).from_string(
        resources.files(__package__).joinpath(_TEMPLATE).read_text("utf-8")
    )
    constants = ("ATTACKED", "FEWEST", "GALLERY", "HALF", "PROBES", "SEARCHED")
    return text.render(
        {name: getattr(costs, name) for name in constants},
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
        there=int(share * len(folders)) if are_clusters else searched,
        strictest=strictest,
        needed=fewest_trials(strictest, costs.CONFIDENCE),
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
