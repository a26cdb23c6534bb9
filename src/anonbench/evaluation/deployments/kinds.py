"""Deployments of a data set, and the rankings that they are scored by.

A scenario has one model and one variant: its database is anonymized as a whole, and one model
embeds database and queries. Real archives are searched in other ways. Deployments represent these,
using only embeddings that the scenarios already have.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from anonbench.core.vocabulary import ORIGINAL, UNADAPTED, DeploymentKind, QueryKind


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
    methods: Sequence[str],
    adaptions: Mapping[str, Sequence[str]],
) -> list[Deployment]:
    """Return the deployments of a data set.

    Args:
        kinds: which are wanted, in this order.
        shares: percent of the images that a mixed database has anonymized; 0 and 100 are added.
        methods: of the data set.
        adaptions: of the models that are adapted to each.

    """
    make = {
        DeploymentKind.MIXED: lambda: _mixed(sorted({0, *shares, 100}), methods, adaptions),
        DeploymentKind.KEPT: lambda: _kept(methods),
        DeploymentKind.QUERY_METHOD: lambda: _query_methods(methods),
    }
    return [Deployment(kind, *pair) for kind in kinds for pair in make[kind]()]


Pair = tuple[Ranking, Ranking | None]


def _mixed(
    shares: Sequence[int], methods: Sequence[str], adaptions: Mapping[str, Sequence[str]]
) -> Iterator[Pair]:
    """Yield mixed databases with originals only as baseline: same model, same queries."""
    for method in methods:
        for adaption in (UNADAPTED, *adaptions[method]):
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
