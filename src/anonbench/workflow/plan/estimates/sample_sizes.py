"""Sample sizes of a run's data sets from what it has scored: `anonbench plan --power`."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import product
from pathlib import Path
from typing import Any

from anonbench.datasets.clusters import plural, read_clusters
from anonbench.evaluation.comparisons.columns import columns_of
from anonbench.evaluation.sample_sizes.sample_size import POWER, SampleSize
from anonbench.evaluation.sample_sizes.study_size import StudySize, study_sizes
from anonbench.evaluation.scores import ScenarioFiles, scenario_files
from anonbench.workflow.paths import Paths
from anonbench.workflow.startup import Startup

HEADS = ("", "query", "metric", "pairs", "at hand", "images each", "shows", "half need", "all need")


def sample_sizes(started: Startup) -> dict[str, Any]:
    """Return what the comparisons of each data set need, from the scores that there are.

    Plain data: differences are shares, and null stands where something is not known.
    """
    found = {name: _of(started, name) for name in started.experiment.datasets}
    shown = started.settings.presentation
    return {
        "stated_difference": shown.stated_difference,
        "confidence": shown.confidence,
        "power": POWER,
        "sizes": [
            {
                "dataset": name,
                "query": size.query or None,
                "metric": size.metric,
                "comparisons": len(size.sizes),
                "clusters": clusters,
                "half": _data(size.usual),
                "all": _data(size.largest),
            }
            for name, (clusters, sizes) in found.items()
            for size in sizes
        ],
        "not_scored": [name for name, (_, sizes) in found.items() if not sizes],
        "sentences": [f"{name}: {_sentence(name, *each)}" for name, each in found.items()],
    }


def as_rows(data: Mapping[str, Any]) -> list[tuple[str, ...]]:
    """Return sample sizes as the cells of a table with the headings `HEADS`."""
    return [
        (
            row["dataset"],
            row["query"] or "–",
            row["metric"],
            str(row["comparisons"]),
            f"{row['all']['at_hand']:,} {row['clusters']}",
            f"{row['all']['queries_each']:.3g}",
            _shown(row["all"]["detectable"], 100, ".1f"),
            _shown(row["half"]["needed"], 1, ","),
            _shown(row["all"]["needed"], 1, ","),
        )
        for row in data["sizes"]
    ]


def _of(started: Startup, name: str) -> tuple[str, Sequence[StudySize]]:
    """Return what the clusters of a data set are, and its sizes: none where nothing was scored."""
    paths = Paths(started.experiment, started.counts, started.user_files)
    file = Path(paths.of_each("{dataset}/clusters.parquet", [name])[0])
    scenarios = _scored(paths, name)
    if not file.is_file() or not scenarios:
        return plural(""), ()
    clusters, settings = read_clusters(file), started.settings
    seeds = started.experiment.reference_seed, settings.control_seeds
    asked = settings.presentation.stated_difference, settings.presentation.confidence
    return plural(str(clusters.name)), [
        *study_sizes(columns_of(scenarios, *seeds), clusters, *asked)
    ]


def _scored(paths: Paths, name: str) -> list[ScenarioFiles]:
    """Return the scenarios of a data set that are scored; accuracies may be missing."""
    runs = ((str(s.model), s.seed, str(s.variant)) for s in paths.experiment.scenarios(name))
    files = [
        [file if Path(file).is_file() else "" for file in paths.scenario_files(name, *kind)]
        for kind in product(("retrieval", "downstream"), ("json", "parquet"))
    ]
    found = scenario_files(runs, *files)
    return [each for each in found if each.retrieval.is_file() and each.per_query.is_file()]


def _sentence(name: str, clusters: str, sizes: Sequence[StudySize]) -> str:
    """Return what all comparisons of mAP lack, or that there are no scores."""
    ranked = [size for size in sizes if size.metric == "map"]
    if not ranked:
        again = f"run snakemake {name}_scores first"
        return f"no two models are scored on the same images yet; {again}"
    chosen = max(ranked, key=lambda size: size.largest.needed or math.inf)
    return f"mAP of {chosen.query} queries: {chosen.largest.sentence(clusters)}"


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


def _shown(value: float | None, factor: int, form: str) -> str:
    return "–" if value is None else format(factor * value, form)
