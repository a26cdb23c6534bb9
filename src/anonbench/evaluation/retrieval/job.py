"""Job of the retrieval stage, and tables and summaries of the scores of all its shards.

A job scores all scenarios of a data set for one shard of the queries.
"""

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from anonbench.config import Retrieval
from anonbench.core.errors import InputError
from anonbench.core.io import atomic, write_json, write_parquet
from anonbench.core.numeric.similarity import blocks, threads
from anonbench.core.progress import track
from anonbench.core.provenance import versions
from anonbench.core.vocabulary import QueryKind
from anonbench.evaluation.retrieval.scoring import metrics
from anonbench.evaluation.retrieval.scoring.chance import levels, mean
from anonbench.evaluation.retrieval.scoring.engine import Engine, Search, draw, score_all
from anonbench.evaluation.retrieval.scoring.metrics import COLUMNS, PER_QUERY
from anonbench.evaluation.retrieval.vectors import Vectors, look_through

CHANCE = "chance"
"""Column of a shard's table after the scores: the expected nDCG of a random ranking."""
FLOOR = "floor"  # the same if the query's own image always comes first
OTHERS_FIRST = b"others first"
"""Key of a shard's metadata; set if, by an inner product, other images may come before the own."""
IMAGES = b"images"  # key of a shard's metadata: number of images in a database
_SCHEMA = pa.schema(
    [(name, pa.string()) for name in ("scenario", "id", "query")]
    + [(name, pa.float64()) for name in (*COLUMNS, CHANCE, FLOOR)]
)


@dataclass(frozen=True)
class Embedded:
    """The embeddings of one scenario."""

    name: str  # `<model>/seed<seed>/<variant>`
    queries: Path  # of the original images by the scenario's model (HDF5)
    database: Path
    """Of the variant by the same model: the images that are searched, and the anonymized queries.
    The same file as `queries` for original images, which have no anonymized queries."""

    @property
    def kinds(self) -> dict[str, Path]:
        """Files of the queries by kind; an anonymized query is its own image's database vector."""
        kinds = {QueryKind.ORIGINAL.value: self.queries}
        if self.database != self.queries:
            kinds[QueryKind.ANONYMIZED.value] = self.database
        return kinds


def score_shard(
    reference: Path,
    scenarios: Sequence[Embedded],
    settings: Retrieval,
    shard: int,
    output: Path,
    kept: np.ndarray | None = None,
) -> None:
    """Score one of `settings.shards` shards of the queries in all scenarios of a data set.

    The same inputs and settings give the same bytes, for any number of threads, shards or groups of
    databases. `reference` has the embeddings of the original images by the reference model (HDF5),
    of which only those at `kept` (positions in the order of ids, ascending; None: all) are searched
    and search. `output` is Parquet: scenario, id, query (kind), then `COLUMNS`, `CHANCE` and
    `FLOOR` as float64; in the order of the scenarios, by id and kind.

    Raises:
        InputError: ids or dimensions do not agree, an original's vector is zero, one is not finite,
            or k is 0.
    """
    truth = look_through(reference)
    # read every file once, even if several scenarios use it
    paths = {path for each in scenarios for path in (each.queries, each.database)}
    rest = sorted(paths - {reference})
    with ThreadPoolExecutor(threads()) as pool:
        found = pool.map(partial(look_through, ids=truth.ids, frame=truth.frame), rest)
        vectors = track(found, len(rest), "embeddings looked through")
        files = dict(zip(rest, vectors, strict=True)) | {reference: truth}
    if kept is not None:
        files = {path: each.only(kept) for path, each in files.items()}
        truth = files[reference]
    for each in scenarios:
        width, other = files[each.queries].width, files[each.database].width
        if width != other:
            raise InputError(
                f"{each.queries}: {width} dimensions, but {each.database} has {other}: embed both "
                "with the same model"
            )
    images = len(truth.ids)
    settings = metrics.effective_settings(images, settings)
    engine = Engine(settings, images)
    columns = np.array_split(draw(truth.ids, settings.queries), settings.shards)[shard]
    metadata = {IMAGES: str(images)}
    if truth.frame.similarity == "inner":
        metadata[OTHERS_FIRST] = "yes"
    units = truth.units()
    of_reference = Search(engine.database(units, truth.frame), [units.__getitem__])
    ids = np.array(truth.ids, dtype=object)[columns]
    # groups of scenarios whose databases fit into memory together
    widest = max(files[each.database].width for each in scenarios)
    at_once = max(1, int(settings.memory_gb * 1e9) // (4 * images * widest))
    with (
        atomic(output) as temporary,
        pq.ParquetWriter(temporary, _SCHEMA.with_metadata(metadata), compression="zstd") as writer,
    ):
        for part in blocks(len(scenarios), at_once):
            searches = [
                _search(each, files, engine, truth, of_reference) for each in scenarios[part]
            ]
            # unnamed: a variable would keep a database in memory
            makers = [partial(searches.__getitem__, number) for number in range(len(searches))]
            chance, floor, scored = score_all(engine, of_reference, makers, columns)
            del searches, makers  # free memory before reading others
            more = {"id": ids, CHANCE: chance, FLOOR: floor}
            for each, scores in zip(scenarios[part], scored, strict=True):
                # a shard may have no query
                by_kind = scores or [np.empty((len(COLUMNS), 0))] * len(each.kinds)
                tables = [
                    pd.DataFrame(values.T, columns=list(COLUMNS)).assign(query=kind, **more)
                    for kind, values in zip(each.kinds, by_kind, strict=True)
                ]
                rows = pd.concat(tables).assign(scenario=each.name).sort_values(["id", "query"])
                table = pa.Table.from_pandas(rows, _SCHEMA, preserve_index=False)
                writer.write_table(table, row_group_size=max(1, len(table)))


def _search(
    each: Embedded,
    files: Mapping[Path, Vectors],
    engine: Engine,
    truth: Vectors,
    of_reference: Search,
) -> Search:
    """Read a scenario's database; queries that are not in memory are read block by block."""
    database, searched = files[each.database], of_reference.database
    in_memory = {truth.path: of_reference.queries[0]}
    if database is not truth:
        units = database.units()
        searched = engine.database(units, database.frame)
        in_memory[each.database] = units.__getitem__
    kinds = [
        in_memory.get(path, replace(files[path], frame=database.frame).rows)
        for path in each.kinds.values()
    ]
    return Search(searched, kinds)


def gather_scenarios(
    shards: Sequence[Path],
    scenarios: Sequence[str],
    settings: Retrieval,
    tables: Sequence[Path],
    summaries: Sequence[Path],
) -> None:
    """Write the scores of each scenario: the same bytes for any number of shards.

    `shards` are files of `score_shard`, all of one data set, with these scenarios. The tables
    (Parquet) have id, query (kind) and `metrics.COLUMNS`, sorted by kind and id. The summaries
    (JSON) have means by query kind with their numbers of queries; by metric, the scores of a random
    ranking (`chance`) and, by query kind, those of a ranking without knowledge (`floor`): chance,
    or chance with the own image first if the query is the database's own vector; images, k, top,
    settings, versions.
    """
    metadata = pq.read_schema(shards[0]).metadata
    images = int(metadata[IMAGES])
    settings = metrics.effective_settings(images, settings)
    for scenario, table, summary in zip(scenarios, tables, summaries, strict=True):
        rows = _rows(shards, scenario)
        kinds = sorted(rows["query"].unique())
        # one kind of queries is enough: chance depends on a query's reference ranking
        first = rows[rows["query"] == kinds[0]]
        chance, with_self = (
            levels(images, settings, column == FLOOR, first[column].to_numpy(np.float64))
            for column in (CHANCE, FLOOR)
        )
        # the database's own vectors: of anonymized images, or of originals if there are no others
        own = kinds[0] if OTHERS_FIRST not in metadata else None
        scores = rows.drop(columns=["scenario", CHANCE, FLOOR])
        write_parquet(scores, table)
        means = {}
        for kind, of_kind in scores.groupby("query"):
            values = {name: of_kind[column].to_numpy() for name, column in PER_QUERY.items()}
            counts = {"n": len(of_kind), "undefined_ndcg": int(of_kind["ndcg"].isna().sum())}
            means[kind] = {name: mean(each) for name, each in values.items()} | counts
        content = {
            "images": images,
            "k": metrics.cutoff(images, settings),
            "top": metrics.top(images, settings),
            "queries": means,
            "chance": chance,
            "floor": {kind: with_self if kind == own else chance for kind in kinds},
            "settings": settings.effective(),
            "versions": versions("numpy"),
        }
        write_json(summary, content)


def gather_in_one_file(shards: Sequence[Path], scenarios: Sequence[str], output: Path) -> None:
    """Write the scores of all scenarios by a second reference to one Parquet file.

    It has the columns of the shards (see `gather_scenarios`), by scenario in this order, then by
    kind and id: the same bytes for any number of shards.
    """
    tables = [_rows(shards, scenario) for scenario in scenarios]
    write_parquet(pd.concat(tables, ignore_index=True), output)


def _rows(shards: Sequence[Path], scenario: str) -> pd.DataFrame:
    parts = [pd.read_parquet(shard, filters=[("scenario", "==", scenario)]) for shard in shards]
    return pd.concat([part for part in parts if len(part)]).sort_values(
        ["query", "id"], ignore_index=True
    )
