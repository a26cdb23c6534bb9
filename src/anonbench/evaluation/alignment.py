"""Alignment of reference, queries and database of one evaluation, with checks that they fit."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from anonbench.core.errors import InputError
from anonbench.datasets.given import copies_of
from anonbench.embedding.formats import checked, read
from anonbench.embedding.store import Embeddings, read_provenance

Source = str | Path | Embeddings | tuple[Sequence[Any] | np.ndarray, np.ndarray]
"""A file (HDF5, NPY or Parquet), embeddings in memory, or ids [N] and vectors [N, D]."""
Named = tuple[str, Embeddings]  # embeddings with the name that error messages use for them


def named(given: Source, name: str) -> Named:
    """Read and check embeddings; raise InputError where they cannot be used."""
    if isinstance(given, str | Path):
        return str(given), read(Path(given))
    if isinstance(given, Embeddings):
        return name, replace(checked(given.ids, given.values, name), provenance=given.provenance)
    if isinstance(given, tuple) and len(given) == 2:
        return name, checked(*given, name)
    raise InputError(
        f"{name}: is {type(given).__name__}; give a path, Embeddings, or a pair (ids, vectors)"
    )


def matched(
    reference: Named, queries: Named, database: Named, common: bool
) -> tuple[Embeddings, Embeddings, Embeddings]:
    """Align reference, queries and database by the reference's ids.

    An id that is a file's name is matched to its original (`anonbench.datasets.given.copies_of`).
    The database has the reference's images, queries are of some or all of them. `common` drops ids
    that do not match, instead of refusing them. Raises InputError if ids or dimensions do not fit;
    the message counts them and names one.
    """
    (of_truth, truth), (of_queries, _), (of_database, _) = reference, queries, database
    asked, searched = (_renamed(each, truth.ids) for each in (queries, database))
    widths = asked.values.shape[1], searched.values.shape[1]
    if widths[0] != widths[1]:
        raise InputError(
            f"{of_queries} has {widths[0]} dimensions, {of_database} {widths[1]}: embed both with "
            "the same system (the reference may be another's)"
        )
    original, in_queries, in_database = (set(each.ids) for each in (truth, asked, searched))
    if common:
        both = original & in_database
        if not both & in_queries:
            *first, last = dict.fromkeys([of_truth, of_queries, of_database])
            raise InputError(
                f"{', '.join(first)} and {last} have no id in common; give each image the same id "
                "in all of them"
            )
        return _kept(truth, both), _kept(asked, both), _kept(searched, both)
    findings = [
        f"{len(ids)} ids of {name} are not in {other}, such as {min(ids)!r}"
        for ids, name, other in (
            (original - in_database, of_truth, of_database),
            (in_database - original, of_database, of_truth),
            (in_queries - original - in_database, of_queries, of_database),
        )
        if ids
    ]
    if findings:
        hint = "embed the same images for all, or score only those that all have"
        raise InputError("; ".join([*findings, f"{hint} (--common, in Python common=True)"]))
    return truth, asked, searched


def provenance(given: Source) -> Mapping[str, object]:
    """Provenance of embeddings; of files, only HDF5 has one."""
    if isinstance(given, Embeddings):
        return given.provenance
    is_hdf5 = isinstance(given, str | Path) and Path(given).suffix in (".h5", ".hdf5")
    return read_provenance(Path(str(given))) if is_hdf5 else {}


def require_unmapped(provenance: Mapping[str, object], name: str) -> None:
    """Refuse vectors that a map has moved: a map is learned from, and made for, unmoved ones."""
    if provenance.get("mapped"):
        raise InputError(
            f"{name}: moved by a map already; give the vectors as the system made them"
        )


def system_of(provenance: Mapping[str, object]) -> str:
    """Digest of the system that made vectors, as the workflow or `embed` wrote it."""
    return str(provenance.get("model") or provenance.get("system") or "")


def _renamed(given: Named, originals: Sequence[str]) -> Embeddings:
    """Rename ids to the originals' where both denote the same image."""
    name, own = given
    if set(own.ids) <= set(originals):
        return own
    copies = copies_of(originals, originals, own.ids, name)
    names = {copy: original for original, copy in zip(originals, copies, strict=True) if copy}
    return replace(own, ids=[names.get(each, each) for each in own.ids])


def _kept(source: Embeddings, ids: set[str]) -> Embeddings:
    return rows_of(source, np.flatnonzero([name in ids for name in source.ids]))


def rows_of(embeddings: Embeddings, rows: np.ndarray) -> Embeddings:
    """Select embeddings by row numbers [M], ascending."""
    if len(rows) == len(embeddings.ids):  # all of them, in order: nothing to copy
        return embeddings
    ids = [embeddings.ids[row] for row in rows]
    return Embeddings(ids, embeddings.values[rows], embeddings.provenance)
