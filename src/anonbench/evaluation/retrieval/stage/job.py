"""Job of the retrieval stage: all scenarios of a data set, for one shard of the queries.

The reference is ranked once per block of queries for all scenarios that are in memory together; no
N × N matrix exists.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from anonbench.config import Retrieval
from anonbench.core.errors import InputError
from anonbench.core.io import atomic
from anonbench.core.numeric.similarity import blocks, threads
from anonbench.core.progress import track
from anonbench.core.vocabulary import QueryKind
from anonbench.evaluation.retrieval.scoring import metrics
from anonbench.evaluation.retrieval.scoring.engine import Engine, Search, make_engine, score_all
from anonbench.evaluation.retrieval.scoring.metrics import COLUMNS
from anonbench.evaluation.retrieval.scoring.rows import draw, shard_of_queries
from anonbench.evaluation.retrieval.vectors import Vectors, look_through

CHANCE = "chance"
"""Column of a shard's table after the scores: the expected nDCG of a random ranking."""
FLOOR = "floor"
"""The same if the query's own image always comes first."""
OTHERS_FIRST = b"others first"
"""Key of a shard's metadata; set if a query's own image need not be the most similar, because of an
inner product."""
IMAGES = b"images"
"""Key of a shard's metadata: number of images in a database."""
_SCHEMA = pa.schema(
    [(name, pa.string()) for name in ("scenario", "id", "query")]
    + [(name, pa.float64()) for name in (*COLUMNS, CHANCE, FLOOR)]
)


@dataclass(frozen=True)
class Embedded:
    """The embeddings of one scenario."""

    name: str
    """`<model>/seed<seed>/<variant>`."""
    queries: Path
    """Of the original images by the scenario's model (HDF5)."""
    database: Path
    """Of the variant by the same model: the images that are searched, and the anonymized queries.
    The same file as `queries` for original images, which have no anonymized queries."""


def score_shard(
    reference: Path,
    scenarios: Sequence[Embedded],
    settings: Retrieval,
    shard: int,
    output: Path,
) -> None:
    """Score a shard's queries in all scenarios of a data set.

    The same inputs and settings give the same bytes, for any number of threads, shards or groups of
    databases.

    Args:
        reference: embeddings of the original images by the reference model (HDF5).
        scenarios: to be scored.
        settings: section `retrieval` of the config.
        shard: from 0; there are `settings.shards`.
        output: Parquet that is written: scenario, id, query (kind), then `COLUMNS`, `CHANCE` and
            `FLOOR` as float64; in the order of the scenarios, by id and kind.

    Raises:
        InputError: ids or dimensions do not agree, an original's vector is zero, one is not finite,
            or k is 0.

    """
    truth = look_through(reference)
    settings = metrics.effective_settings(len(truth.ids), settings)
    engine = make_engine(settings, metrics.cutoff(len(truth.ids), settings))
    columns = shard_of_queries(draw(truth.ids, settings.queries), shard, settings.shards)
    files = _look_through(truth, scenarios)
    for each in scenarios:
        _require_one_width(each, files)
    metadata = {IMAGES: str(len(truth.ids))}
    if truth.frame.similarity == "inner":
        metadata[OTHERS_FIRST] = "yes"
    units = truth.units()
    of_reference = Search(engine.database(units, truth.frame), [units.__getitem__])
    ids = np.array(truth.ids, dtype=object)[columns]
    with (
        atomic(output) as temporary,
        pq.ParquetWriter(temporary, _SCHEMA.with_metadata(metadata), compression="zstd") as writer,
    ):
        for group in _groups(scenarios, files, settings):
            searches = [_search(each, files, engine, truth, of_reference) for each in group]
            # unnamed: a variable would keep a database in memory
            makers = [partial(searches.__getitem__, number) for number in range(len(group))]
            *levels, found = score_all(engine, of_reference, makers, columns)
            del searches, makers  # free memory before reading others
            for each, scores in zip(group, found, strict=True):
                rows = _table(each, ids, scores, *levels)
                writer.write_table(rows, row_group_size=max(1, len(rows)))


def _look_through(truth: Vectors, scenarios: Sequence[Embedded]) -> dict[Path, Vectors]:
    """Read every file once, even if several scenarios use it."""
    assert truth.path is not None
    paths = {path for each in scenarios for path in (each.queries, each.database)}
    rest = sorted(paths - {truth.path})
    with ThreadPoolExecutor(threads()) as pool:
        found = pool.map(partial(look_through, ids=truth.ids, frame=truth.frame), rest)
        vectors = list(track(found, len(rest), "embeddings looked through"))
    return dict(zip(rest, vectors, strict=True)) | {truth.path: truth}


def _require_one_width(each: Embedded, files: Mapping[Path, Vectors]) -> None:
    widths = [files[path].width for path in (each.queries, each.database)]
    if widths[0] != widths[1]:
        raise InputError(
            f"{each.queries}: {widths[0]} dimensions, but {each.database} has {widths[1]}: embed "
            "both with the same model"
        )


def _groups(
    scenarios: Sequence[Embedded], files: Mapping[Path, Vectors], settings: Retrieval
) -> Iterator[Sequence[Embedded]]:
    """Yield groups of scenarios whose databases fit into memory together."""
    widest = max((files[each.database] for each in scenarios), key=lambda found: found.width)
    at_once = int(settings.memory_gb * 1e9) // (4 * len(widest.ids) * widest.width)
    for part in blocks(len(scenarios), max(1, at_once)):
        yield scenarios[part]


def _kinds(each: Embedded) -> dict[str, Path]:
    """Files of the queries by kind; an anonymized query is its own image's database vector."""
    kinds = {QueryKind.ORIGINAL.value: each.queries}
    return (
        kinds
        if each.database == each.queries
        else {**kinds, QueryKind.ANONYMIZED.value: each.database}
    )


def _search(
    each: Embedded,
    files: Mapping[Path, Vectors],
    engine: Engine,
    truth: Vectors,
    of_reference: Search,
) -> Search:
    """Read a scenario's database; queries that are not in memory are read block by block."""
    (rows_of_reference,) = of_reference.queries
    database = files[each.database]
    searched, rows = of_reference.database, rows_of_reference
    if database is not truth:
        units = database.units()
        searched, rows = engine.database(units, database.frame), units.__getitem__
    in_memory = {each.database: rows, truth.path: rows_of_reference}
    return Search(searched, [in_memory.get(p, files[p].rows) for p in _kinds(each).values()])


def _table(
    each: Embedded,
    ids: np.ndarray,
    scores: Sequence[np.ndarray],
    chance: np.ndarray,
    floor: np.ndarray,
) -> pa.Table:
    """Rows of a scenario's scores, by id and kind."""
    kinds = _kinds(each)
    found = scores or [np.empty((len(COLUMNS), 0))] * len(kinds)  # a shard may have no query
    parts = [
        pd.DataFrame(of_kind.T, columns=list(COLUMNS)).assign(
            scenario=each.name, id=ids, query=kind, **{CHANCE: chance, FLOOR: floor}
        )
        for kind, of_kind in zip(kinds, found, strict=True)
    ]
    table = pd.concat(parts).sort_values(["id", "query"])
    return pa.Table.from_pandas(table, _SCHEMA, preserve_index=False)
