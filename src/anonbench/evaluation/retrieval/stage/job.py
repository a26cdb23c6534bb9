"""Job of the retrieval stage: all scenarios of a data set, for one shard of the queries.

The outer loop is over query blocks and the inner one over scenarios, so that the reference
similarities of a block are computed once for all scenarios; no N × N matrix exists. Only scores
that are not cached are computed.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from anonbench.config import Retrieval
from anonbench.core.errors import InputError
from anonbench.core.io import atomic
from anonbench.core.jobs.fingerprint import module_digest
from anonbench.core.jobs.work_cache import WorkCache, flushed_at_intervals
from anonbench.core.numeric.similarity import blocks, threads
from anonbench.core.progress import track
from anonbench.core.vocabulary import QueryKind
from anonbench.evaluation.retrieval.scoring import metrics
from anonbench.evaluation.retrieval.scoring.engine import (
    Engine,
    Scores,
    Search,
    make_engine,
    score_block,
)
from anonbench.evaluation.retrieval.scoring.metrics import COLUMNS
from anonbench.evaluation.retrieval.scoring.rows import Block, blocks_of, draw, shard_of_queries
from anonbench.evaluation.retrieval.vectors import Vectors, look_through


def made_by(digests: Sequence[str], settings: Retrieval) -> dict[str, Any]:
    """Everything that a scenario's scores depend on, except the drawn queries, as JSON.

    The digests are of the embeddings' content: the reference's, the queries', the database's.
    """
    effective = settings.effective()
    del effective["queries"]  # a query's scores are the same in every sample
    made = module_digest(*code(settings.device))
    return {"digests": list(digests), "settings": effective, "code": made}


def code(device: str) -> tuple[list[str], list[str]]:
    """Modules whose code computes scores, and their imports that have no influence on scores."""
    # inputs are covered by the digests, and settings are listed separately
    elsewhere = ("config", "embedding", "core.io", "core.progress")
    without = [f"anonbench.{module}" for module in elsewhere]
    without += ["torch"] if device == "cpu" else []
    computed = ("scoring.engine", "scoring.rows", "vectors")
    return [f"anonbench.evaluation.retrieval.{module}" for module in computed], without


def score_file(folder: Path, shard: tuple[int, int], scenario: str) -> Path:
    """File of a scenario, `<model>/seed<seed>/<variant>`, in a shard (number, count)."""
    number, count = shard
    return folder / f"{number}-of-{count}" / f"{scenario.replace('/', '_')}.parquet"


def drop_stale(folder: Path, count: int, scenarios: Iterable[str]) -> None:
    """Remove the files of other scenarios, of another number of shards, and half-written ones."""
    shards = [(number, count) for number in range(count)]
    used = {score_file(folder, shard, name) for name in scenarios for shard in shards}
    for file in {*folder.glob("*-of-*/*")} - used:
        file.unlink(missing_ok=True)
    for place in folder.glob("*-of-*"):
        if not any(place.iterdir()):
            place.rmdir()


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
    [(name, pa.string()) for name in ("id", "query")]
    + [(name, pa.float64()) for name in (*COLUMNS, CHANCE, FLOOR)]
)
"""Schema of a scenario's scores."""

log = logging.getLogger(__name__)


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
    kept: Path | None = None,
) -> None:
    """Score a shard's queries in all scenarios of a data set.

    The same inputs and settings give the same bytes, for any state of the cache and any number of
    threads, shards or groups of databases.

    Args:
        reference: embeddings of the original images by the reference model (HDF5).
        scenarios: to be scored.
        settings: section `retrieval` of the config.
        shard: from 0; there are `settings.shards`.
        output: Parquet that is written: scenario, id, query (kind), then `COLUMNS`, `CHANCE` and
            `FLOOR` as float64; in the order of the scenarios, by id and kind.
        kept: folder of the cache of scores, see `score_file`; None: no cache.

    Raises:
        InputError: ids or dimensions do not agree, an original's vector is zero, one is not finite,
            or k is 0.

    """
    job = _Job(reference, scenarios, settings, shard, kept)
    job.run()
    job.write(output)


@dataclass(frozen=True)
class _Task:
    """A scenario with its scores so far, by id and kind of the query."""

    name: str
    queries: Mapping[str, Vectors]
    """By query kind."""
    database: Vectors
    scores: WorkCache
    missing: np.ndarray
    """Whether a query of the shard had no scores before, bool [Q]."""


class _Job:
    def __init__(
        self,
        reference: Path,
        scenarios: Sequence[Embedded],
        settings: Retrieval,
        shard: int,
        kept: Path | None,
    ) -> None:
        self._reference = look_through(reference)
        ids = self._reference.ids
        self._settings = settings = metrics.effective_settings(len(ids), settings)
        self._k = metrics.cutoff(len(ids), settings)
        drawn = draw(ids, settings.queries)
        self._self_columns = shard_of_queries(drawn, shard, settings.shards)
        self._kept, self._shard = kept, (shard, settings.shards)
        files = self._look_through(reference, scenarios)
        self._ids = pd.Index([ids[column] for column in self._self_columns], dtype=object)
        self._tasks = [self._task(scenario, files) for scenario in scenarios]

    def _look_through(self, reference: Path, scenarios: Sequence[Embedded]) -> dict[Path, Vectors]:
        """Read every file once, even if several scenarios use it."""
        paths = {path for each in scenarios for path in (each.queries, each.database)}
        rest = sorted(paths - {reference})
        with ThreadPoolExecutor(threads()) as pool:
            look = partial(look_through, ids=self._reference.ids, frame=self._reference.frame)
            found = pool.map(look, rest)
            vectors = list(track(found, len(rest), "embeddings looked through"))
        return dict(zip(rest, vectors, strict=True)) | {reference: self._reference}

    def _task(self, each: Embedded, files: Mapping[Path, Vectors]) -> _Task:
        queries = {QueryKind.ORIGINAL.value: files[each.queries]}
        database = files[each.database]
        if each.database != each.queries:
            queries[QueryKind.ANONYMIZED.value] = database
        if files[each.queries].width != database.width:
            raise InputError(
                f"{each.queries}: {files[each.queries].width} dimensions, but {each.database} has "
                f"{database.width}: embed both with the same model"
            )
        digests = [self._reference.digest, files[each.queries].digest, database.digest]
        file = score_file(self._kept, self._shard, each.name) if self._kept else None
        others = sorted(file.parent.parent.glob(f"*-of-*/{file.name}")) if file else []
        identity = made_by(digests, self._settings)
        scores = WorkCache(file, identity, _SCHEMA, ["id", "query"], self._ids, others)
        return _Task(each.name, queries, database, scores, self._ids.isin(scores.missing))

    def run(self) -> None:
        """Compute the missing scores; cache them at intervals and at the end, also on failure."""
        tasks = [task for task in self._tasks if task.missing.any()]
        done = len(self._tasks) - len(tasks)
        log.info("%d of %d scenarios were scored before", done, len(self._tasks))
        with flushed_at_intervals(self._flush) as flush_if_due:
            if tasks:
                self._score(tasks, flush_if_due)

    def _score(self, tasks: Sequence[_Task], flush_if_due: Callable[[], None]) -> None:
        engine = make_engine(self._settings, self._k)
        units = self._reference.units()
        reference = Search(engine.database(units, self._reference.frame), [units.__getitem__])
        missing = np.flatnonzero(np.any([task.missing for task in tasks], axis=0))
        divided = blocks_of(self._self_columns, engine.slices, missing)
        steps = [(group, block) for group in self._groups(tasks) for block in divided]
        searches: dict[str, Search] = {}
        for group, block in track(steps, len(steps), "blocks of queries"):
            wanted = [task for task in group if task.missing[block.queries].any()]
            if not wanted:
                continue
            if group[0].name not in searches:
                searches.clear()  # free memory before reading others
                for task in group:
                    searches[task.name] = self._search(task, engine, reference)
            chance, floor, found = score_block(
                engine,
                reference,
                # unnamed: a variable would keep the databases in memory
                [searches[task.name] for task in wanted],
                self._self_columns,
                block,
            )
            for task, scores in zip(wanted, found, strict=True):
                self._keep(task, block, scores, {CHANCE: chance, FLOOR: floor})
            flush_if_due()

    def _groups(self, tasks: Sequence[_Task]) -> list[Sequence[_Task]]:
        """Groups of tasks whose databases fit into memory together."""
        size = 4 * len(self._reference.ids) * max(task.database.width for task in tasks)
        at_once = max(1, int(self._settings.memory_gb * 1e9) // size)
        groups = [tasks[part] for part in blocks(len(tasks), at_once)]
        if len(groups) > 1:
            log.info("%d databases in %d groups (retrieval.memory_gb)", len(tasks), len(groups))
        return groups

    def _search(self, task: _Task, engine: Engine, reference: Search) -> Search:
        """Read a scenario's database; queries that are not in memory are read block by block."""
        (of_reference,) = reference.queries
        searched, rows = reference.database, of_reference
        if task.database is not self._reference:
            units = task.database.units()
            searched, rows = engine.database(units, task.database.frame), units.__getitem__
        # an anonymized query is its own image's vector in the database
        in_memory = {task.database.path: rows, self._reference.path: of_reference}
        of_kinds = task.queries.values()
        return Search(searched, [in_memory.get(each.path, each.rows) for each in of_kinds])

    def _keep(
        self, task: _Task, block: Block, found: Sequence[Scores], levels: Mapping[str, np.ndarray]
    ) -> None:
        missing = task.missing[block.queries]
        ids = self._ids[block.queries[missing]]
        rows = [
            pd.DataFrame({**scores, **levels})[missing].assign(id=ids, query=kind)
            for kind, scores in zip(task.queries, found, strict=True)
        ]
        # all kinds together: an interrupted job caches a query completely or not at all
        task.scores.add(pa.Table.from_pandas(pd.concat(rows), _SCHEMA, preserve_index=False))

    def _flush(self) -> None:
        for task in self._tasks:
            task.scores.flush()

    def write(self, output: Path) -> None:
        """Write all scores, one row group per scenario."""
        metadata = {IMAGES: str(len(self._reference.ids))}
        if self._reference.frame.similarity == "inner":
            metadata[OTHERS_FIRST] = "yes"
        schema = _SCHEMA.insert(0, pa.field("scenario", pa.string()))
        with atomic(output) as temporary:
            file = schema.with_metadata(metadata)
            with pq.ParquetWriter(temporary, file, compression="zstd") as writer:
                for task in self._tasks:
                    table = task.scores.table()
                    rows = table.add_column(0, "scenario", pa.repeat(task.name, len(table)))
                    writer.write_table(rows, row_group_size=max(1, len(rows)))
