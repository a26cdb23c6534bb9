"""Scores, tests and correlations made again from the scores of each query and image."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pandas as pd

from anonbench.bundle.agreement import Agreement, joined, of_csv, of_values
from anonbench.bundle.contents import scenario_names
from anonbench.bundle.recompute.unpacked import Bundle, of_json, of_table
from anonbench.config.outputs import Scenario
from anonbench.core.io import read_json
from anonbench.datasets.clusters import read_clusters
from anonbench.evaluation.scores import CLASSIFIERS, ScenarioFiles, scenario_files


def means(bundle: Bundle, name: str) -> Agreement | None:
    """Summaries of scenarios from the scores of each query and the predictions for each image."""
    from anonbench.evaluation.retrieval.stage.summary import summarize

    found = []
    for scenario in bundle.scenarios(name, "retrieval/{}.parquet", "retrieval/{}.json"):
        path = f"{name}/retrieval/{scenario}"
        known = read_json(bundle.carried(f"{path}.json"))
        table = pd.read_parquet(bundle.carried(f"{path}.parquet"))
        levels = known["chance"], known["floor"]
        again = summarize(table, known["images"], *levels, bundle.config.retrieval)
        again = {key: again[key] for key in ("queries", "k", "top")}
        found.append(of_values("means", f"{path}.json", known, again))
    for scenario in bundle.scenarios(name, "downstream/{}.parquet", "downstream/{}.json"):
        path = f"{name}/downstream/{scenario}"
        known = read_json(bundle.carried(f"{path}.json"))
        table = pd.read_parquet(bundle.carried(f"{path}.parquet"))
        right = {each: table[each] == table["label"] for each in CLASSIFIERS}
        counted = {
            each: {"correct": int(r.sum()), "accuracy": float(r.mean()), "n": len(r)}
            for each, r in right.items()
        }
        again = {"knn": {str(known["k"]): counted["knn"]}, "linear": counted["linear"]}
        found.append(of_values("means", f"{path}.json", known, again))
    return joined("means", name, found) if found else None


def collected(bundle: Bundle, name: str) -> Iterator[Agreement]:
    """Scores, paired tests and correlations of a data set, where the run had got so far."""
    from anonbench.evaluation.correlation import write_correlation
    from anonbench.evaluation.scores import collect

    config, files = bundle.config, _scenario_files(bundle, name)
    grouped = bundle.carried(f"{name}/clusters.parquet")
    needed = [grouped, *(path for each in files for path in _paths(each))]
    if missing := [path for path in needed if not path.is_file()]:
        if bundle.published(f"{name}/scores.csv").is_file():
            file = missing[0].relative_to(bundle.folder)
            reason = f"{name}/scores.csv: cannot be made again, for {file} is not there"
            yield Agreement("scores", name, 1, 0, 0, (reason,))
        return
    shown, clusters = config.presentation, read_clusters(grouped)
    seeds = (bundle.experiment.reference_seed, config.control_seeds)
    path = f"{name}/scores.csv"
    if bundle.published(path).is_file():
        table = collect(name, files, clusters, *seeds, shown.confidence)
        yield of_table("scores", bundle, path, table)
    yield from _comparisons(bundle, name, files, clusters)
    yield from _effects(bundle, name, clusters)
    yield from _best(bundle, name, files, clusters)
    yield from _query_kinds(bundle, name, clusters)
    for degree in sorted(config.datasets[name].degrees):
        ends = (".csv", "_by_method.csv", "_within.csv", ".json")
        paths = [f"{name}/correlation/{degree}{end}" for end in ends]
        if all(bundle.published(p).is_file() for p in (f"{name}/scores.csv", *paths)):
            again = [bundle.again(p) for p in paths]
            write_correlation(
                bundle.again(f"{name}/scores.csv"), degree, config.correlation, *again
            )
            for p, made in zip(paths[:-1], again, strict=False):
                yield of_csv("correlation", p, bundle.published(p), made)
            yield of_json("correlation", bundle, paths[-1], again[-1])


def _comparisons(
    bundle: Bundle, name: str, files: list[ScenarioFiles], clusters: pd.Series
) -> Iterator[Agreement]:
    from anonbench.evaluation.comparisons.columns import columns_of
    from anonbench.evaluation.comparisons.pairwise import compare, compare_methods

    tests = {"comparisons": compare, "method_comparisons": compare_methods}
    seeds = (bundle.experiment.reference_seed, bundle.config.control_seeds)
    shown = bundle.config.presentation
    columns = list(columns_of(files, *seeds))
    for stem, test in tests.items():
        path = f"{name}/{stem}.csv"
        if bundle.published(path).is_file():
            table = test(name, columns, clusters, shown.confidence, shown.equivalence_margin)
            yield of_table("comparisons", bundle, path, table)


def _effects(bundle: Bundle, name: str, clusters: pd.Series) -> Iterator[Agreement]:
    """Effects and their variance components."""
    from anonbench.evaluation.comparisons.effect_table import (
        collect_effects,
        measure,
        read_by_reference,
    )
    from anonbench.evaluation.sample_sizes.variance import tabulate_variances

    files, shown = _by_reference(bundle, name), bundle.config.presentation
    path = f"{name}/effects.csv"
    if bundle.published(path).is_file():
        sure = shown.confidence, shown.equivalence_margin
        yield of_table("effects", bundle, path, collect_effects(name, *files, clusters, *sure))
    path = f"{name}/variance.csv"
    if bundle.published(path).is_file():
        effects = measure(*files[:2], read_by_reference(*files))
        asked = shown.confidence, shown.stated_difference
        yield of_table(
            "variance", bundle, path, tabulate_variances(name, effects, clusters, *asked)
        )


def _best(
    bundle: Bundle, name: str, files: list[ScenarioFiles], clusters: pd.Series
) -> Iterator[Agreement]:
    from anonbench.evaluation.comparisons.best import collect_best, second_columns
    from anonbench.evaluation.comparisons.columns import columns_of
    from anonbench.evaluation.comparisons.effect_table import read_by_reference

    path = f"{name}/best.csv"
    if not bundle.published(path).is_file():
        return
    judged, shown = _by_reference(bundle, name), bundle.config.presentation
    table = collect_best(
        name,
        columns_of(files, bundle.experiment.reference_seed, bundle.config.control_seeds),
        second_columns(*judged[:2], read_by_reference(*judged)),
        clusters,
        shown.bootstrap,
        shown.confidence,
        shown.equivalence_margin,
    )
    yield of_table("best", bundle, path, table)


def _query_kinds(bundle: Bundle, name: str, clusters: pd.Series) -> Iterator[Agreement]:
    from anonbench.evaluation.comparisons.query_kinds import compare_kinds

    path, scores = f"{name}/query_kinds.csv", f"{name}/retrieval/without_own.parquet"
    if not bundle.published(path).is_file() or not bundle.carried(scores).is_file():
        return
    shown = bundle.config.presentation
    runs = bundle.experiment.anonymized_scenarios(name)
    known = bundle.carried(scores)
    margins = shown.confidence, shown.equivalence_margin
    yield of_table(
        "query kinds", bundle, path, compare_kinds(name, runs, known, clusters, *margins)
    )


def _by_reference(
    bundle: Bundle, name: str
) -> tuple[list[Scenario], tuple[int, ...], list[Path], list[Path]]:
    """Return the trained scenarios, the references' seeds, and the files of their scores: own ones
    by scenario, second ones by reference.
    """
    experiment = bundle.experiment
    runs, seeds = experiment.trained_scenarios(name), experiment.second_references(name)
    return (
        runs,
        (experiment.reference_seed, *seeds),
        [bundle.carried(f"{name}/retrieval/{run.path}.parquet") for run in runs],
        [bundle.carried(f"{name}/retrieval/second/seed{seed}.parquet") for seed in seeds],
    )


def _scenario_files(bundle: Bundle, name: str) -> list[ScenarioFiles]:
    experiment = bundle.experiment
    runs = [(str(s.model), s.seed, str(s.variant)) for s in experiment.scenarios(name)]
    names = scenario_names(experiment, name)
    labelled = bundle.config.datasets[name].is_classified

    def files(stage: str, suffix: str) -> list[str]:
        return [str(bundle.carried(f"{name}/{stage}/{each}.{suffix}")) for each in names]

    downstream = [files("downstream", s) if labelled else [] for s in ("json", "parquet")]
    return scenario_files(
        runs, files("retrieval", "json"), files("retrieval", "parquet"), *downstream
    )


def _paths(files: ScenarioFiles) -> list[Path]:
    every = (files.retrieval, files.per_query, files.downstream, files.predictions)
    return [path for path in every if path is not None]
