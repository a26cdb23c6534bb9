"""Scores of rankings against a reference, query by query.

The outer loop is over blocks of queries: the reference is ranked once for each block, and databases
are assembled when they are searched. No N x N matrix exists.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from anonbench.config import Retrieval
from anonbench.core.vocabulary import ORIGINAL, UNADAPTED, Adaption, Model, Variant
from anonbench.evaluation.deployments.kinds import Ranking
from anonbench.evaluation.deployments.order import AnonymizingOrder
from anonbench.evaluation.retrieval.scoring.chance import levels
from anonbench.evaluation.retrieval.scoring.engine import (
    Engine,
    Rows,
    Search,
    make_engine,
    score_all,
)
from anonbench.evaluation.retrieval.vectors import Vectors


class Archive:
    """Vectors of a data set's images by model and variant, loaded on demand."""

    def __init__(
        self,
        vectors: Mapping[tuple[str, str], Vectors],
        degree: int,
        order: AnonymizingOrder,
    ) -> None:
        """Initialize from files that hold the same images.

        Args:
            vectors: by model and variant, as they are written in paths.
            degree: of the variants.
            order: in which the images are anonymized.

        """
        self._vectors, self._degree, self._order = vectors, degree, order
        self._units: dict[tuple[str, str], np.ndarray] = {}

    @property
    def methods(self) -> list[str]:
        """The methods of the variants, in the order of the files."""
        variants = [Variant.parse(variant) for _, variant in self._vectors]
        return list(dict.fromkeys(each.method for each in variants if each.method))

    @property
    def adaptions(self) -> dict[str, list[str]]:
        """The adaptions of the models that are adapted to each method."""
        models = [
            Model.parse(model) for model in dict.fromkeys(model for model, _ in self._vectors)
        ]
        return {
            method: [each.adaption.value for each in models if each.variant.method == method]
            for method in self.methods
        }

    def forget(self) -> None:
        """Free the memory of all vectors."""
        self._units.clear()

    def database(self, ranking: Ranking) -> np.ndarray:
        """Return the vectors that are searched, float32 [N, D]."""
        originals = self._images(ranking, ORIGINAL)
        if not ranking.share:
            return originals
        anonymized = self._images(ranking, ranking.method)
        hidden = self._order.anonymized(ranking.share)
        return anonymized if hidden.all() else np.where(hidden[:, None], anonymized, originals)

    def queries(self, ranking: Ranking) -> Rows:
        """Vectors of queries by their positions, embedded by the ranking's model."""
        return self._images(ranking, ranking.query_method).__getitem__

    def own_first(self, ranking: Ranking, queries: np.ndarray) -> np.ndarray:
        """Mask of queries whose own vector is in the database, bool [Q]."""
        hidden = self._order.anonymized(ranking.share)[queries]
        if ranking.query_method == ORIGINAL:
            return np.asarray(~hidden)
        return np.asarray(hidden & (ranking.query_method == ranking.method))

    def _images(self, ranking: Ranking, method: str) -> np.ndarray:
        """Vectors of all images, anonymized by a method or `original`, float32 [N, D]."""
        model = UNADAPTED
        if ranking.adaption != UNADAPTED:
            adapted_to = Variant(ranking.method, self._degree)
            model = str(Model(Adaption(ranking.adaption), adapted_to))
        key = model, ORIGINAL if method == ORIGINAL else str(Variant(method, self._degree))
        if key not in self._units:
            self._units[key] = self._vectors[key].units()
        return self._units[key]


@dataclass(frozen=True)
class Scored:
    """Scores of the queries of one ranking."""

    scores: np.ndarray
    """By `anonbench.evaluation.retrieval.scoring.metrics.COLUMNS`, float64 [M, Q]."""
    own_first: np.ndarray
    """Whether a query is its own image's vector in the database, bool [Q]."""
    chance: np.ndarray
    """Expected nDCG of a random ranking [Q]."""
    floor: np.ndarray
    """The same with the own image first [Q]."""

    def levels(
        self, images: int, k: int, settings: Retrieval
    ) -> dict[str, tuple[float | None, float | None]]:
        """Scores of a random ranking and of one without knowledge, by metric.

        The latter finds a query's own image first if the database holds the query's vector.
        """
        share = float(self.own_first.mean())
        floor = np.where(self.own_first, self.floor, self.chance)
        random = levels(images, k, settings, False, self.chance)
        first = levels(images, k, settings, True, floor)
        mixed = {
            name: (level, (1 - share) * level + share * own)
            for (name, level), own in zip(random.items(), first.values(), strict=True)
            if level is not None and own is not None
        }
        return mixed | {"mndcg": (random["mndcg"], first["mndcg"])}


def score_rankings(
    archive: Archive,
    reference: np.ndarray,
    rankings: Sequence[Ranking],
    settings: Retrieval,
    k: int,
    queries: np.ndarray,
) -> dict[Ranking, Scored]:
    """Score rankings of the same images; put rankings of one method next to each other.

    Args:
        archive: the vectors.
        reference: those of the originals by the reference's model, float32 [N, D'].
        rankings: different ones.
        settings: of the scores, as
            `anonbench.evaluation.retrieval.scoring.metrics.effective_settings` returns them.
        k: relevant images of a query.
        queries: positions of the query images, ascending, int64 [Q].

    """
    # on a CPU: the job requests no GPU
    engine = make_engine(settings.model_copy(update={"device": "cpu"}), k)
    truth = Search(engine.database(reference), [reference.__getitem__])
    groups: dict[tuple[str, int, str], list[Ranking]] = {}
    for ranking in rankings:  # one product for all that search the same database
        groups.setdefault(ranking.database, []).append(ranking)
    searches = [partial(_search, archive, engine, group) for group in groups.values()]
    chance, floor, found = score_all(engine, truth, searches, queries)
    scores = {
        ranking: of_ranking
        for group, kinds in zip(groups.values(), found, strict=True)
        for ranking, of_ranking in zip(group, kinds, strict=True)
    }
    return {
        ranking: Scored(scores[ranking], archive.own_first(ranking, queries), chance, floor)
        for ranking in rankings
    }


def _search(archive: Archive, engine: Engine, group: Sequence[Ranking]) -> Search:
    database = engine.database(archive.database(group[0]))
    return Search(database, [archive.queries(ranking) for ranking in group])
