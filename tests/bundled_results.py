"""The results of a finished run, small and without images, as the stages write them."""

import os
import shutil
from collections.abc import Iterable
from copy import deepcopy
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml
from filelock import FileLock

from anonbench.anonymization.published import COLUMNS as AUDITED
from anonbench.config import Config, load
from anonbench.config.experiment import Experiment
from anonbench.core.boxes import Region, box_table, write_boxes
from anonbench.core.io import write_csv, write_parquet
from anonbench.core.jobs.checksums import digest_file
from anonbench.core.numeric.seeding import rng
from anonbench.core.provenance import file_digest
from anonbench.core.vocabulary import Entity, Split
from anonbench.datasets.clusters import read_clusters, write_clusters
from anonbench.detection.gather import COUNTS
from anonbench.embedding.attention_maps import SHARE_COLUMNS
from anonbench.embedding.store import Embeddings, write_embeddings
from anonbench.evaluation.comparisons import best
from anonbench.evaluation.comparisons.columns import Column, columns_of
from anonbench.evaluation.comparisons.effect_table import measure, read_by_reference, tabulate
from anonbench.evaluation.correlation import write_correlation
from anonbench.evaluation.decision import Judging
from anonbench.evaluation.deployments import score_deployments
from anonbench.evaluation.downstream.evaluate import evaluate_downstream
from anonbench.evaluation.policy.evidence import evidence
from anonbench.evaluation.policy.verdicts import judge
from anonbench.evaluation.retrieval import job
from anonbench.evaluation.retrieval.training_agreement import agreement_of_trainings
from anonbench.evaluation.sample_sizes import tabulate_variances
from anonbench.evaluation.scores import collect, read_scores, scenario_files
from anonbench.reporting.dataset_tables import write_dataset_table
from anonbench.reporting.figures.learning import QUANTITIES
from anonbench.reporting.grid import write_grid
from anonbench.reporting.grid_layout import write_layout
from anonbench.reporting.grid_tables import write_sizes
from anonbench.reporting.paper import scenario_tables as of_scenarios
from policy_evidence import make_measured
from synthetic_rates import make_attacks, make_rates

NAME = "portraits"
PERSON = "anna meier"
"""Stands in every id, label and path: nothing of it may be in a bundle with neutral names."""
TRAIN, VAL = 60, 40
CONFIG: dict[str, Any] = {
    "title": "A small run",
    "control_seeds": [1],
    "datasets": {
        NAME: {
            "layout": "celeba",
            "path": f"data/{PERSON}",
            "demo": {"kind": "portraits", "train_identities": 4, "val_identities": 3},
            "paper_role": "celeba",
            "label": "Male",
            "detectors": ["mtcnn"],
            "methods": ["blur", "mask"],
            "adaptions": ["A"],
        }
    },
    "recipes": {"default": {"optimizer": {"batch_size": 8}}},
    "retrieval": {"fraction": 0.1},
    "deployments": {"mixed": True},
    "presentation": {"bootstrap": 50, "show_originals": True},
}


def ids_of(split: str) -> list[str]:
    count = {"train": TRAIN, "val": VAL}[split]
    return [f"{PERSON}/{split} {number:03d}" for number in range(count)]


def finished(factory: pytest.TempPathFactory) -> Config:
    """Return the config of a finished run, which one test process makes and no test changes."""
    base = factory.getbasetemp()
    folder = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "finished-run"
    with FileLock(f"{folder}.lock"):
        if not (folder / "whole").exists():
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir()
            config = config_of(folder)
            put_there(config)
            finish(config)
            (folder / "whole").touch()
    return load(yaml.safe_load((folder / "config.yaml").read_text(encoding="utf-8")))


def config_of(folder: Path, **changes: Any) -> Config:
    """Write the config into a folder, with results below it; return it."""
    values = deepcopy(CONFIG) | {"results": str(folder / "results")} | changes
    (folder / "config.yaml").write_text(yaml.safe_dump(values), encoding="utf-8")
    return load(values)


def put_there(config: Config) -> None:
    """Write what comes before the scores: tables of the data, training logs, embeddings."""
    base = config.results / NAME
    ids = ids_of("train") + ids_of("val")
    splits = ["train"] * TRAIN + ["val"] * VAL
    classes = [f"{PERSON} {number % 3}" for number in range(len(ids))]
    manifest = {"id": ids, "path": [f"{i}.jpg" for i in ids], "split": splits, "Male": classes}
    write_parquet(pd.DataFrame(manifest), base / "manifest.parquet")
    _digest(base / "manifest.parquet")
    regions = {each: [Region(Entity.FACE, 1, 2, 30, 40, 0.9)] for each in ids}
    write_boxes(box_table(regions, 0), base / "boxes.parquet")
    counts = [("train", TRAIN + 1, 1, 0, 0, TRAIN, 0, 0, 0), ("val", VAL, 0, 0, 0, VAL, 0, 0, 0)]
    write_csv(pd.DataFrame(counts, columns=COUNTS), base / "counts.csv")
    audited = [dict.fromkeys(AUDITED, 0) | {"split": s, "variant": "mask-100"} for s in Split]
    write_csv(pd.DataFrame(audited, columns=AUDITED), base / "audit.csv")
    skipped = {"path": [f"{PERSON}/lost.jpg"], "split": ["train"], "reason": ["is no image"]}
    write_csv(pd.DataFrame(skipped), base / "skipped.csv")
    for file in ("summary.csv", "visible_area.csv"):
        write_csv(pd.DataFrame({"recall": [0.5]}), base / "quality" / file)
    _put_models(config, base, dict(zip(ids, classes, strict=True)))


def _put_models(config: Config, base: Path, classes: dict[str, str]) -> None:
    experiment = Experiment(config)
    for model, seed in experiment.trainings(NAME):
        log = base / f"models/{model}/seed{seed}/log.csv"
        quantities = {name: [2.0, 1.5] for name in ["loss", *QUANTITIES]}
        write_csv(pd.DataFrame({"step": [0, 1], **quantities}), log)
    for model in experiment.attending_models(NAME):
        rows = [(each, "original", 1, 0.2, 0.1, 0.15, 0.1) for each in ids_of("val")[:4]]
        shares = pd.DataFrame(rows, columns=SHARE_COLUMNS)
        write_parquet(shares, base / f"attention/{model}.parquet")
    for run in experiment.scenarios(NAME):
        for variant in ("original", str(run.variant)):
            for split in ("train", "val"):
                path = base / f"embeddings/{run.model}/seed{run.seed}/{variant}/{split}.h5"
                place = [classes[each][-1] for each in ids_of(split)]
                draw = rng(str(run.model), run.seed, variant, split).standard_normal
                values = np.eye(8)[np.array(place, int)] + draw((len(place), 8)) / 2
                write_embeddings(path, Embeddings(ids_of(split), values.astype(np.float32)))
                _digest(path)


def _digest(path: Path) -> None:
    Path(digest_file(str(path))).write_text(file_digest(path), encoding="utf-8")


def finish(config: Config) -> None:
    """Write scores, accuracies and tables from what was put there, as the workflow does."""
    experiment, base = Experiment(config), config.results / NAME
    runs = experiment.scenarios(NAME)
    names = [f"{run.model}/seed{run.seed}/{run.variant}" for run in runs]
    retrieval = [[base / f"retrieval/{n}.{s}" for n in names] for s in ("parquet", "json")]
    embeddings, shard = base / "embeddings", base / "retrieval/shards/0.parquet"
    scenarios = [
        job.Embedded(
            n, (embeddings / n).with_name("original") / "val.h5", embeddings / n / "val.h5"
        )
        for n in names
    ]
    job.score_shard(scenarios[0].queries, scenarios, config.retrieval, 0, shard)
    job.gather_scenarios([shard], names, config.retrieval, *retrieval)
    labels = pd.read_parquet(base / "manifest.parquet", columns=["id", "Male"])
    people = base / "clusters.parquet"
    write_clusters(NAME, base / "manifest.parquet", "Male", [], people)
    _digest(people)
    clusters = read_clusters(people)
    _compare(config, experiment)
    labelled = names if config.datasets[NAME].label else []
    for name in labelled:
        outputs = [base / f"downstream/{name}{s}" for s in (".parquet", ".json")]
        train, val = (embeddings / name / f"{split}.h5" for split in ("train", "val"))
        known = labels.rename(columns={"Male": "label"})
        evaluate_downstream(train, val, known, clusters, config.downstream, config.seed, *outputs)
    files = scenario_files(
        [(str(run.model), run.seed, str(run.variant)) for run in runs],
        *([str(path) for path in paths] for paths in reversed(retrieval)),
        [str(base / f"downstream/{name}.json") for name in labelled],
        [str(base / f"downstream/{name}.parquet") for name in labelled],
    )
    shown = config.presentation
    control = config.control_seeds
    scores = collect(NAME, files, clusters, 0, control, shown.confidence)
    write_csv(scores, base / "scores.csv")
    columns = list(columns_of(files, 0, control))
    judging = Judging(clusters, shown.confidence, shown.equivalence_margin)
    for stem, test in {
        "comparisons": best.compare,
        "method_comparisons": best.compare_methods,
    }.items():
        table = test(NAME, columns, judging)
        write_csv(table, base / f"{stem}.csv")
    judged = dict(zip(names, scenarios, strict=True))
    _judge_again(config, experiment, judged, clusters, columns)
    if labelled:
        ends = (".csv", "_within.csv")
        correlations = [base / f"correlation/100{end}" for end in ends]
        write_correlation(read_scores(base / "scores.csv"), 100, *correlations)
    _tables(config, experiment, base)


def _judge_again(
    config: Config,
    experiment: Experiment,
    scenarios: dict[str, job.Embedded],
    clusters: pd.Series,
    columns: Iterable[Column],
) -> None:
    """Write the scores by second references, and the effects."""
    base, runs = config.results / NAME / "retrieval", experiment.trained_scenarios(NAME)
    seeds, judged = experiment.second_references(NAME), [run.path for run in runs]
    for seed in seeds:
        shard = base / f"second/seed{seed}/shards/0.parquet"
        control = scenarios[f"unadapted/seed{seed}/original"]
        job.score_shard(control.queries, [scenarios[n] for n in judged], config.retrieval, 0, shard)
        job.gather_in_one_file([shard], judged, base / f"second/seed{seed}.parquet")
    own = [base / f"{name}.parquet" for name in judged]
    second = [base / f"second/seed{seed}.parquet" for seed in seeds]
    shown = config.presentation
    judging = Judging(clusters, shown.confidence, shown.equivalence_margin)
    scores = read_by_reference(runs, (0, *seeds), own, second)
    found = list(measure(runs, (0, *seeds), scores))
    write_csv(tabulate(NAME, found, judging), base.parent / "effects.csv")
    asked = shown.confidence, shown.stated_difference
    write_csv(tabulate_variances(NAME, found, clusters, *asked), base.parent / "variance.csv")
    again = best.second_columns(runs, (0, *seeds), scores)
    table = best.collect_best(NAME, columns, again, judging, shown.bootstrap)
    write_csv(table, base.parent / "best.csv")


def _compare(config: Config, experiment: Experiment) -> None:
    """Write the scores of mixed archives, and the agreement of trainings."""
    base, shown = config.results / NAME, config.presentation
    people = read_clusters(base / "clusters.parquet")
    trainings = experiment.trainings(NAME)
    originals = [base / f"embeddings/{m}/seed{s}/original/val.h5" for m, s in trainings]
    asked = people, config.retrieval, shown.confidence
    write_csv(agreement_of_trainings(NAME, trainings, originals, *asked), base / "trainings.csv")
    of_method = {
        str(variant.method): base / f"embeddings/unadapted/seed0/{variant}/val.h5"
        for variant in experiment.deployed(NAME)
    }
    judges = [base / f"embeddings/unadapted/seed{seed}/original/val.h5" for seed in (0, 1)]
    references = dict(zip(("own", "second"), judges, strict=True))
    settings = config.deployments, config.retrieval
    judging = Judging(people, shown.confidence, shown.equivalence_margin)
    table = score_deployments(NAME, 100, references, of_method, None, *settings, judging)
    write_csv(table, base / "deployments.csv")


def _tables(config: Config, experiment: Experiment, base: Path) -> None:
    def paths(stem: str) -> list[Path]:
        return [config.results / f"tables/{stem}.{suffix}" for suffix in ("csv", "md", "tex")]

    counts = {NAME: base / "counts.csv"}
    for table in experiment.tables:
        tests = best.read_comparisons(base / "comparisons.csv")
        scores = read_scores(base / "scores.csv")
        write_layout(table, scores, paths(table.stem), comparisons=tests)
    write_sizes(counts, paths("sizes"))
    profiles = of_scenarios.profiles(config)
    of_scenarios.write_profiles(profiles, list(counts.values()), paths("experiment"))
    rows = pd.DataFrame(of_scenarios.scenario_rows(experiment, NAME), columns=of_scenarios.COLUMNS)
    write_grid(of_scenarios.scenario_grid(experiment, NAME), rows, paths(f"scenarios_{NAME}"))
    attacked = base / "privacy/reidentification.csv"
    write_csv(make_rates(NAME), attacked)
    table = paths(f"reidentification_{NAME}")
    others = ("variance", "scores", "trainings", "deployments", "policy")
    files = {"rates": attacked, **{name: base / f"{name}.csv" for name in others}}
    measured = make_measured(dataset=NAME)
    write_csv(judge(evidence(measured), config.policy), base / "policy.csv")
    write_dataset_table("reidentification", NAME, files, config.presentation, table)
    files["attacks"] = base / "privacy/attacks.csv"
    write_csv(make_attacks(NAME), files["attacks"])
    for name in ("attacks", "trainings", "sample_sizes", "deployments", "policy", "front_area"):
        table = paths(f"{name}_{NAME}")
        write_dataset_table(name, NAME, files, config.presentation, table)
