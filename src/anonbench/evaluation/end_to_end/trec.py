"""Rankings and relevance judgments in TREC's formats, for evaluation tools that read them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TextIO
from urllib.parse import quote

import numpy as np

from anonbench.config import Retrieval
from anonbench.core.io import atomic
from anonbench.core.numeric.frames import SharedScale, shared_scale
from anonbench.core.vocabulary import QueryKind, Variant
from anonbench.embedding.store import Embeddings
from anonbench.evaluation.retrieval.neighbours import ranked

DEPTH = 1000
"""Results of a query that are written, as usual at TREC."""
QRELS = "originals.qrels"


def write_runs(
    vectors: Mapping[Variant, Embeddings],
    k: int,
    settings: Retrieval,
    folder: Path,
    depth: int = DEPTH,
) -> list[Path]:
    """Write one run for each variant and query kind, and the judgments that all share.

    A run has a line `query Q0 image rank similarity anonbench` for each result, most similar first;
    ties are broken by id, and equal similarities are written a last digit apart, because tools sort
    by them. The judgments have a line `query 0 image 1` for each of the first k images of the
    originals' ranking. Ids are percent-encoded, since fields are separated by spaces.

    Args:
        vectors: of the originals and of each variant.
        k: relevant images of a query.
        settings: whether a query's own image counts.
        folder: made where it is missing.
        depth: results of each query, at most.

    """
    folder.mkdir(parents=True, exist_ok=True)
    originals = vectors[Variant()]
    names = [quote(image_id, safe="/") for image_id in originals.ids]
    frame = shared_scale(originals.similarity, lambda: [originals.values])
    units = {variant: frame.rows(each.values) for variant, each in vectors.items()}
    written = [folder / QRELS]
    with atomic(written[0]) as temporary, temporary.open("w", encoding="utf-8") as file:
        ranked = _ranked(units[Variant()], units[Variant()], k, settings.include_self, frame)
        for query, (order, _) in enumerate(ranked):
            file.writelines(f"{names[query]} 0 {names[image]} 1\n" for image in sorted(order))
    for variant in vectors:
        if variant == Variant():
            continue
        for kind in QueryKind:
            asked = units[Variant() if kind is QueryKind.ORIGINAL else variant]
            written.append(folder / f"{variant}.{kind}.run")
            with atomic(written[-1]) as temporary, temporary.open("w", encoding="utf-8") as file:
                ranked = _ranked(asked, units[variant], depth, settings.include_self, frame)
                _write(file, names, ranked)
    return written


def _write(file: TextIO, names: list[str], ranked: Iterator[tuple[np.ndarray, np.ndarray]]) -> None:
    for query, (order, similarities) in enumerate(ranked):
        above = np.inf
        for rank, (image, similarity) in enumerate(zip(order, similarities, strict=True), 1):
            above = min(float(similarity), float(np.nextafter(above, -np.inf)))
            file.write(f"{names[query]} Q0 {names[image]} {rank} {above!r} anonbench\n")


def _ranked(
    queries: np.ndarray, database: np.ndarray, depth: int, include_self: bool, frame: SharedScale
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield the first positions of each query's ranking, and their similarities."""
    own = None if include_self else np.arange(len(queries))
    for orders, found in ranked(queries, database, own, frame):
        for row, order in zip(found, orders, strict=True):
            kept = order[: depth + (not include_self)]
            kept = kept[np.isfinite(row[kept])][:depth]
            yield kept, row[kept]
