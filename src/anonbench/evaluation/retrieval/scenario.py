"""One scenario in memory: a model's queries and database, scored against the reference.

Used by notebooks and the command line. The workflow scores all scenarios of a data set in one job,
see `anonbench.evaluation.retrieval.job`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial

import numpy as np
import pandas as pd

from anonbench.config import Retrieval
from anonbench.core.errors import InputError
from anonbench.core.numeric.similarity import require_rankings
from anonbench.embedding.store import Embeddings
from anonbench.evaluation.retrieval.scoring import metrics
from anonbench.evaluation.retrieval.scoring.chance import Levels, levels
from anonbench.evaluation.retrieval.scoring.engine import Engine, Search, Searched, draw, score_all
from anonbench.evaluation.retrieval.scoring.metrics import COLUMNS
from anonbench.evaluation.retrieval.vectors import Streamed, Vectors, difference


@dataclass(frozen=True)
class Scores:
    """Scores of a scenario."""

    table: pd.DataFrame
    """A row a query and kind: id, query, `metrics.COLUMNS` as float64; sorted by kind and id."""
    k: int
    chance: Levels  # scores of a random ranking by metric, such as `map` and `mndcg`
    floor: Levels  # the same if the query's own image always comes first


def score_scenario(
    reference: Embeddings,
    queries: Mapping[str, Embeddings],
    database: Embeddings,
    settings: Retrieval,
    *,
    streamed: bool = False,
    name: str = "reference",
) -> Scores:
    """Score queries of one or more kinds against one database.

    The reference are the unadapted model's embeddings of the N original images, float32 [N, D'],
    the database the model's of the N images that are searched [N, D]. Queries are, by kind, its
    embeddings [Q, D] of all N images or of some, in any order; the same images in each kind, of
    which at most `settings.queries` are scored, drawn by a hash of their ids. Below k = 5 own
    images do not count. With `streamed`, vectors that are compared by cosine stay on disk
    (`Streamed`), which pays off if few of a million images are queries; the scores are the same.
    `name` is what errors call the reference.

    Raises:
        InputError: ids are duplicated, those of reference and database do not agree, an original's
            vector is zero, or k is 0.
    """
    truth = Vectors.of(reference, name)
    ids, frame = truth.ids, truth.frame
    settings = metrics.effective_settings(len(ids), settings)
    if frame.similarity == "cosine":
        require_rankings(reference.ids, reference.values, name)
    is_alike = frame.suits(database.similarity, database.values.shape[1])
    searched = Vectors.of(database, "database", frame if is_alike else None)
    if searched.ids != ids:
        raise InputError(f"database: {difference(set(database.ids), set(ids))}")
    queried = {
        kind: Vectors.of(each, f"{kind} queries", searched.frame) for kind, each in queries.items()
    }
    asked = next(iter(queried.values())).ids
    if not set(asked) <= set(ids) or any(
        each.ids != asked or each.width != searched.width for each in queried.values()
    ):
        raise ValueError("queries of each kind are the same images of the database, of its width")
    drawn = draw(asked, settings.queries)
    column = {image_id: number for number, image_id in enumerate(ids)}
    self_columns = np.array([column[asked[place]] for place in drawn], dtype=np.int64)

    def rows(vectors: Vectors, columns: np.ndarray) -> np.ndarray:
        return vectors.units(drawn[np.searchsorted(self_columns, columns)])

    engine = Engine(settings, len(ids))
    block = engine.block
    to_database: Searched
    if streamed and is_alike and frame.similarity == "cosine":
        to_reference = Streamed(truth)
        block = min(settings.block, to_reference.block)
        of_reference, to_database = Search(to_reference, [truth.units]), Streamed(searched)
    else:
        units = truth.units()
        of_reference = Search(engine.database(units, frame), [units.__getitem__])
        to_database = engine.database(searched.units(), searched.frame)
    search = Search(to_database, [partial(rows, vectors) for vectors in queried.values()])
    makers = [lambda: search]
    chance, floor, (found,) = score_all(engine, of_reference, makers, self_columns, block)
    names = pd.DataFrame({"id": np.array(ids, dtype=object)[self_columns]})
    tables = [
        names.assign(query=kind, **dict(zip(COLUMNS, scores, strict=True)))
        for kind, scores in sorted(zip(queried, found, strict=True))
    ]
    random = levels(len(ids), settings, False, chance)
    with_self = levels(len(ids), settings, True, floor)
    k = metrics.cutoff(len(ids), settings)
    return Scores(pd.concat(tables, ignore_index=True), k, random, with_self)
