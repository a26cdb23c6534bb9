"""Vectors of an embeddings file in id order, ready for comparison, all at once or by rows."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from anonbench.core.errors import InputError
from anonbench.core.numeric.frames import COSINE, Frame, frame_of
from anonbench.core.numeric.similarity import require_rankings
from anonbench.embedding.store import read_ids, read_rows, read_similarity

_LOG = logging.getLogger(__name__)
_ROWS = 8192
"""Vectors in memory at once while a file is looked through."""


@dataclass(frozen=True)
class Vectors:
    """Vectors of a file, which stays on disk."""

    path: Path
    ids: Sequence[str]
    """Sorted, [N]."""
    width: int
    """Dimension D."""
    digest: str
    """SHA-256 of ids and vectors; nothing else in the file counts, such as its provenance."""
    order: np.ndarray | None
    """Place of each id in the file, int64 [N]; None if the file is in id order."""
    frame: Frame = COSINE
    """How they are compared."""

    def units(
        self,
        positions: np.ndarray | None = None,
        change: Callable[[np.ndarray], np.ndarray] | None = None,
    ) -> np.ndarray:
        """Vectors at these positions of `ids` [M], or all vectors, as rows of the frame.

        Float32 [M, D] (unit vectors if they are compared by cosine), or [M, D + 2]. `change` is
        applied first.
        """
        if positions is None:
            positions = np.arange(len(self.ids))
        places = positions if self.order is None else self.order[positions]
        rows = read_rows(self.path, places)
        return self.frame.rows(rows if change is None else change(rows))


def look_through(
    path: Path, ids: Sequence[str] | None = None, frame: Frame | None = None
) -> Vectors:
    """Read a file once to check it and to compute the digest of its content.

    Args:
        path: HDF5 as `anonbench.embedding.store.write_embeddings` writes it.
        ids: the ids [N], sorted, that the file must have; None: any, and the file holds originals.
        frame: of the reference, for files that are compared in the same way; None: the file's own.

    Raises:
        InputError: the file has no embeddings, duplicate ids, other ids, or values that are not
            finite; or originals have zero vectors and are compared by cosine.

    """
    found, width = read_ids(path)
    similarity = read_similarity(path)
    order = np.array(sorted(range(len(found)), key=found.__getitem__), dtype=np.int64)
    in_order = [found[place] for place in order]
    if ids is not None and in_order != list(ids):
        raise InputError(f"{path}: {difference(set(found), set(ids))}")
    named = "" if similarity == "cosine" else f" {similarity}"
    digest = hashlib.sha256(f"{len(found)} x {width}{named}\0".encode())
    digest.update("\0".join(found).encode())
    blank = 0
    for start in range(0, len(found), _ROWS):
        rows = read_rows(path, np.arange(start, min(start + _ROWS, len(found))))
        if not np.isfinite(rows).all():
            raise InputError(f"{path}: some embeddings are not finite; embed the images again")
        if ids is None and similarity == "cosine":
            require_rankings(found[start : start + _ROWS], rows, str(path))
        blank += int((~rows.any(axis=1)).sum())
        digest.update(rows.data)
    if blank and similarity == "cosine":
        _LOG.warning("%s: %d embeddings are zero, and count as similar to nothing", path, blank)
    as_it_is = bool((order == np.arange(len(order))).all())
    kept = in_order if ids is None else ids  # one shared list for all files
    if frame is None or similarity != frame.similarity:
        frame = _frame(path, similarity, len(found))
    return Vectors(path, kept, width, digest.hexdigest(), None if as_it_is else order, frame)


def _frame(path: Path, similarity: str, count: int) -> Frame:
    def parts() -> Iterator[np.ndarray]:
        for start in range(0, count, _ROWS):
            yield read_rows(path, np.arange(start, min(start + _ROWS, count)))

    try:
        return frame_of(similarity, parts)
    except ValueError as error:
        raise InputError(f"{path}: {error}; it is cosine, inner or euclidean") from None


def difference(given: set[str], expected: set[str]) -> str:
    """Text that describes how ids differ from those of the reference."""
    parts = [
        f"{len(ids)} ids {verb}, such as {min(ids)!r}"
        for ids, verb in (
            (given - expected, "are not in the reference"),
            (expected - given, "of the reference are missing"),
        )
        if ids
    ]
    return "; ".join(parts) + "; embed the same images for all"
