"""Recomputation of a bundle's numbers, data set by data set."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from anonbench.bundle.agreement import Agreement, joined, of_csv, of_frames, of_text, of_values
from anonbench.bundle.contents import PUBLISHED, START, scenario_names
from anonbench.config import Config, Retrieval
from anonbench.config.experiment import TABLE_SUFFIXES, Experiment, Table
from anonbench.core.io import read_json, write_csv
from anonbench.core.vocabulary import ORIGINAL
from anonbench.datasets.clusters import read_clusters
from anonbench.evaluation.scores import CLASSIFIERS, ScenarioFiles, scenario_files

if TYPE_CHECKING:
    from anonbench.evaluation.retrieval.job import Embedded

_OF_A_RANKING = ("images", "k", "top", "queries", "chance", "floor")
_OF_A_CLASSIFIER = ("train", "val", "chance", "unlabelled", "knn", "k", "linear")


@dataclass(frozen=True)
class Bundle:
    """An unpacked bundle, and a folder for what is made again."""

    folder: Path
    config: Config
    scratch: Path

    @cached_property
    def experiment(self) -> Experiment:
        """What the config asks for."""
        return Experiment(self.config)

    def carried(self, path: str) -> Path:
        """Return where a file is: published if it is made again from others, else to start from."""
        published = self.folder / PUBLISHED / path
        return published if published.exists() else self.folder / START / path

    def published(self, path: str) -> Path:
        """Return where a file is that the run had made."""
        return self.folder / PUBLISHED / path

    def again(self, path: str) -> Path:
        """Return where a file is made again."""
        place = self.scratch / path
        place.parent.mkdir(parents=True, exist_ok=True)
        return place

    def scenarios(self, name: str, *suffixes: str) -> list[str]:
        """Return the scenarios of a data set whose files are in the bundle, all of these kinds."""
        return [
            scenario
            for scenario in scenario_names(self.experiment, name)
            if all(self.carried(f"{name}/{s.format(scenario)}").is_file() for s in suffixes)
        ]


def retrieval(bundle: Bundle, name: str, sample: int | None) -> Agreement | None:
    """Rank again from the embeddings, at most `sample` queries; None where there are none."""
    from anonbench.evaluation.retrieval.gather import gather_scenarios
    from anonbench.evaluation.retrieval.job import Embedded, score_shard

    base = bundle.folder / START / name / "embeddings"
    reference = f"unadapted/seed{bundle.experiment.reference_seed}/{ORIGINAL}"
    files = {
        scenario: Embedded(
            scenario,
            base / Path(scenario).with_name(ORIGINAL) / "val.h5",
            base / scenario / "val.h5",
        )
        for scenario in bundle.scenarios(name, "retrieval/{}.parquet", "retrieval/{}.json")
    }
    files = {
        scenario: embedded
        for scenario, embedded in files.items()
        if embedded.queries.is_file() and embedded.database.is_file()
    }
    if not files or not (base / reference / "val.h5").is_file():
        return None
    limits = [n for n in (bundle.config.retrieval.queries, sample) if n is not None]
    settings = bundle.config.retrieval.model_copy(
        update={"shards": 1, "device": "cpu", "queries": min(limits, default=None)}
    )
    shard = bundle.again(f"{name}/retrieval/shard.parquet")
    score_shard(base / reference / "val.h5", list(files.values()), settings, 0, shard)
    tables, summaries = (
        [bundle.again(f"{name}/retrieval/{scenario}.{suffix}") for scenario in files]
        for suffix in ("parquet", "json")
    )
    gather_scenarios([shard], list(files), settings, tables, summaries)
    found = []
    for scenario, table, summary in zip(files, tables, summaries, strict=True):
        path = f"{name}/retrieval/{scenario}"
        scores, known = pd.read_parquet(table), pd.read_parquet(bundle.carried(f"{path}.parquet"))
        if sample is not None:
            known = known[known["id"].isin(scores["id"])].reset_index(drop=True)
        else:
            found.append(_json("retrieval", bundle, f"{path}.json", summary, _OF_A_RANKING))
        found.append(of_frames("retrieval", f"{path}.parquet", known, scores))
    found += _second(bundle, name, files, settings)
    found += _without_own(bundle, name, files, settings)
    if sample is None:
        found += _new_persons(bundle, name, files)
        found += _trainings(bundle, name)
    return joined("retrieval", name, found)


def _second(
    bundle: Bundle, name: str, files: Mapping[str, Embedded], settings: Retrieval
) -> Iterator[Agreement]:
    """Rank again by second references, where their scores and embeddings are in the bundle."""
    runs = [run.path for run in bundle.experiment.trained_scenarios(name) if run.path in files]
    judged = [files[run] for run in runs]
    for seed in bundle.experiment.second_references:
        reference = files.get(f"unadapted/seed{seed}/{ORIGINAL}")
        path = f"{name}/retrieval/second/seed{seed}.parquet"
        yield from _ranked_again(bundle, path, reference, judged, settings)


def _without_own(
    bundle: Bundle, name: str, files: Mapping[str, Embedded], settings: Retrieval
) -> Iterator[Agreement]:
    """Rank again without own images, as query kinds are compared."""
    runs = [run.path for run in bundle.experiment.anonymized_scenarios(name) if run.path in files]
    reference = files.get(f"unadapted/seed{bundle.experiment.reference_seed}/{ORIGINAL}")
    path, judged = f"{name}/retrieval/without_own.parquet", [files[run] for run in runs]
    yield from _ranked_again(bundle, path, reference, judged, settings.without_own_images())


def _new_persons(bundle: Bundle, name: str, files: Mapping[str, Embedded]) -> Iterator[Agreement]:
    """Leave persons out again. Which queries of many are drawn follows from the ids."""
    from anonbench.evaluation.retrieval.new_persons import new_persons

    path, grouped = f"{name}/new_persons.csv", bundle.carried(f"{name}/clusters.parquet")
    runs = bundle.experiment.anonymized_scenarios(name)
    reference = files.get(f"unadapted/seed{bundle.experiment.reference_seed}/{ORIGINAL}")
    needed = bundle.published(path), grouped
    if reference is None or not all(map(Path.is_file, needed)) or {r.path for r in runs} - {*files}:
        return
    table = new_persons(
        name,
        reference.queries,
        runs,
        [files[run.path] for run in runs],
        read_clusters(grouped),
        bundle.config.retrieval,
        bundle.config.presentation.confidence,
    )
    write_csv(table, bundle.again(path))
    yield of_csv("retrieval", path, bundle.published(path), bundle.again(path))


def _trainings(bundle: Bundle, name: str) -> Iterator[Agreement]:
    """Judge each training by the others again."""
    from anonbench.evaluation.retrieval.training_agreement import agreement_of_trainings

    path, grouped = f"{name}/trainings.csv", bundle.carried(f"{name}/clusters.parquet")
    base, trainings = bundle.folder / START / name, bundle.experiment.trainings(name)
    originals = [base / f"embeddings/{m}/seed{s}/{ORIGINAL}/val.h5" for m, s in trainings]
    if not all(map(Path.is_file, (bundle.published(path), grouped, *originals))):
        return
    clusters, asked = read_clusters(grouped), bundle.config.presentation.confidence
    settings = bundle.config.retrieval
    table = agreement_of_trainings(name, trainings, originals, clusters, settings, asked)
    write_csv(table, bundle.again(path))
    yield of_csv("retrieval", path, bundle.published(path), bundle.again(path))


def _ranked_again(
    bundle: Bundle,
    path: str,
    reference: Embedded | None,
    judged: Sequence[Embedded],
    settings: Retrieval,
) -> Iterator[Agreement]:
    from anonbench.evaluation.retrieval.gather import gather_in_one_file
    from anonbench.evaluation.retrieval.job import score_shard

    if reference is None or not judged or not bundle.carried(path).is_file():
        return
    shard = bundle.again(str(Path(path).with_suffix("")) + "/shard.parquet")
    score_shard(reference.queries, judged, settings, 0, shard)
    runs = [each.name for each in judged]
    gather_in_one_file([shard], runs, bundle.again(path))
    known, scores = pd.read_parquet(bundle.carried(path)), pd.read_parquet(bundle.again(path))
    asked = known["id"].isin(scores["id"]) & known["scenario"].isin(runs)
    yield of_frames("retrieval", path, known[asked].reset_index(drop=True), scores)


def downstream(bundle: Bundle, name: str) -> Agreement | None:
    """Fit the classifiers again from the embeddings; None where those of training are not there."""
    from anonbench.evaluation.downstream.evaluate import evaluate_downstream

    start = bundle.folder / START / name
    label, manifest = bundle.config.datasets[name].label, start / "manifest.parquet"
    grouped = bundle.carried(f"{name}/clusters.parquet")
    if label is None or not (manifest.is_file() and grouped.is_file()):
        return None
    clusters = read_clusters(grouped)
    labels = pd.read_parquet(manifest, columns=["id", label]).rename(columns={label: "label"})
    found = []
    for scenario in bundle.scenarios(name, "downstream/{}.parquet", "downstream/{}.json"):
        path = f"{name}/downstream/{scenario}"
        embeddings = [start / "embeddings" / scenario / f"{s}.h5" for s in ("train", "val")]
        if not all(file.is_file() for file in embeddings):
            continue
        outputs = [bundle.again(f"{path}{end}") for end in (".parquet", ".json", ".confusion.csv")]
        train, val = embeddings
        evaluate_downstream(
            train, val, labels, clusters, bundle.config.downstream, bundle.config.seed, *outputs
        )
        known = pd.read_parquet(bundle.carried(f"{path}.parquet"))
        again = pd.read_parquet(outputs[0])
        found += [
            of_frames("downstream", f"{path}.parquet", known, again),
            _json("downstream", bundle, f"{path}.json", outputs[1], _OF_A_CLASSIFIER),
        ]
        confusion = f"{path}.confusion.csv"
        if bundle.carried(confusion).is_file():
            found.append(of_csv("downstream", confusion, bundle.carried(confusion), outputs[2]))
    return joined("downstream", name, found) if found else None


def means(bundle: Bundle, name: str) -> Agreement | None:
    """Summaries of scenarios from the scores of each query and the predictions for each image."""
    from anonbench.evaluation.retrieval.summary import summarize

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
        write_csv(table, bundle.again(path))
        yield of_csv("scores", path, bundle.published(path), bundle.again(path))
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
            yield _json("correlation", bundle, paths[-1], again[-1])


def _comparisons(
    bundle: Bundle, name: str, files: list[ScenarioFiles], clusters: pd.Series
) -> Iterator[Agreement]:
    from anonbench.evaluation.columns import columns_of
    from anonbench.evaluation.pairwise import compare, compare_methods

    tests = {"comparisons": compare, "method_comparisons": compare_methods}
    seeds = (bundle.experiment.reference_seed, bundle.config.control_seeds)
    shown = bundle.config.presentation
    columns = list(columns_of(files, *seeds))
    for stem, test in tests.items():
        path = f"{name}/{stem}.csv"
        if bundle.published(path).is_file():
            table = test(name, columns, clusters, shown.confidence, shown.equivalence_margin)
            write_csv(table, bundle.again(path))
            yield of_csv("comparisons", path, bundle.published(path), bundle.again(path))


def _effects(bundle: Bundle, name: str, clusters: pd.Series) -> Iterator[Agreement]:
    """Effects and their variance components."""
    from anonbench.evaluation.effect_table import collect_effects, measure, read_by_reference
    from anonbench.evaluation.variance import tabulate_variances

    experiment, shown = bundle.experiment, bundle.config.presentation
    runs, seeds = experiment.trained_scenarios(name), experiment.second_references
    files = (
        runs,
        (experiment.reference_seed, *seeds),
        [bundle.carried(f"{name}/retrieval/{run.path}.parquet") for run in runs],
        [bundle.carried(f"{name}/retrieval/second/seed{seed}.parquet") for seed in seeds],
    )
    path = f"{name}/effects.csv"
    if bundle.published(path).is_file():
        sure = shown.confidence, shown.equivalence_margin
        write_csv(collect_effects(name, *files, clusters, *sure), bundle.again(path))
        yield of_csv("effects", path, bundle.published(path), bundle.again(path))
    path = f"{name}/variance.csv"
    if bundle.published(path).is_file():
        effects = measure(*files[:2], read_by_reference(*files))
        asked = shown.confidence, shown.stated_difference
        write_csv(tabulate_variances(name, effects, clusters, *asked), bundle.again(path))
        yield of_csv("variance", path, bundle.published(path), bundle.again(path))


def _best(
    bundle: Bundle, name: str, files: list[ScenarioFiles], clusters: pd.Series
) -> Iterator[Agreement]:
    from anonbench.evaluation.best import collect_best, second_columns
    from anonbench.evaluation.columns import columns_of
    from anonbench.evaluation.effect_table import read_by_reference

    experiment, path = bundle.experiment, f"{name}/best.csv"
    if not bundle.published(path).is_file():
        return
    runs = experiment.trained_scenarios(name)
    own = [bundle.carried(f"{name}/retrieval/{run.path}.parquet") for run in runs]
    seeds, shown = experiment.second_references, bundle.config.presentation
    second = [bundle.carried(f"{name}/retrieval/second/seed{seed}.parquet") for seed in seeds]
    references = (experiment.reference_seed, *seeds)
    scores = read_by_reference(runs, references, own, second)
    table = collect_best(
        name,
        columns_of(files, experiment.reference_seed, bundle.config.control_seeds),
        second_columns(runs, references, scores),
        clusters,
        shown.bootstrap,
        shown.confidence,
        shown.equivalence_margin,
    )
    write_csv(table, bundle.again(path))
    yield of_csv("best", path, bundle.published(path), bundle.again(path))


def _query_kinds(bundle: Bundle, name: str, clusters: pd.Series) -> Iterator[Agreement]:
    from anonbench.evaluation.query_kinds import compare_kinds

    path, scores = f"{name}/query_kinds.csv", f"{name}/retrieval/without_own.parquet"
    if not bundle.published(path).is_file() or not bundle.carried(scores).is_file():
        return
    shown = bundle.config.presentation
    runs = bundle.experiment.anonymized_scenarios(name)
    known = bundle.carried(scores)
    margins = shown.confidence, shown.equivalence_margin
    write_csv(compare_kinds(name, runs, known, clusters, *margins), bundle.again(path))
    yield of_csv("query kinds", path, bundle.published(path), bundle.again(path))


def tables(bundle: Bundle) -> Iterator[Agreement]:
    """Every table, as CSV, Markdown and LaTeX, from the scores that were made again."""
    for stem, write in _writers(bundle).items():
        paths = [f"tables/{stem}.{suffix}" for suffix in TABLE_SUFFIXES]
        if not all(bundle.published(path).is_file() for path in paths):
            continue
        again = [bundle.again(path) for path in paths]
        try:
            write(*again)
        except FileNotFoundError as error:
            missing = Path(str(error.filename)).name
            differences = (f"tables/{stem}: cannot be made again without {missing}",)
            yield Agreement("tables", stem, 1, 0, 0, differences)
            continue
        parts = [of_csv("tables", paths[0], bundle.published(paths[0]), again[0])]
        for path, made in list(zip(paths, again, strict=True))[1:]:
            parts.append(of_text("tables", path, bundle.published(path), made))
        yield joined("tables", stem, parts)


def made_here(bundle: Bundle) -> Agreement | None:
    """What the workflow made in the bundle's folder, byte by byte; None where it has not run."""
    published = bundle.folder / PUBLISHED
    found = []
    for file in sorted(published.rglob("*")):
        path = file.relative_to(published)
        recomputed = bundle.folder / START / path
        if file.is_file() and recomputed.is_file() and path.parts[0] != "benchmarks":
            same = file.read_bytes() == recomputed.read_bytes()
            differences = () if same else (f"{START}/{path}: other bytes than {PUBLISHED}/{path}",)
            found.append(Agreement("made here", str(path), 1, int(same), 0, differences))
    return joined("made here", "files", found) if found else None


def _writers(bundle: Bundle) -> dict[str, Callable[[Path, Path, Path], None]]:
    from anonbench.reporting.dataset_tables import write_dataset_table
    from anonbench.reporting.scenario_tables import (
        profiles,
        scenario_grid,
        scenario_rows,
        write_profiles,
        write_scenarios,
    )
    from anonbench.reporting.tables import write_sizes

    experiment = bundle.experiment
    counts = {name: bundle.carried(f"{name}/counts.csv") for name in experiment.datasets}
    writers: dict[str, Callable[[Path, Path, Path], None]] = {
        "sizes": lambda *to: write_sizes(counts, *to),
        "experiment": lambda *to: write_profiles(profiles(bundle.config), counts, *to),
    }
    for name in experiment.datasets:
        writers[f"scenarios_{name}"] = lambda *to, of=name: write_scenarios(
            scenario_rows(experiment, of), scenario_grid(experiment, of), *to
        )
        files = {
            "scores": bundle.again(f"{name}/scores.csv"),
            "comparisons": bundle.again(f"{name}/comparisons.csv"),
            "rates": bundle.carried(f"{name}/privacy/reidentification.csv"),
            "gallery_sizes": bundle.carried(f"{name}/privacy/gallery_sizes.csv"),
            "variance": bundle.again(f"{name}/variance.csv"),
            "trainings": bundle.carried(f"{name}/trainings.csv"),
            "new_persons": bundle.carried(f"{name}/new_persons.csv"),
        }
        for each in experiment.dataset_tables:
            writers[f"{each}_{name}"] = partial(
                write_dataset_table, each, name, files, bundle.config.presentation
            )
    for table in experiment.tables:
        writers[table.stem] = partial(_write_table, bundle, table)
    return writers


def _write_table(bundle: Bundle, table: Table, csv: Path, markdown: Path, latex: Path) -> None:
    from anonbench.evaluation.pairwise import read_comparisons
    from anonbench.reporting.summary import read_scores
    from anonbench.reporting.tables import write_table

    write_table(
        table,
        read_scores(bundle.again(f"{table.dataset}/scores.csv")),
        csv,
        markdown,
        latex,
        comparisons=read_comparisons(bundle.again(f"{table.dataset}/comparisons.csv")),
        confidence=bundle.config.presentation.confidence,
    )


def _scenario_files(bundle: Bundle, name: str) -> list[ScenarioFiles]:
    experiment = bundle.experiment
    runs = [(str(s.model), s.seed, str(s.variant)) for s in experiment.scenarios(name)]
    names = scenario_names(experiment, name)
    labelled = bundle.config.datasets[name].label is not None

    def files(stage: str, suffix: str) -> list[str]:
        return [str(bundle.carried(f"{name}/{stage}/{each}.{suffix}")) for each in names]

    downstream = [files("downstream", s) if labelled else [] for s in ("json", "parquet")]
    return scenario_files(
        runs, files("retrieval", "json"), files("retrieval", "parquet"), *downstream
    )


def _paths(files: ScenarioFiles) -> list[Path]:
    every = (files.retrieval, files.per_query, files.downstream, files.predictions)
    return [path for path in every if path is not None]


def _json(
    part: str, bundle: Bundle, path: str, again: Path, keys: tuple[str, ...] | None = None
) -> Agreement:
    values = read_json(again)
    values = {key: values[key] for key in keys or values if key != "versions"}
    return of_values(part, path, read_json(bundle.carried(path)), values)
