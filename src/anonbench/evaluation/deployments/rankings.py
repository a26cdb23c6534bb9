"""Deployments of a data set: rankings of archives that no scenario has, and their scores.

A scenario has one model and one variant: its database is anonymized as a whole, and one model
embeds database and queries. Real archives are searched in other ways. Deployments represent these,
using only embeddings that the scenarios already have.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd

from anonbench.config import Retrieval
from anonbench.core.errors import InputError
from anonbench.core.numeric.frames import COSINE, SharedScale
from anonbench.core.numeric.seeding import hash_ints
from anonbench.core.vocabulary import (
    ORIGINAL,
    UNADAPTED,
    Adaption,
    DeploymentKind,
    Model,
    QueryKind,
    Variant,
)
from anonbench.evaluation.retrieval.scoring.chance import levels
from anonbench.evaluation.retrieval.scoring.engine import (
    Engine,
    Rows,
    Search,
    score_all,
)
from anonbench.evaluation.retrieval.vectors import Vectors


@dataclass(frozen=True)
class Ranking:
    """A database and the queries that search it."""

    method: str
    """By which images of the database are anonymized."""
    share: int = 100
    """Percent of them that are."""
    adaption: str = UNADAPTED
    """Of the model that embedded the database and the queries; it is adapted to `method`."""
    query_method: str = ORIGINAL
    """By which queries are anonymized; `original` for original queries."""

    @property
    def query(self) -> QueryKind:
        """The query kind."""
        return QueryKind.ORIGINAL if self.query_method == ORIGINAL else QueryKind.ANONYMIZED

    @property
    def database(self) -> tuple[str, int, str]:
        """Key of the database; equal for rankings that differ only in their queries."""
        return self.method, self.share, self.adaption


CEILING = Ranking(ORIGINAL, share=0)
"""Original queries and images by the unadapted model: the reference's ranking, and by a second
reference the ceiling."""


@dataclass(frozen=True)
class Deployment:
    """A ranking and the ranking that it is compared with."""

    kind: DeploymentKind
    ranking: Ranking
    base: Ranking | None
    """What one would have without it; None for the start of a curve."""


def deployments(
    kinds: Sequence[DeploymentKind],
    shares: Sequence[int],
    adaptions: Mapping[str, Sequence[str]],
) -> list[Deployment]:
    """Return the deployments of a data set.

    Args:
        kinds: which are wanted, in this order.
        shares: percent of the images that a mixed database has anonymized; 0 and 100 are added.
        adaptions: of the models that are adapted to each method of the data set.

    """
    make = {
        DeploymentKind.MIXED: lambda: _mixed(sorted({0, *shares, 100}), adaptions),
        DeploymentKind.KEPT: lambda: _kept(list(adaptions)),
        DeploymentKind.QUERY_METHOD: lambda: _query_methods(list(adaptions)),
    }
    return [Deployment(kind, *pair) for kind in kinds for pair in make[kind]()]


Pair = tuple[Ranking, Ranking | None]


def _mixed(shares: Sequence[int], adaptions: Mapping[str, Sequence[str]]) -> Iterator[Pair]:
    """Yield mixed databases with originals only as baseline: same model, same queries."""
    for method, names in adaptions.items():
        for adaption in (UNADAPTED, *names):
            for query in (ORIGINAL, method):
                start = Ranking(method, 0, adaption, query)
                for share in shares:
                    yield replace(start, share=share), start if share else None


def _kept(methods: Sequence[str]) -> Iterator[Pair]:
    """Yield databases that keep the originals' vectors; baseline: images embedded again."""
    for method in methods:
        again = Ranking(method, query_method=method)
        yield replace(again, share=0), again


def _query_methods(methods: Sequence[str]) -> Iterator[Pair]:
    """Yield queries of another method; baseline: queries anonymized as the database is."""
    for method in methods:
        for other in methods:
            if other != method:
                same = Ranking(method, query_method=method)
                yield replace(same, query_method=other), same


class Archive:
    """Vectors of a data set's images by model and variant, loaded on demand."""

    def __init__(
        self,
        vectors: Mapping[tuple[str, str], Vectors],
        degree: int,
        order: AnonymizingOrder,
        frame: SharedScale = COSINE,
    ) -> None:
        """Initialize from files that hold the same images.

        Args:
            vectors: by model and variant, as they are written in paths.
            degree: of the variants.
            order: in which the images are anonymized.
            frame: of all vectors.

        """
        self._vectors, self._degree, self._order = vectors, degree, order
        self.frame = frame
        self._units: dict[tuple[str, str], np.ndarray] = {}

    @property
    def adaptions(self) -> dict[str, list[str]]:
        """The adaptions of the models that are adapted to each method, in the files' order."""
        variants = [Variant.parse(variant) for _, variant in self._vectors]
        models = list(map(Model.parse, dict.fromkeys(model for model, _ in self._vectors)))
        return {
            each.method: [m.adaption.value for m in models if m.variant.method == each.method]
            for each in variants
            if each.method
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
        """Mask of queries whose own vector is in the database and comes first, bool [Q]."""
        if self.frame.similarity == "inner":  # longer vectors may come before it
            return np.zeros(len(queries), dtype=bool)
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
    """Whether a query is its own image's vector in the database and finds it first, bool [Q]."""
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
    frame: SharedScale = COSINE,
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
        frame: of the reference's vectors.

    """
    # on a CPU: the job requests no GPU
    engine = Engine(settings, k)
    truth = Search(engine.database(reference, frame), [reference.__getitem__])
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
    database = engine.database(archive.database(group[0]), archive.frame)
    return Search(database, [archive.queries(ranking) for ranking in group])


class AnonymizingOrder:
    """Order in which the images of an archive are anonymized.

    The images of a cluster (a person, a case) are anonymized together, when the first of them is
    due. A larger share anonymizes the images of a smaller share and more.
    """

    def __init__(
        self, ids: Sequence[str], clusters: np.ndarray, values: pd.Series | None, *seed: object
    ) -> None:
        """Order the clusters by a label, lowest first, or at random.

        Args:
            ids: of the images, sorted [N].
            clusters: label of each image's cluster [N].
            values: label of each image [N], such as its year: compared as numbers if all are
                numbers, else as text. Clusters without a label come last; clusters with equal
                labels are ordered at random. None: all clusters are ordered at random.
            seed: what the random order depends on, with the ids.

        """
        table = pd.DataFrame({"cluster": clusters, "id": np.asarray(ids, dtype=object)})
        table["value"] = 0.0 if values is None else _ranks(values).to_numpy()
        # a cluster's number depends on the other images of the data set, its first id does not
        found = table.groupby("cluster").agg(
            id=("id", "min"), value=("value", "min"), images=("id", "size")
        )
        found["draw"] = hash_ints(("anonymized first", *seed), found["id"])
        found = found.sort_values(["value", "draw", "id"])
        self._ends = np.append(0, found["images"].cumsum().to_numpy())
        places = pd.Series(np.arange(len(found)), index=found.index)
        self._places = places.loc[clusters].to_numpy()

    def anonymized(self, share: int) -> np.ndarray:
        """Mask of anonymized images, bool [N]: whole clusters, as close to the share as possible.

        Args:
            share: percent of the images.

        """
        images = int(self._ends[-1])
        count = int(np.argmin(np.abs(100 * self._ends - share * images)))
        return np.asarray(self._places < count)


def read_labels(dataset: str, manifest: Path, column: str) -> pd.Series:
    """Read a label for each image, by id.

    Raises:
        InputError: the manifest has no such column.

    """
    found = pd.read_parquet(manifest).set_index("id")
    if column not in found:
        raise InputError(
            f"datasets.{dataset}.anonymized_first: the manifest has no column {column!r}; it has "
            f"{', '.join(map(str, found.columns))}"
        )
    return found[column]


def _ranks(values: pd.Series) -> pd.Series:
    """Sortable ranks of values, float64; missing values come last."""
    known = values.notna() & (values.astype("str").str.strip() != "")
    numbers = pd.to_numeric(values.where(known), errors="coerce")
    if numbers[known].isna().any():
        text = values.astype("str").str.strip()
        numbers = text.where(known).rank(method="dense")
    return numbers.astype(np.float64).fillna(np.inf)
