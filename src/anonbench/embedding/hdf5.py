"""HDF5 files of embeddings, checked against their stored size before they are read.

An HDF5 file can refer to other files (external links, external storage, virtual data sets), load
code by its filters, and declare arrays that it does not hold. All of this is refused: only arrays
stored completely in the file itself are read.
"""

from __future__ import annotations

import json
import os
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from math import ceil, prod
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from anonbench.core.errors import InputError

MOST_PROVENANCE = 2**24
"""Greatest size in bytes of the attribute `provenance`; ours has some kilobytes."""
_DEFLATE, _LZF = h5py.h5z.FILTER_DEFLATE, h5py.h5z.FILTER_LZF
_FILTERS = {_DEFLATE, _LZF, h5py.h5z.FILTER_SHUFFLE, h5py.h5z.FILTER_FLETCHER32}
"""Filters that h5py writes itself. Any other filter would be loaded as a plugin, or may unpack to
anything.
"""
_REFERENCE = np.dtype([("length", "<u4"), ("heap", "<u8"), ("index", "<u4")])
"""Stored form of text of variable length: its length and its place."""
FREE_BYTES = 64 * 2**20  # size up to which a declared array is accepted without a check
RATIO = 100
"""Greatest ratio of a larger array's size to its bytes in the file. Embeddings are like noise to a
compressor, which saves a tenth of them.
"""
_PIECE = 2**20
_CHECKSUM = 4


@dataclass(frozen=True)
class Stored:
    """The two data sets of a file, checked but not read."""

    path: Path
    vectors: h5py.Dataset  # float [N, D]
    names: h5py.Dataset  # text or integers [N]
    _file: h5py.File

    def provenance(self) -> dict[str, Any]:
        """Return the attribute `provenance`; empty where there is none.

        Raises:
            InputError: it is no JSON object of a plausible size.
        """
        where = f"{self.path}: the attribute provenance"
        if "provenance" not in self._file.attrs:
            return {}
        attribute = self._file.attrs.get_id("provenance")
        if attribute.shape != () or h5py.check_string_dtype(attribute.dtype) is None:
            raise InputError(f"{where} is not one text")
        if max(attribute.get_storage_size(), attribute.dtype.itemsize) > MOST_PROVENANCE:
            raise InputError(f"{where} is larger than {size(MOST_PROVENANCE)}")
        text = self._file.attrs["provenance"]
        if len(text) > MOST_PROVENANCE:
            raise InputError(f"{where} is larger than {size(MOST_PROVENANCE)}")
        try:
            found = json.loads(text)
        except (ValueError, RecursionError):
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
    _require_whole(found, where, path)
    return found


def _require_whole(found: h5py.Dataset, where: str, path: Path) -> None:
    """Check that all of an array is stored, and unpacks to no more than it declares."""
    text = h5py.check_vlen_dtype(found.dtype) or h5py.check_string_dtype(found.dtype)
    of_text = text is not None and found.dtype.kind == "O"
    item = _REFERENCE.itemsize if of_text else found.dtype.itemsize
    stored, file_size = found.id.get_storage_size(), path.stat().st_size
    if stored > file_size:
        raise InputError(f"{where} is said to take {size(stored)} of a file of {size(file_size)}")
    if found.chunks is None:
        if stored < prod(found.shape) * item:
            declared = size(prod(found.shape) * item)
            raise InputError(f"{where} declares {declared}, but the file stores {size(stored)}")
        places = [(found.id.get_offset(), stored, 0)] if stored else []
    else:
        places = _chunks(found, where, item)
    if of_text:
        _require_texts(found, where, path, places)


def _chunks(found: h5py.Dataset, where: str, item: int) -> list[tuple[int, int, int]]:
    """Return offset, bytes and filter mask of each chunk in the file."""
    places: list[tuple[int, int, int]] = []
    found.id.chunk_iter(lambda at: places.append((at.byte_offset, at.size, at.filter_mask)))
    count = prod(ceil(side / part) for side, part in zip(found.shape, found.chunks, strict=True))
    chunk = prod(found.chunks) * item
    if len(places) != count:
        raise InputError(f"{where} declares {count} chunks, but the file stores {len(places)}")
    require_stored(where, count * chunk, sum(length for _, length, _ in places))
    settings = found.id.get_create_plist()
    filters = [settings.get_filter(number)[0] for number in range(settings.get_nfilters())]
    if not set(filters) <= _FILTERS or {_DEFLATE, _LZF} <= set(filters):
        raise InputError(f"{where} is packed by an unknown filter; write it with gzip or none")
    if _DEFLATE in filters:
        _require_deflated(found, where, places, chunk, filters.index(_DEFLATE))
    elif any(length > chunk + _CHECKSUM for _, length, _ in places):
        raise InputError(f"{where} has a chunk that is larger than declared")
    return places


def _require_deflated(
    found: h5py.Dataset, where: str, places: list[tuple[int, int, int]], chunk: int, number: int
) -> None:
    """Check that no chunk inflates to more than a chunk: HDF5 itself sets no limit."""
    with Path(found.file.filename).open("rb") as file:
        for offset, length, mask in places:
            if mask >> number & 1:
                continue  # stored without compression
            file.seek(offset)
            inflated, unpacker = 0, zlib.decompressobj()
            while length > 0 and not unpacker.eof:
                piece = file.read(min(_PIECE, length))
                if not piece:
                    break
                length -= len(piece)
                while piece and not unpacker.eof:
                    inflated += len(unpacker.decompress(piece, _PIECE))
                    piece = unpacker.unconsumed_tail
                    if inflated > chunk + _CHECKSUM:
                        raise InputError(f"{where} has a chunk that unpacks to more than declared")


def _require_texts(
    found: h5py.Dataset, where: str, path: Path, places: list[tuple[int, int, int]]
) -> None:
    """Check that text of variable length is not longer than the file that holds it."""
    settings = found.id.get_create_plist()
    if settings.get_nfilters() or h5py.check_string_dtype(found.dtype) is None:
        raise InputError(f"{where} is not plain text; write the ids without compression")
    total, file_size = 0, path.stat().st_size
    with path.open("rb") as file:
        for offset, length, _ in places:
            file.seek(offset)
            while length > 0:
                count = min(_PIECE, length // _REFERENCE.itemsize)
                references = np.fromfile(file, _REFERENCE, count)
                if not len(references):
                    break
                length -= references.nbytes
                total += int(references["length"].sum(dtype=np.int64))
    if total > file_size:
        raise InputError(f"{where} declares {size(total)} of text in a file of {size(file_size)}")


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


def require_stored(where: str, declared: int, stored: int) -> None:
    """Check that the bytes which hold an array, compressed or not, explain its size in memory.

    Raises:
        InputError: reading the array would take far more memory; names `where` it stands.
    """
    if declared > max(FREE_BYTES, RATIO * stored):
        raise InputError(
            f"{where} declares {size(declared)}, but the file stores {size(stored)} for it; write "
            "it again without compression"
        )


def require_memory(path: Path, needed: int) -> None:
    """Check that an array fits into the machine's memory.

    Raises:
        InputError: it is larger; names the format that need not fit.
    """
    available = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    if needed > available:
        raise InputError(
            f"{path}: its embeddings take {size(needed)}, and this machine has {size(available)} "
            "of memory; write them as float32 NPY, which is mapped and not read"
        )


def size(count: int) -> str:
    """Return a number of bytes as people write it."""
    value, units = float(count), ["KiB", "MiB", "GiB", "TiB"]
    if value < 1024:
        return f"{count} bytes"
    unit = "bytes"
    while value >= 1024 and units:
        value, unit = value / 1024, units.pop(0)
    return f"{value:,.1f} {unit}"
