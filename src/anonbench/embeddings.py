"""Embeddings on disk: ours, and what anyone may bring."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from anonbench.errors import InputError
from anonbench.files import atomic


@dataclass(frozen=True)
class Embeddings:
    """One vector an image; not normalized."""

    ids: list[str]
    values: np.ndarray
    """float32 [N, D]."""
    provenance: dict[str, Any] = field(default_factory=dict)


def write_embeddings(path: Path, embeddings: Embeddings) -> None:
    """Write HDF5 with `/embeddings` [N, D], `/ids` [N] and the attribute `provenance` (JSON)."""
    if len(embeddings.ids) != len(embeddings.values):
        raise ValueError(f"{len(embeddings.ids)} ids for {len(embeddings.values)} vectors")
    with atomic(path) as temporary, h5py.File(temporary, "w", track_order=False) as file:
        values = np.ascontiguousarray(embeddings.values, dtype=np.float32)
        file.create_dataset("embeddings", data=values, track_times=False)
        file.create_dataset(
            "ids", data=embeddings.ids, dtype=h5py.string_dtype("utf-8"), track_times=False
        )
        file.attrs["provenance"] = json.dumps(embeddings.provenance, sort_keys=True)


def read_embeddings(path: Path) -> Embeddings:
    """Read embeddings.

    Raises:
        InputError: the file is no HDF5, lacks a data set, names an id twice, or holds values that
            are not finite.

    """
    with _opened(path) as file:
        values = np.asarray(file["embeddings"], dtype=np.float32)
        ids = [str(text) for text in file["ids"].asstr()[:]]
        provenance = json.loads(file.attrs.get("provenance", "{}"))
    _check_shape(path, values.shape, ids)
    if not np.isfinite(values).all():
        raise InputError(f"{path}: some embeddings are not finite")
    return Embeddings(ids, values, provenance)


def read_ids(path: Path) -> tuple[list[str], int]:
    """Return the ids [N] of embeddings, in the file's order, and the dimension D.

    Raises:
        InputError: the file is no HDF5, lacks a data set, or names an id twice.

    """
    with _opened(path) as file:
        ids = [str(text) for text in file["ids"].asstr()[:]]
        shape = file["embeddings"].shape
    _check_shape(path, shape, ids)
    return ids, shape[1]


def read_rows(path: Path, rows: np.ndarray) -> np.ndarray:
    """Return some embeddings of a file, float32 [M, D]; `rows` are their places, int64 [M].

    Neighbours are read at once: fast for places that ascend, whatever the file's size.

    Raises:
        InputError: the file is no HDF5 or lacks a data set.

    """
    with _opened(path) as file:
        values = file["embeddings"]
        found = np.empty((len(rows), values.shape[1]), dtype=np.float32)
        breaks = np.flatnonzero(np.diff(rows) != 1) + 1
        for start, stop in pairwise([0, *breaks.tolist(), len(rows)]):
            if start < stop:
                found[start:stop] = values[rows[start] : rows[stop - 1] + 1]
    return found


@contextmanager
def _opened(path: Path) -> Iterator[h5py.File]:
    try:
        with h5py.File(path, "r") as file:
            yield file
    except (OSError, KeyError, TypeError, ValueError, AttributeError) as error:
        raise InputError(
            f"{path}: not an embeddings file (HDF5 with /embeddings and /ids): {error}"
        ) from None


def _check_shape(path: Path, shape: tuple[int, ...], ids: list[str]) -> None:
    if len(shape) != 2 or shape[0] != len(ids):
        raise InputError(f"{path}: {shape} embeddings for {len(ids)} ids")
    if len(set(ids)) < len(ids):
        twice = Counter(ids).most_common(1)[0][0]
        raise InputError(f"{path}: the id {twice!r} occurs more than once")
