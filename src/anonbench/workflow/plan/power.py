"""Sample sizes of a run's data sets from what it has scored: `anonbench plan --power`."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

from anonbench.datasets.clusters import plural, read_clusters
from anonbench.evaluation.columns import columns_of
from anonbench.evaluation.sample_size import POWER, SampleSize
from anonbench.evaluation.scores import ScenarioFiles, scenario_files
from anonbench.evaluation.study_size import StudySize, study_sizes
from anonbench.workflow.paths import Paths
from anonbench.workflow.startup import Startup

HEADS = ("", "query", "metric", "pairs", "at hand", "images each", "shows", "half need", "all need")
_NONE = "–"


@dataclass(frozen=True)
class Planned:
    """What the comparisons of a data set need."""

    dataset: str
    clusters: str
    """What a cluster is, in the plural, for example "persons"."""
    sizes: Sequence[StudySize]
    """Empty where nothing was scored yet."""


def planned(started: Startup) -> list[Planned]:
    """Return what the comparisons of each data set need, from the scores that there are."""
    return [_of(started, name) for name in started.experiment.datasets]


def as_data(found: Sequence[Planned], stated: float, confidence: float) -> dict[str, Any]:
    """Return sample sizes as plain data: shares, and null where something is not known."""
    rows = [
        {
            "dataset": each.dataset,
            "query": size.query or None,
            "metric": size.metric,
            "comparisons": len(size.sizes),
            "clusters": each.clusters,
            "half": _data(size.usual),
            "all": _data(size.largest),
        }
        for each in found
        for size in each.sizes
    ]
    return {
        "stated_difference": stated,
        "confidence": confidence,
        "power": POWER,
        "sizes": rows,
        "not_scored": [each.dataset for each in found if not each.sizes],
    }


def as_rows(found: Sequence[Planned]) -> list[tuple[str, ...]]:
    """Return sample sizes as the cells of a table with the headings `HEADS`."""
    return [
        (
            each.dataset,
            size.query or _NONE,
            size.metric,
            str(len(size.sizes)),
            f"{size.largest.clusters:,} {each.clusters}",
            f"{size.largest.queries:.3g}",
            _shown(100 * size.largest.detectable, ".1f"),
            _shown(size.usual.needed, ","),
            _shown(size.largest.needed, ","),
        )
        for each in found
        for size in each.sizes
    ]


def as_sentences(found: Sequence[Planned]) -> list[str]:
    """Return a sentence a data set: what all comparisons of mAP lack, or that it has no scores."""
    sentences = []
    for each in found:
        ranked = [size for size in each.sizes if size.metric == "map"]
        chosen = max(ranked, key=lambda size: size.largest.needed or math.inf, default=None)
        text = "no two models are scored on the same images yet; "
        text += f"run snakemake {each.dataset}_scores first"
        if chosen is not None:
            text = f"mAP of {chosen.query} queries: {chosen.largest.sentence(each.clusters)}"
        sentences.append(f"{each.dataset}: {text}")
    return sentences


def _of(started: Startup, name: str) -> Planned:
    paths = Paths(started.experiment, started.counts, started.user_files)
    file = Path(paths.of_each("{dataset}/clusters.parquet", [name])[0])
    scenarios = _scored(paths, name)
    if not file.is_file() or not scenarios:
        return Planned(name, plural(""), ())
    clusters, settings = read_clusters(file), started.settings
    seeds = started.experiment.reference_seed, settings.control_seeds
    asked = settings.presentation.stated_difference, settings.presentation.confidence
    sizes = list(study_sizes(columns_of(scenarios, *seeds), clusters, *asked))
    return Planned(name, plural(str(clusters.name)), sizes)


def _scored(paths: Paths, name: str) -> list[ScenarioFiles]:
    """Return the scenarios of a data set that are scored; accuracies may be missing."""
    runs = ((str(s.model), s.seed, str(s.variant)) for s in paths.experiment.scenarios(name))
    files = [
        [file if Path(file).is_file() else "" for file in paths.scenario_files(name, *kind)]
        for kind in product(("retrieval", "downstream"), ("json", "parquet"))
    ]
    found = scenario_files(runs, *files)
    return [each for each in found if each.retrieval.is_file() and each.per_query.is_file()]


def _data(size: SampleSize) -> dict[str, Any]:
    known = size.needed is not None
    return {
        "at_hand": size.clusters,
        "queries_each": size.queries,
        "needed": size.needed,
        "missing": None if size.needed is None else max(size.needed - size.clusters, 0),
        "power": size.power if known else None,
        "detectable": None if math.isnan(size.detectable) else size.detectable,
    }


def _shown(value: float | None, form: str) -> str:
    return _NONE if value is None or math.isnan(value) else format(value, form)
