"""Embeddings on disk: ours, and what anyone may bring."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass, field
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
    try:
        with h5py.File(path, "r") as file:
            values = np.asarray(file["embeddings"], dtype=np.float32)
            ids = [str(text) for text in file["ids"].asstr()[:]]
            provenance = json.loads(file.attrs.get("provenance", "{}"))
    except (OSError, KeyError, TypeError, ValueError, AttributeError) as error:
        raise InputError(
            f"{path}: not an embeddings file (HDF5 with /embeddings and /ids): {error}"
        ) from None
    if values.ndim != 2 or len(values) != len(ids):
        raise InputError(f"{path}: {values.shape} embeddings for {len(ids)} ids")
    if len(set(ids)) < len(ids):
        twice = Counter(ids).most_common(1)[0][0]
        raise InputError(f"{path}: the id {twice!r} occurs more than once")
    if not np.isfinite(values).all():
        raise InputError(f"{path}: some embeddings are not finite")
    return Embeddings(ids, values, provenance)
