"""Data of the report's retrieval explorer: a few queries in every scenario.

It contains nothing of originals unless they may be shown: pictures come from
`anonbench.reporting.images.shown`, and numbers replace ids and labels, which may be names of files
and people.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from anonbench.config import Retrieval
from anonbench.core.vocabulary import ORIGINAL, QueryKind, Variant
from anonbench.datasets.image_sets.neutral_names import Names
from anonbench.embedding.store import Embeddings, read_ids
from anonbench.evaluation.retrieval.neighbours import Rankings, draw_queries, rank, read_some
from anonbench.evaluation.retrieval.scoring import metrics
from anonbench.reporting.images.thumbnails import EDGES, Thumbnails, example

if TYPE_CHECKING:
    from anonbench.reporting.figures.examples import Images

THUMBNAIL_BYTES = 1_200_000
"""Total bytes of a data set's pictures, as embedded in the page."""


Called = Callable[[Sequence[str]], tuple[list[str], list[str] | None]]
"""Function from ids to the display names of images and, if there are any, of their classes."""


@dataclass(frozen=True)
class ScenarioEmbeddings:
    """A scenario's embeddings (HDF5)."""

    adaption: str
    """`unadapted`, `control`, `A`, `B`, `C`, `pixels` or `untrained`."""
    variant: Variant
    originals: Path
    """Embeddings of the original images (original queries)."""
    images: Path
    """Embeddings of the variant's images (anonymized queries and the database)."""


@dataclass(frozen=True)
class _List:
    """A scenario's results for one query: positions, similarities, ranks in the reference."""

    positions: tuple[int, ...]
    similarities: tuple[float, ...]
    ranks: tuple[int, ...]


def explore(
    dataset: str,
    reference: Path,
    scenarios: Sequence[ScenarioEmbeddings],
    images: Mapping[str, Images],
    called: Called,
    settings: Retrieval,
    queries: int,
    results: int,
    thumbnail_bytes: int = THUMBNAIL_BYTES,
) -> dict[str, Any]:
    """First results of a few queries in the reference and in every scenario.

    Args:
        dataset: name of the data set.
        reference: embeddings of the originals by the unadapted model (HDF5).
        scenarios: scenarios that are compared with it.
        images: image set of the pictures, by method; with `original` among them, originals are
            shown.
        called: display names of images and classes.
        settings: section `retrieval` of the config.
        queries: number of queries drawn; fewer are kept if their pictures need too many bytes.
        results: number of first results of each ranking.
        thumbnail_bytes: byte limit of the pictures.

    Returns:
        What `explorer.js` reads, plain data: `names`, `labels` and `thumbnails` by image number;
        `queries` with the reference's results; `scenarios` with theirs, a list a query; `examples`,
        one image by each method, if there is one that may be shown for all.

    Raises:
        InputError: embeddings do not agree with the reference's, see `rank`.
    """
    ids = sorted(read_ids(reference)[0])
    settings = metrics.effective_settings(len(ids), settings)
    drawn = draw_queries(ids, queries)
    truth = rank(read_some(reference, drawn), reference, ids, settings.include_self)
    ranks = [truth.ranks(query) for query in range(len(drawn))]
    wanted = [_lists(truth, ranks, results)]
    keys: list[tuple[ScenarioEmbeddings, str]] = []
    for scenario in scenarios:
        for kind, lists in _answers(scenario, drawn, ids, ranks, settings, results).items():
            wanted.append(lists)
            keys.append((scenario, kind))

    place = {image_id: position for position, image_id in enumerate(ids)}
    positions = [place[image_id] for image_id in drawn]
    named = {method: Thumbnails(given.read) for method, given in images.items()}
    shown = _shown(keys, wanted, positions, list(named))
    kept, edge = _fit(shown, named, ids, thumbnail_bytes)
    shown = shown[:kept]
    numbers = sorted({p for groups in shown for group in groups.values() for p in group})
    number_of = {position: number for number, position in enumerate(numbers)}
    names, labels = called([ids[p] for p in numbers])
    return {
        "dataset": dataset,
        "images": len(ids),
        "k": metrics.cutoff(len(ids), settings),
        "originals": ORIGINAL in images,
        "examples": _examples(images, drawn),
        "drawn": len(drawn),
        "names": names,
        "labels": labels,
        "queries": [
            {"image": number_of[positions[query]], **_plain(wanted[0][query], number_of)}
            for query in range(kept)
        ],
        "scenarios": [
            {
                "method": scenario.variant.method or ORIGINAL,
                "degree": scenario.variant.degree,
                "adaption": scenario.adaption,
                "query": kind,
                "results": [_plain(answer, number_of) for answer in lists[:kept]],
            }
            for (scenario, kind), lists in zip(keys, wanted[1:], strict=True)
        ],
        "thumbnails": {
            method: _sources(thumbnails, _of_method(shown, method), numbers, ids, edge)
            for method, thumbnails in named.items()
        },
    }


def _examples(images: Mapping[str, Images], drawn: Sequence[str]) -> dict[str, dict[str, Any]]:
    """First query that may be shown for every method, by method; otherwise empty."""
    for image_id in drawn:
        if all(image_id in given for given in images.values()):
            return {method: example(given.read(image_id)) for method, given in images.items()}
    return {}


def called(manifest: Path, label: str | None, show_originals: bool) -> Called:
    """Function that gives the display names of images and classes.

    Args:
        manifest: manifest of the data set.
        label: column of classes; None if there are none.
        show_originals: whether to use ids, and labels with the column's name (``class: letter``);
            otherwise neutral names (``000012``, ``class 3``).

    Raises:
        InputError: the manifest does not exist.
    """
    table = pd.read_parquet(manifest, columns=["id"] if label is None else ["id", label])
    names = Names.of(manifest, label)

    def call(ids: Sequence[str]) -> tuple[list[str], list[str] | None]:
        rows = table[table["id"].isin(ids)].set_index("id").loc[list(ids)].reset_index()
        shown = rows["id"] if show_originals else names.images(rows["id"], manifest)
        if label is None:
            return shown.tolist(), None
        if show_originals:
            return shown.tolist(), [f"{label}: {value}" for value in rows[label]]
        return shown.tolist(), names.classes(rows[label], manifest).tolist()

    return call


def _answers(
    scenario: ScenarioEmbeddings,
    drawn: list[str],
    ids: Sequence[str],
    ranks: Sequence[np.ndarray],
    settings: Retrieval,
    results: int,
) -> dict[str, list[_List]]:
    """A scenario's results for each query, by query kind; on originals there is one kind."""
    sources = {QueryKind.ORIGINAL: scenario.originals, QueryKind.ANONYMIZED: scenario.images}
    if scenario.variant.method is None:
        del sources[QueryKind.ANONYMIZED]
    values = np.concatenate([read_some(path, drawn).values for path in sources.values()])
    asked = Embeddings(drawn * len(sources), values)  # all kinds at once: database read once
    found = rank(asked, scenario.images, ids, settings.include_self)
    lists = _lists(found, [*ranks] * len(sources), results)
    return {
        kind.value: lists[place * len(drawn) : (place + 1) * len(drawn)]
        for place, kind in enumerate(sources)
    }


def _lists(found: Rankings, ranks: Sequence[np.ndarray], results: int) -> list[_List]:
    lists = []
    for query, reference in enumerate(ranks):
        positions = found.first(query, results)
        lists.append(
            _List(
                tuple(int(p) for p in positions),
                tuple(round(float(s), 4) for s in found.similarities[query, positions]),
                tuple(int(r) for r in reference[positions]),
            )
        )
    return lists


def _plain(answer: _List, number: Mapping[int, int]) -> dict[str, Any]:
    return {
        "images": [number[position] for position in answer.positions],
        "similarities": list(answer.similarities),
        "ranks": list(answer.ranks),
    }


def _shown(
    keys: Sequence[tuple[ScenarioEmbeddings, str]],
    wanted: Sequence[Sequence[_List]],
    positions: Sequence[int],
    methods: Sequence[str],
) -> list[dict[str, set[int]]]:
    """Positions shown as each kind of picture, for each query.

    The query and the reference's results are shown as originals if these may be shown, otherwise as
    every kind.
    """
    beside = [ORIGINAL] if ORIGINAL in methods else list(methods)
    shown = []
    for query, position in enumerate(positions):
        groups: dict[str, set[int]] = {method: set() for method in methods}
        for method in beside:
            groups[method] |= {position, *wanted[0][query].positions}
        for (scenario, _), lists in zip(keys, wanted[1:], strict=True):
            own_method = scenario.variant.method
            for kind in [own_method] if own_method else beside:
                groups[kind] |= {position, *lists[query].positions}
        shown.append(groups)
    return shown


def _of_method(shown: Iterable[Mapping[str, set[int]]], method: str) -> set[int]:
    return set().union(*(groups[method] for groups in shown))


def _fit(
    shown: Sequence[Mapping[str, set[int]]],
    named: Mapping[str, Thumbnails],
    ids: Sequence[str],
    room: int,
) -> tuple[int, int]:
    """Number of queries to keep (at least one), and the edge of their pictures."""

    def size(kept: int, edge: int) -> int:
        return sum(
            thumbnails.size((ids[p] for p in _of_method(shown[:kept], method)), edge)
            for method, thumbnails in named.items()
        )

    for edge in EDGES:
        if size(len(shown), edge) <= room:
            return len(shown), edge
    kept = len(shown)
    while kept > 1 and size(kept, EDGES[-1]) > room:
        kept -= 1
    return kept, EDGES[-1]


def _sources(
    thumbnails: Thumbnails,
    positions: set[int],
    numbers: Sequence[int],
    ids: Sequence[str],
    edge: int,
) -> list[str | None]:
    return [thumbnails.source(ids[p], edge) if p in positions else None for p in numbers]
