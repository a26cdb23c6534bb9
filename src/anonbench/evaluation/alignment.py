"""Alignment of reference, queries and database of one evaluation, with checks that they fit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from anonbench.core.errors import InputError
from anonbench.datasets.given import copies_of
from anonbench.embedding.formats import checked, read
from anonbench.embedding.store import Embeddings, read_provenance

Source = str | Path | Embeddings | tuple[Sequence[Any] | np.ndarray, np.ndarray]
"""A file (HDF5, NPY or Parquet), embeddings in memory, or ids [N] and vectors [N, D]."""


@dataclass(frozen=True)
class GivenEmbeddings:
    """Embeddings with the name that error messages use for them."""

    embeddings: Embeddings
    name: str

    @classmethod
    def of(cls, given: Source, name: str) -> GivenEmbeddings:
        """Read and check embeddings; raise InputError where they cannot be used."""
        if isinstance(given, str | Path):
            return cls(read(Path(given)), str(given))
        if isinstance(given, Embeddings):
            found = checked(given.ids, given.values, name)
            return cls(replace(found, provenance=given.provenance), name)
        if isinstance(given, tuple) and len(given) == 2:
            return cls(checked(given[0], given[1], name), name)
        raise InputError(
            f"{name}: is {type(given).__name__}; give a path, Embeddings, or a pair (ids, vectors)"
        )

    def ids(self) -> set[str]:
        """Return the ids."""
        return set(self.embeddings.ids)

    def width(self) -> int:
        """Return the dimension D."""
        return int(self.embeddings.values.shape[1])


def matched(
    reference: GivenEmbeddings, queries: GivenEmbeddings, database: GivenEmbeddings, common: bool
) -> tuple[Embeddings, Embeddings, Embeddings]:
    """Align reference, queries and database by the reference's ids.

    An id that is a file's name is matched to its original (`anonbench.datasets.given.copies_of`).

    Args:
        reference: of the original images.
        queries: of some or all of the images.
        database: of the same images as the reference.
        common: drop ids that do not match, instead of refusing them.

    Raises:
        InputError: ids or dimensions do not fit; the message counts them and names one.
    """
    queries, database = _renamed(queries, reference), _renamed(database, reference)
    if queries.width() != database.width():
        raise InputError(
            f"{queries.name} has {queries.width()} dimensions, {database.name} "
            f"{database.width()}: embed both with the same system (the reference may be another's)"
        )
    original, in_database, in_queries = reference.ids(), database.ids(), queries.ids()
    both = original & in_database
    if common:
        if not both & in_queries:
            *first, last = dict.fromkeys([reference.name, queries.name, database.name])
            raise InputError(
                f"{', '.join(first)} and {last} have no id in common; give each image the same id "
                "in all of them"
            )
        return _kept(reference, both), _kept(queries, both), _kept(database, both)
    findings = [
        f"{len(ids)} ids of {name} are not in {other}, such as {min(ids)!r}"
        for ids, name, other in (
            (original - in_database, reference.name, database.name),
            (in_database - original, database.name, reference.name),
            (in_queries - original - in_database, queries.name, database.name),
        )
        if ids
    ]
    if findings:
        raise InputError(
            "; ".join(findings) + "; embed the same images for all, or score only those that all "
            "have (--common, in Python common=True)"
        )
    return reference.embeddings, queries.embeddings, database.embeddings


def provenance(given: Source) -> Mapping[str, object]:
    """Provenance of embeddings; of files, only HDF5 has one."""
    if isinstance(given, Embeddings):
        return given.provenance
    is_hdf5 = isinstance(given, str | Path) and Path(given).suffix in (".h5", ".hdf5")
    return read_provenance(Path(str(given))) if is_hdf5 else {}


def system_of(provenance: Mapping[str, object]) -> str:
    """Return the digest of the system that made vectors, as the workflow or `embed` wrote it."""
    return str(provenance.get("model") or provenance.get("system") or "")


def _renamed(given: GivenEmbeddings, reference: GivenEmbeddings) -> GivenEmbeddings:
    """Rename ids to the reference's where both denote the same image."""
    if given.ids() <= reference.ids():
        return given
    originals = reference.embeddings.ids
    found = copies_of(originals, originals, given.embeddings.ids, given.name)
    names = {copy: own for own, copy in zip(originals, found, strict=True) if copy}
    own = given.embeddings
    ids = [names.get(name, name) for name in own.ids]
    return GivenEmbeddings(Embeddings(ids, own.values, own.provenance), given.name)


def _kept(source: GivenEmbeddings, ids: set[str]) -> Embeddings:
    rows = [row for row, name in enumerate(source.embeddings.ids) if name in ids]
    return rows_of(source.embeddings, np.asarray(rows, dtype=np.int64))


def rows_of(embeddings: Embeddings, rows: np.ndarray) -> Embeddings:
    """Select embeddings by row numbers [M], ascending."""
    if len(rows) == len(embeddings.ids):  # all of them, in order: nothing to copy
        return embeddings
    ids = [embeddings.ids[row] for row in rows]
    return Embeddings(ids, embeddings.values[rows], embeddings.provenance)
