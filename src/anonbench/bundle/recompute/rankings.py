"""Rankings made again from embeddings, and what is made of them alone."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from anonbench.bundle.agreement import Agreement, joined, of_frames
from anonbench.bundle.contents import START
from anonbench.bundle.recompute.unpacked import Bundle, of_json, of_table
from anonbench.config import Retrieval
from anonbench.core.vocabulary import ORIGINAL, embedding_model
from anonbench.datasets.clusters import read_clusters

if TYPE_CHECKING:
    from anonbench.evaluation.retrieval.stage.job import Embedded

_OF_A_RANKING = ("images", "k", "top", "queries", "chance", "floor")


def retrieval(bundle: Bundle, name: str, sample: int | None) -> Agreement | None:
    """Rank again from the embeddings, at most `sample` queries; None where there are none."""
    from anonbench.evaluation.retrieval.stage.gather import gather_scenarios
    from anonbench.evaluation.retrieval.stage.job import Embedded, score_shard

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
            found.append(of_json("retrieval", bundle, f"{path}.json", summary, _OF_A_RANKING))
        found.append(of_frames("retrieval", f"{path}.parquet", known, scores))
    found += _second(bundle, name, files, settings)
    found += _without_own(bundle, name, files, settings)
    if sample is None:
        found += _trainings(bundle, name)
        found += _deployments(bundle, name)
    return joined("retrieval", name, found)


def _second(
    bundle: Bundle, name: str, files: Mapping[str, Embedded], settings: Retrieval
) -> Iterator[Agreement]:
    """Rank again by second references, where their scores and embeddings are in the bundle."""
    runs = [run.path for run in bundle.experiment.trained_scenarios(name) if run.path in files]
    judged = [files[run] for run in runs]
    for seed in bundle.experiment.second_references(name):
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


def _trainings(bundle: Bundle, name: str) -> Iterator[Agreement]:
    """Judge each training by the others again."""
    from anonbench.evaluation.retrieval.training_agreement import agreement_of_trainings

    path, grouped = f"{name}/trainings.csv", bundle.carried(f"{name}/clusters.parquet")
    base, trainings = bundle.folder / START / name, bundle.experiment.ranking_trainings(name)
    originals = [base / f"embeddings/{m}/seed{s}/{ORIGINAL}/val.h5" for m, s in trainings]
    if not all(map(Path.is_file, (bundle.published(path), grouped, *originals))):
        return
    clusters, asked = read_clusters(grouped), bundle.config.presentation.confidence
    settings = bundle.config.retrieval
    table = agreement_of_trainings(name, trainings, originals, clusters, settings, asked)
    yield of_table("retrieval", bundle, path, table)


def _deployments(bundle: Bundle, name: str) -> Iterator[Agreement]:
    """Search the archive in other ways again. What is drawn follows from the ids."""
    from anonbench.evaluation.comparisons.best import OWN, SECOND
    from anonbench.evaluation.deployments.table import score_deployments

    path, grouped = f"{name}/deployments.csv", bundle.carried(f"{name}/clusters.parquet")
    experiment, base = bundle.experiment, bundle.folder / START / name / "embeddings"
    reference = experiment.reference_seed
    seeds = [reference, *experiment.second_references(name)[:1]]
    judges = [base / f"unadapted/seed{seed}/{ORIGINAL}/val.h5" for seed in seeds]
    files = {
        (str(model), str(variant)): base
        / f"{embedding_model(str(model), str(variant))}/seed{reference}/{variant}/val.h5"
        for model, variant in experiment.deployed(name)
    }
    needed = bundle.published(path), grouped, *judges, *files.values()
    if not all(map(Path.is_file, needed)):
        return
    shown = bundle.config.presentation
    table = score_deployments(
        name,
        max(experiment.datasets[name].degrees),
        dict(zip((OWN, SECOND), judges, strict=False)),
        files,
        read_clusters(grouped),
        None,
        bundle.config.deployments,
        bundle.config.retrieval,
        shown.confidence,
        shown.equivalence_margin,
    )
    yield of_table("retrieval", bundle, path, table)


def _ranked_again(
    bundle: Bundle,
    path: str,
    reference: Embedded | None,
    judged: Sequence[Embedded],
    settings: Retrieval,
) -> Iterator[Agreement]:
    from anonbench.evaluation.retrieval.stage.gather import gather_in_one_file
    from anonbench.evaluation.retrieval.stage.job import score_shard

    if reference is None or not judged or not bundle.carried(path).is_file():
        return
    shard = bundle.again(str(Path(path).with_suffix("")) + "/shard.parquet")
    score_shard(reference.queries, judged, settings, 0, shard)
    runs = [each.name for each in judged]
    gather_in_one_file([shard], runs, bundle.again(path))
    known, scores = pd.read_parquet(bundle.carried(path)), pd.read_parquet(bundle.again(path))
    asked = known["id"].isin(scores["id"]) & known["scenario"].isin(runs)
    yield of_frames("retrieval", path, known[asked].reset_index(drop=True), scores)
