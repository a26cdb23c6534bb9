"""One scenario in memory: a model's queries and database, scored against the reference.

Used by notebooks and the command line. The workflow scores all scenarios of a data set in one job,
see `anonbench.evaluation.retrieval.stage.job`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import pairwise

import numpy as np
import pandas as pd

from anonbench.config import Retrieval
from anonbench.core.errors import InputError
from anonbench.core.numeric.frames import Frame, frame_of
from anonbench.core.numeric.similarity import require_rankings
from anonbench.core.progress import track
from anonbench.embedding.store import Embeddings
from anonbench.evaluation.retrieval.archive import Archive, Streamed
from anonbench.evaluation.retrieval.scoring import metrics
from anonbench.evaluation.retrieval.scoring.engine import Search, Searched, make_engine, score_block
from anonbench.evaluation.retrieval.scoring.metrics import COLUMNS
from anonbench.evaluation.retrieval.scoring.rows import blocks_of, draw
from anonbench.evaluation.retrieval.stage.summary import chance_levels
from anonbench.evaluation.retrieval.vectors import difference


@dataclass(frozen=True)
class Scores:
    """Scores of a scenario."""

    table: pd.DataFrame
    """One row for each query and query kind: id, query, then `metrics.COLUMNS`
    as float64; sorted by kind and id."""
    images: int
    """Images in the database."""
    k: int
    chance: dict[str, float | None]
    """Scores of a random ranking by metric, such as `map` and `mndcg`."""
    floor: dict[str, float | None] = field(default_factory=dict)
    """The same if the query's own image always comes first; empty if not needed."""


def score(
    reference: Embeddings,
    queries: Mapping[str, Embeddings],
    database: Embeddings,
    settings: Retrieval,
    *,
    streamed: bool = False,
) -> Scores:
    """Score queries of one or more kinds against one database.

    Args:
        reference: the unadapted model's embeddings of the N original images, float32 [N, D'].
        queries: the model's embeddings of query images by query kind, float32 [Q, D]: of all N
            images or of some, in any order.
        database: the same model's embeddings of the N images that are searched, float32 [N, D].
        settings: of the scores; below k = 5 own images do not count (`metrics.effective_settings`).
            `queries` limits the number that is scored of each kind, drawn by a hash of their ids.
        streamed: whether the vectors stay on disk (`archive`), which pays off if few of a million
            images are queries; they are compared by cosine. The scores are the same.

    Raises:
        InputError: ids are duplicated or do not agree, dimensions do not agree, an original's
            vector is zero, or k is 0.

    """
    ids = _sorted_ids(reference, "reference")
    settings = metrics.effective_settings(len(ids), settings)
    k = metrics.cutoff(len(ids), settings)
    frame = frame_of(reference.similarity, lambda: [reference.values])
    if frame.similarity == "cosine":
        require_rankings(reference.ids, reference.values, "reference")
    if _sorted_ids(database, "database") != ids:
        raise InputError(f"database: {difference(set(database.ids), set(ids))}")
    own = frame
    if database.similarity != frame.similarity:
        own = frame_of(database.similarity, lambda: [database.values])
    queried = {
        str(kind): _Queries.of(given, ids, database, own, settings.queries, f"{kind} queries")
        for kind, given in queries.items()
    }
    if not queried:
        raise InputError("no queries are given; there is nothing to score")

    engine = make_engine(settings, k)
    slices: Callable[[int], list[slice]] = engine.slices
    to_database: Searched
    if streamed and frame.similarity == own.similarity == "cosine":
        truth, searched = Archive(reference), Archive(database)
        slices = partial(truth.slices, most=settings.block)
        of_reference, to_database = Search(Streamed(truth), [truth.units]), Streamed(searched)
    else:
        units = frame.rows(reference.values)[_order(reference)]
        of_reference = Search(engine.database(units, frame), [lambda columns: units[columns]])
        to_database = engine.database(own.rows(database.values)[_order(database)], own)
    found = {
        kind: np.empty((len(COLUMNS), len(each.self_columns))) for kind, each in queried.items()
    }
    chance, floor = np.full(len(ids), np.nan), np.full(len(ids), np.nan)
    work = [
        (kinds, block)
        for kinds in _same_images(queried)
        for block in blocks_of(queried[kinds[0]].self_columns, slices)
    ]
    for kinds, block in track(work, len(work), "blocks of queries"):
        self_columns = queried[kinds[0]].self_columns
        search = Search(to_database, [queried[kind].rows for kind in kinds])
        random, with_self, scored = score_block(engine, of_reference, [search], self_columns, block)
        chance[self_columns[block.queries]] = random
        floor[self_columns[block.queries]] = with_self
        for kind, scores in zip(kinds, next(scored), strict=True):
            found[kind][:, block.queries] = [scores[column] for column in COLUMNS]

    names = np.array(ids, dtype=object)
    tables = [
        pd.DataFrame({"id": names[queried[kind].self_columns], "query": kind}).join(
            pd.DataFrame(found[kind].T, columns=list(COLUMNS))
        )
        for kind in sorted(queried)
    ]
    levels = [
        chance_levels(values, len(ids), k, settings, own_first)
        for values, own_first in ((chance, False), (floor, True))
    ]
    return Scores(pd.concat(tables, ignore_index=True), len(ids), k, *levels)


@dataclass(frozen=True)
class _Queries:
    """The queries of one kind."""

    self_columns: np.ndarray
    """Each query's own image in the database, ascending, int64 [Q]."""
    units: np.ndarray
    """float32 [Q, D]."""

    def rows(self, columns: np.ndarray) -> np.ndarray:
        """Vectors of queries by the positions of their own images."""
        return np.asarray(self.units[np.searchsorted(self.self_columns, columns)])

    @classmethod
    def of(
        cls,
        given: Embeddings,
        ids: Sequence[str],
        database: Embeddings,
        frame: Frame,
        count: int | None,
        what: str,
    ) -> _Queries:
        width = database.values.shape[1]
        queried = _sorted_ids(given, what)
        column = {image_id: number for number, image_id in enumerate(ids)}
        if unknown := [image_id for image_id in queried if image_id not in column]:
            raise InputError(
                f"{what}: {len(unknown)} ids are not in the database, such as {unknown[0]!r}; "
                "ask with images that the database holds"
            )
        if not queried:
            raise InputError(f"{what}: the file holds no embedding; there is nothing to score")
        if given.values.shape[1] != width:
            raise InputError(
                f"{what} have {given.values.shape[1]} dimensions, the database has {width}: "
                "embed both with the same model"
            )
        drawn = draw(queried, count)
        self_columns = np.array([column[queried[position]] for position in drawn], dtype=np.int64)
        return cls(self_columns, frame.rows(given.values)[_order(given)[drawn]])


def _same_images(queried: Mapping[str, _Queries]) -> list[list[str]]:
    """Kinds grouped by equal query images; a group shares the reference."""
    groups: dict[bytes, list[str]] = {}
    for kind, each in queried.items():
        groups.setdefault(each.self_columns.tobytes(), []).append(kind)
    return list(groups.values())


def _order(given: Embeddings) -> np.ndarray:
    return np.array(sorted(range(len(given.ids)), key=given.ids.__getitem__), dtype=np.int64)


def _sorted_ids(given: Embeddings, what: str) -> list[str]:
    ids = sorted(given.ids)
    for one, following in pairwise(ids):
        if one == following:
            raise InputError(f"{what}: the id {one!r} is there twice; leave one of them out")
    return ids
