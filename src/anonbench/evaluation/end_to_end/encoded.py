"""Images searched, anonymized and encoded batch by batch; scores of the vectors."""

import logging
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from anonbench.anonymization.checked import Hidden, as_published, masked_instead
from anonbench.config import Anonymization, Detection, Presentation, Retrieval
from anonbench.core.boxes import Region, box_table
from anonbench.core.errors import InputError
from anonbench.core.jobs.work_cache import flushed_at_intervals
from anonbench.core.progress import track
from anonbench.core.registries.systems import Similarity
from anonbench.core.vocabulary import UNADAPTED, QueryKind, Variant
from anonbench.core.wording import count
from anonbench.detection.base import as_rgb
from anonbench.detection.reading import Original
from anonbench.detection.search import more_detectors
from anonbench.detection.shard import Job, ShardSearch
from anonbench.embedding.given_images import Pictures, ahead
from anonbench.embedding.given_systems import Encode, naming
from anonbench.embedding.store import Embeddings
from anonbench.evaluation.comparisons.best import collect_best, compare_methods
from anonbench.evaluation.comparisons.columns import Column, retrieval_columns
from anonbench.evaluation.decision import Judging
from anonbench.evaluation.retrieval.scenario import score_scenario
from anonbench.evaluation.retrieval.scoring import metrics
from anonbench.evaluation.scores import WholeTable, retrieval_scores

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Treatment:
    """How images are searched and hidden."""

    detectors: Sequence[str]
    variants: Sequence[Variant]
    detection: Detection
    anonymization: Anonymization
    boxes: Mapping[str, Sequence[Region]]  # the user's own regions by image id
    keep_without_regions: bool
    seed: int  # of the regions' draw order
    cache: Path | None  # folder in which detections are kept


@dataclass(frozen=True)
class Encoded:
    """Vectors, outcomes and regions of all images."""

    vectors: Mapping[Variant, Embeddings]
    """Of the originals and of each variant: the same ids, sorted."""
    images: pd.DataFrame
    """One row an image that could be opened: id, status, reason, regions
    (`anonbench.detection.shard.detect_shard`), sorted by id."""
    boxes: pd.DataFrame
    """Regions of the images that have vectors, columns `anonbench.core.boxes.BOX_COLUMNS`."""
    failed_audits: Mapping[str, int]
    """Images by variant that are masked, because the method leaves a region visible."""


_Image = tuple[Original, Sequence[Region]]


def encode_variants(
    pictures: Pictures,
    encode_images: Encode,
    similarity: Similarity,
    treatment: Treatment,
    threads: int,
) -> Encoded:
    """Search, anonymize and encode all images; threads have no effect on the result.

    A batch is searched while the previous one is encoded. Pixels are the same as those that the
    pipeline writes and reads back. Raises InputError if a detector cannot be loaded, or no image
    can be used.
    """
    columns = ["id", "digest"]
    table = pd.DataFrame([(each.id, each.digest) for each in pictures.images], columns=columns)
    job = Job(
        root=Path(),
        detectors=treatment.detectors,
        settings=treatment.detection,
        seed=treatment.seed,
        threads=threads,
        boxes=treatment.boxes,
        kept=[treatment.cache / "detections"] if treatment.cache else [],
    )
    search = ShardSearch(job, table)
    parts: dict[Variant, list[np.ndarray]] = {v: [] for v in (Variant(), *treatment.variants)}
    regions: dict[str, list[Region]] = {}
    ids, failed = list[str](), Counter[str]()
    searched = _searched(pictures, search, regions, threads)
    with (
        flushed_at_intervals(search.flush) as flush_if_due,
        ThreadPoolExecutor(threads, "anonymize") as pool,
        closing(ahead(searched)) as batches,
    ):
        for batch in track(batches, len(pictures.images), "images evaluated", len):
            kept = treatment.keep_without_regions
            used = [image for image in batch if image and (image[1] or kept)]
            names = [original.id for original, _ in used]
            for variant, vectors in parts.items() if used else ():
                make = partial(_hidden, variant=variant, settings=treatment.anonymization)
                made = list(pool.map(make, used))
                failed[str(variant)] += sum(each.refused != "" for each in made)
                with naming(names):
                    vectors.append(encode_images([as_rgb(each.pixels) for each in made]))
            ids += names
            flush_if_due()
    failed = +failed
    for name, number in failed.items():
        logger.warning(masked_instead(name, number))
    images = search.image_table(regions)
    if not ids:
        raise InputError(_nothing(pictures.place, images, treatment))
    made_by = {"similarity": similarity}
    found = {v: Embeddings(ids, np.concatenate(each), made_by) for v, each in parts.items()}
    hidden = box_table({image_id: regions[image_id] for image_id in ids}, treatment.seed)
    return Encoded(found, images, hidden, dict(failed))


def _searched(
    pictures: Pictures, search: ShardSearch, found: dict[str, list[Region]], threads: int
) -> Iterator[list[_Image | None]]:
    """Yield each batch with its regions, None for an image that cannot be used."""
    for batch in pictures.batches(threads):
        readable = list(batch)
        search.search(readable)
        regions = search.in_order([image.id for image in batch])
        found |= regions
        yield [(image, regions[image.id]) if image.id in regions else None for image in batch]


def _hidden(image: _Image, variant: Variant, settings: Anonymization) -> Hidden:
    original, regions = image
    return as_published(original.id, original.pixels, regions, variant, settings)


def _nothing(place: str, images: pd.DataFrame, treatment: Treatment) -> str:
    """Message that explains why no image can be used, with a hint."""
    statuses = images["status"].value_counts()
    if "empty" not in statuses:
        reason = images["reason"].iloc[0]
        return f"{place}: no image can be used; {reason} for one"
    names = ", ".join(treatment.detectors)
    others = "give boxes of your own"
    if treatment.detectors != ("boxes",):
        others = f"{more_detectors(treatment.detectors)}; or {others}"
    return (
        f"{place}: nothing was found by {names} in {count(int(statuses['empty']), 'image')}, so "
        f"that there is nothing to anonymize; {others}"
    )


COLUMNS = [
    *("degree", "method", "query", "metric", "value", "low", "high", "se", "n"),
    *("clusters", "k", "chance", "floor", "reason"),
]
"""Columns of the scores, as in the pipeline's `scores.csv` (`anonbench.evaluation.scores`)."""
COMPARED = [
    *("degree", "query", "metric", "a", "b", "difference", "low", "high"),
    *("p_holm", "p_equivalent", "verdict", "n", "clusters", "reason"),
]
"""Columns of the paired tests of methods (`anonbench.evaluation.comparisons.best`)."""

METRIC = "map"  # metric by which methods are chosen


@dataclass(frozen=True)
class Scored:
    """Scores of all variants."""

    table: pd.DataFrame = field(repr=False)
    """Scores, a row for each degree, method, query kind and metric; shares. Columns
    `anonbench.evaluation.end_to_end.encoded.COLUMNS`."""
    per_query: pd.DataFrame = field(repr=False)
    """Scores of each query: columns variant, id, query (kind), ap, ndcg, …"""
    comparisons: pd.DataFrame = field(repr=False)
    """Paired tests of methods, columns `anonbench.evaluation.end_to_end.encoded.COMPARED`."""
    best: pd.DataFrame = field(repr=False)
    """Which methods keep most by `METRIC`: `anonbench.evaluation.comparisons.best.BEST_COLUMNS`."""
    k: int = field(repr=False)
    """Relevant images of a query."""
    settings: Retrieval = field(repr=False)
    """Settings of the scores: own images do not count if k is below 5."""
    asked: Retrieval = field(repr=False)
    """The given settings."""


def score_variants(
    vectors: Mapping[Variant, Embeddings],
    clusters: pd.Series,
    retrieval: Retrieval,
    presentation: Presentation,
) -> Scored:
    """Score every variant against the ranking of the originals, with both query kinds.

    The vectors are of the originals (`Variant()`) and of each variant, the same ids. Raises
    InputError if there are too few images, or an original's vector is zero.
    """
    originals = vectors[Variant()]
    images = len(originals.ids)
    settings = metrics.effective_settings(images, retrieval)
    k, top = metrics.cutoff(images, settings), metrics.top(images, settings)
    rows: list[dict[str, Any]] = []
    tables: list[pd.DataFrame] = []
    columns: list[Column] = []
    for variant, anonymized in vectors.items():
        if variant == Variant():
            continue
        queries = {QueryKind.ORIGINAL.value: originals, QueryKind.ANONYMIZED.value: anonymized}
        found = score_scenario(originals, queries, anonymized, retrieval, name="images")
        floor = dict.fromkeys(queries, found.chance)
        # an anonymized query is the database's own vector, and finds itself unless longer ones
        # come before it
        if originals.similarity != "inner":
            floor[QueryKind.ANONYMIZED.value] = found.floor
        summary = {"k": k, "top": top, "chance": found.chance, "floor": floor}
        key = {"degree": variant.degree, "method": variant.method}
        scores = retrieval_scores(found.table, summary, clusters, presentation.confidence)
        rows += [key | {"query": query, "metric": name} | cells for query, name, cells, _ in scores]
        tables.append(found.table.assign(variant=str(variant)))
        by_id = found.table.set_index(["query", "id"]).sort_index()
        columns += retrieval_columns(variant, {UNADAPTED: by_id})
    table = pd.DataFrame(rows)[COLUMNS].astype({"clusters": "Int64", "k": "Int64"})
    table[["chance", "floor"]] = table[["chance", "floor"]].astype(np.float64)
    per_query = pd.concat(tables, ignore_index=True)
    per_query.insert(0, "variant", per_query.pop("variant"))
    judging = Judging(clusters, presentation.confidence, presentation.equivalence_margin)
    compared = compare_methods("", columns, judging).reindex(columns=COMPARED)
    chosen = [column for column in columns if column.metric == METRIC]
    best = collect_best("", chosen, (), judging, presentation.bootstrap)
    best = best[best["scope"] == "choices"].reset_index(drop=True)
    return Scored(WholeTable(table), per_query, compared, best, k, settings, retrieval)
