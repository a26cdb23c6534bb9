"""HDF5 files of embeddings, checked against their stored size before they are read.

An HDF5 file can refer to other files (external links, external storage, virtual data sets), load
code by its filters, and declare arrays that it does not hold. All of this is refused: only arrays
stored completely in the file itself are read.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any

import h5py

from anonbench.core.errors import InputError
from anonbench.embedding.limits import require_stored

_FILTERS = {
    h5py.h5z.FILTER_DEFLATE,
    h5py.h5z.FILTER_LZF,
    h5py.h5z.FILTER_SHUFFLE,
    h5py.h5z.FILTER_FLETCHER32,
}
"""Filters that h5py writes itself. Any other filter would be loaded as a plugin."""


@dataclass(frozen=True)
class Stored:
    """The two data sets of a file, checked but not read."""

    path: Path
    vectors: h5py.Dataset
    """float [N, D]."""
    names: h5py.Dataset
    """Text or integers [N]."""
    _file: h5py.File

    def provenance(self) -> dict[str, Any]:
        """Return the attribute `provenance`; empty where there is none.

        Raises:
            InputError: it is no JSON object.

        """
        where = f"{self.path}: the attribute provenance"
        if "provenance" not in self._file.attrs:
            return {}
        try:
            found = json.loads(self._file.attrs["provenance"])
        except (ValueError, TypeError, RecursionError):
            found = None
        if not isinstance(found, dict):
            raise InputError(f"{where} is not a JSON object; write the embeddings again")
        return found


@contextmanager
def opened(path: Path) -> Iterator[Stored]:
    """Open a file of embeddings for reading.

    Raises:
        InputError: the file is no HDF5 or damaged, lacks a data set, or holds one that is of
            another type, stands elsewhere, or declares more than the file stores. Errors of HDF5
            while the block reads are such errors, too.

    """
    try:
        with h5py.File(path, "r") as file:
            vectors = _dataset(file, path, "embeddings")
            names = _dataset(file, path, "ids")
            _require_types(path, vectors, names)
            yield Stored(path, vectors, names, file)
    except (OSError, RuntimeError, KeyError, TypeError, ValueError, AttributeError) as error:
        reason = " ".join(str(error).split())
        raise InputError(
            f"{path}: cannot be read as HDF5 with /embeddings [N, D] and /ids [N] ({reason}); "
            "write it again"
        ) from None


def _dataset(file: h5py.File, path: Path, name: str) -> h5py.Dataset:
    """Return a data set that is stored completely in this file."""
    where = f"{path}: /{name}"
    if name not in file.keys():  # noqa: SIM118 - `in` of a file follows links
        guide = "see docs/how-to/score.md for the formats"
        raise InputError(f"{path}: has no data set /{name}; {guide}")
    if not isinstance(file.get(name, getlink=True), h5py.HardLink):
        raise InputError(f"{where} is a link to elsewhere, which is not followed; copy the data")
    found = file[name]
    if not isinstance(found, h5py.Dataset):
        raise InputError(f"{path}: has no data set /{name}, but a group of this name")
    if found.is_virtual or found.external:
        raise InputError(
            f"{where} takes its data from other files, which are not read; copy the data"
        )
    if found.shape is None:
        raise InputError(f"{where} is empty; write the embeddings again")
    _require_whole(found, where)
    return found


def _require_whole(found: h5py.Dataset, where: str) -> None:
    """Check that all of an array is stored, and packed in a way that h5py itself unpacks."""
    declared = max(prod(found.shape), prod(found.chunks or ())) * found.dtype.itemsize
    require_stored(where, declared, found.id.get_storage_size())
    settings = found.id.get_create_plist()
    filters = {settings.get_filter(number)[0] for number in range(settings.get_nfilters())}
    if not filters <= _FILTERS:
        raise InputError(f"{where} is packed by an unknown filter; write it with gzip or none")


def _require_types(path: Path, vectors: h5py.Dataset, names: h5py.Dataset) -> None:
    if vectors.dtype.kind != "f" or vectors.dtype.itemsize not in (2, 4, 8):
        raise InputError(
            f"{path}: /embeddings are {vectors.dtype}, not float16, float32 or float64; write them "
            "as floats"
        )
    if vectors.ndim != 2:
        raise InputError(
            f"{path}: /embeddings have shape {vectors.shape}; write one row for each image and one "
            "column for each dimension [N, D]"
        )
    if h5py.check_string_dtype(names.dtype) is None and names.dtype.kind not in "iu":
        raise InputError(f"{path}: /ids are {names.dtype}; ids are text or integers")
    if names.ndim != 1:
        raise InputError(f"{path}: /ids have shape {names.shape}; write one id an image [N]")
    if len(names) != len(vectors):
        raise InputError(f"{path}: {len(vectors)} embeddings for {len(names)} ids; write one each")
