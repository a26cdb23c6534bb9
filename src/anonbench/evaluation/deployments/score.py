"""Scores of rankings against a reference, query by query.

Blocks of queries are outermost: the reference is ranked once for each, and databases are put
together as they are searched. No N x N matrix exists.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from anonbench.config import Retrieval
from anonbench.core.progress import track
from anonbench.core.vocabulary import ORIGINAL
from anonbench.evaluation.deployments.kinds import Ranking
from anonbench.evaluation.deployments.order import AnonymizingOrder
from anonbench.evaluation.retrieval.scoring.chance import levels
from anonbench.evaluation.retrieval.scoring.engine import Engine, make_engine
from anonbench.evaluation.retrieval.scoring.metrics import COLUMNS
from anonbench.evaluation.retrieval.scoring.reference import Reference
from anonbench.evaluation.retrieval.scoring.rows import blocks_of

Units = Callable[[str, str], np.ndarray]
"""Unit vectors of all images, float32 [N, D], by adaption and method: an adapted model was adapted
to it, the unadapted one is the same for all."""

Found = tuple[Ranking, Mapping[str, np.ndarray]]
"""A ranking with its scores by name."""


@dataclass(frozen=True)
class Archive:
    """The vectors of a data set's images, by id."""

    reference: np.ndarray
    """By the reference's model, float32 [N, D']."""
    anonymized: Units
    """Of the images anonymized by the method."""
    originals: Units
    """Of the originals."""
    order: AnonymizingOrder


@dataclass(frozen=True)
class Scored:
    """What a ranking scores, of Q queries."""

    scores: np.ndarray
    """By `anonbench.evaluation.retrieval.scoring.metrics.COLUMNS`, float64 [M, Q]."""
    own_first: np.ndarray
    """Whether a query is its own image's vector in the database, bool [Q]."""
    chance: np.ndarray
    """Expected nDCG of a random ranking [Q]."""
    floor: np.ndarray
    """The same where the own image comes first [Q]."""

    def levels(self, images: int, k: int, settings: Retrieval) -> dict[str, tuple[float, float]]:
        """Return by metric what a random ranking scores, and what one without knowledge does.

        The latter finds a query's own image first wherever that has the query's vector.
        """
        share = float(self.own_first.mean())
        random, first = (levels(images, k, settings, own_first=own) for own in (False, True))
        found = {
            name: (level, (1 - share) * level + share * first[name])
            for name, level in random.items()
        }
        floor = np.where(self.own_first, self.floor, self.chance)
        return found | {"mndcg": (_mean(self.chance), _mean(floor))}


def score(
    archive: Archive,
    rankings: Sequence[Ranking],
    settings: Retrieval,
    k: int,
    queries: np.ndarray,
) -> dict[Ranking, Scored]:
    """Score rankings of the same images; those of one method should follow each other.

    Args:
        archive: the vectors.
        rankings: different ones.
        settings: of the scores, as
            `anonbench.evaluation.retrieval.scoring.metrics.effective_settings` returns them.
        k: relevant images of a query.
        queries: positions of the images that are asked with, ascending, int64 [Q].

    """
    # on a CPU: the job asks for no GPU
    engine = make_engine(settings.model_copy(update={"device": "cpu"}), k)
    reference = engine.database(archive.reference)
    groups = _by_database(rankings)
    found = {ranking: np.empty((len(COLUMNS), len(queries))) for ranking in rankings}
    chance, floor = np.empty(len(queries)), np.empty(len(queries))
    blocks = blocks_of(queries, engine.slices)
    for block, (first, *others) in track(
        [(block, group) for block in blocks for group in groups],
        len(blocks) * len(groups),
        "blocks of queries x databases",
    ):
        columns = queries[block.queries][block.fill]
        if first is groups[0][0]:
            truth = engine.reference(reference, archive.reference[columns], columns)
            chance[block.queries] = truth.chance[block.rows]
            floor[block.queries] = truth.floor[block.rows]
        step = _Step(engine, truth, archive, columns)
        for ranking, scores in step.scored([first, *others]):
            found[ranking][:, block.queries] = [scores[name][block.rows] for name in COLUMNS]
    return {
        ranking: Scored(scores, _own_first(archive, ranking, queries), chance, floor)
        for ranking, scores in found.items()
    }


@dataclass(frozen=True)
class _Step:
    """One block of queries."""

    engine: Engine
    truth: Reference
    archive: Archive
    columns: np.ndarray

    def scored(self, group: Sequence[Ranking]) -> Iterator[Found]:
        """Give the scores of rankings of one database."""
        searched = self.engine.database(_database(self.archive, group[0]))
        asked = [_queries(self.archive, each, self.columns) for each in group]
        found = self.engine.score(self.truth, searched, asked, self.columns)
        yield from zip(group, found, strict=True)


def _by_database(rankings: Sequence[Ranking]) -> list[list[Ranking]]:
    """Return the rankings in groups that search the same database."""
    groups: dict[tuple[str, int, str], list[Ranking]] = {}
    for ranking in rankings:
        groups.setdefault(ranking.database, []).append(ranking)
    return list(groups.values())


def _database(archive: Archive, ranking: Ranking) -> np.ndarray:
    """Return the vectors that are searched, float32 [N, D]."""
    if not ranking.share:
        return archive.originals(ranking.adaption, ranking.method)
    anonymized = archive.anonymized(ranking.adaption, ranking.method)
    if ranking.share == 100:
        return anonymized
    hidden = archive.order.anonymized(ranking.share)
    originals = archive.originals(ranking.adaption, ranking.method)
    return np.where(hidden[:, None], anonymized, originals)


def _queries(archive: Archive, ranking: Ranking, columns: np.ndarray) -> np.ndarray:
    """Return a ranking's queries as its model embeds them, float32 [rows, D]."""
    if ranking.query_method == ORIGINAL:
        return np.asarray(archive.originals(ranking.adaption, ranking.method)[columns])
    return np.asarray(archive.anonymized(ranking.adaption, ranking.query_method)[columns])


def _own_first(archive: Archive, ranking: Ranking, queries: np.ndarray) -> np.ndarray:
    hidden = archive.order.anonymized(ranking.share)[queries]
    if ranking.query_method == ORIGINAL:
        return np.asarray(~hidden)
    return np.asarray(hidden & (ranking.query_method == ranking.method))


def _mean(values: np.ndarray) -> float:
    defined = values[~np.isnan(values)]
    return float(defined.mean()) if len(defined) else float("nan")
