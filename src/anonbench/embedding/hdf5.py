"""HDF5 files of embeddings, checked against their stored size before they are read.

An HDF5 file can refer to other files (external links, external storage, virtual data sets), load
code by its filters, and declare arrays that it does not hold. All of this is refused: only arrays
stored completely in the file itself are read.
"""

import json
import os
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from math import ceil, prod
from pathlib import Path
from typing import Any, NamedTuple

import h5py
import numpy as np

from anonbench.core.errors import InputError

MOST_PROVENANCE = 2**24  # bytes of the attribute; ours has some kilobytes
_DEFLATE, _LZF = h5py.h5z.FILTER_DEFLATE, h5py.h5z.FILTER_LZF
# filters that h5py writes itself: others would be loaded as plugins, or may unpack to anything
_FILTERS = {_DEFLATE, _LZF, h5py.h5z.FILTER_SHUFFLE, h5py.h5z.FILTER_FLETCHER32}
# stored form of text of variable length: its length and its place
_REFERENCE = np.dtype([("length", "<u4"), ("heap", "<u8"), ("index", "<u4")])
FREE_BYTES = 64 * 2**20  # size up to which a declared array is accepted without a check
# greatest ratio of a larger array's size to its bytes in the file: embeddings are like noise to a
# compressor, which saves a tenth of them
RATIO = 100
_CHECKSUM = 4
_ERRORS = (OSError, RuntimeError, KeyError, TypeError, ValueError, AttributeError, zlib.error)
GUIDE = "see docs/how-to/score.md for the formats"


class Stored(NamedTuple):
    """The contents of a file: two data sets, checked but not read, and the provenance."""

    vectors: h5py.Dataset  # float [N, D]
    names: h5py.Dataset  # text or integers [N]
    provenance: dict[str, Any]  # empty without the attribute


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
            if h5py.check_string_dtype(names.dtype) is None and names.dtype.kind not in "iu":
                raise InputError(f"{path}: /ids are {names.dtype}; ids are text or integers")
            if names.ndim != 1:
                raise InputError(f"{path}: /ids have shape {names.shape}; write one id an image")
            require_vectors(path, vectors, len(names))
            yield Stored(vectors, names, _provenance(file, f"{path}: the attribute provenance"))
    except _ERRORS as error:
        reason = " ".join(str(error).split())
        raise InputError(
            f"{path}: cannot be read as HDF5 with /embeddings [N, D] and /ids [N] ({reason}); "
            "write it again"
        ) from None


def _provenance(file: h5py.File, where: str) -> dict[str, Any]:
    if "provenance" not in file.attrs:
        return {}
    attribute = file.attrs.get_id("provenance")
    if attribute.shape != () or h5py.check_string_dtype(attribute.dtype) is None:
        raise InputError(f"{where} is not one text")
    length = max(attribute.get_storage_size(), attribute.dtype.itemsize)
    text = file.attrs["provenance"] if length <= MOST_PROVENANCE else ""
    if max(length, len(text)) > MOST_PROVENANCE:
        raise InputError(f"{where} is larger than {size(MOST_PROVENANCE)}")
    try:
        return {**json.loads(text)}
    except (ValueError, TypeError, RecursionError):
        raise InputError(f"{where} is not a JSON object; write the embeddings again") from None


def _dataset(file: h5py.File, path: Path, name: str) -> h5py.Dataset:
    """Return a data set that is stored completely in this file."""
    where = f"{path}: /{name}"
    if name not in file.keys():  # noqa: SIM118 - `in` of a file follows links
        raise InputError(f"{path}: has no data set /{name}; {GUIDE}")
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
    """Check that all of an array is stored, and unpacks to no more than it declares."""
    text = h5py.check_vlen_dtype(found.dtype) or h5py.check_string_dtype(found.dtype)
    of_text = text is not None and found.dtype.kind == "O"
    item = _REFERENCE.itemsize if of_text else found.dtype.itemsize
    path = Path(found.file.filename)
    stored, file_size = found.id.get_storage_size(), path.stat().st_size
    if stored > file_size:
        raise InputError(f"{where} is said to take {size(stored)} of a file of {size(file_size)}")
    if found.chunks is None:
        if stored < (declared := prod(found.shape) * item):
            raise InputError(
                f"{where} declares {size(declared)}, but the file stores {size(stored)}"
            )
        places = [(found.id.get_offset(), stored)] if stored else []
    else:
        places = _chunks(found, where, item)
    if not of_text:
        return
    # text of variable length is no longer than the file that holds it
    if found.id.get_create_plist().get_nfilters() or h5py.check_string_dtype(found.dtype) is None:
        raise InputError(f"{where} is not plain text; write the ids without compression")
    total = 0
    for offset, length in places:
        references = np.fromfile(path, _REFERENCE, length // _REFERENCE.itemsize, offset=offset)
        total += int(references["length"].sum(dtype=np.int64))
    if total > file_size:
        raise InputError(f"{where} declares {size(total)} of text in a file of {size(file_size)}")


def _chunks(found: h5py.Dataset, where: str, item: int) -> list[tuple[int, int]]:
    """Return offset and bytes of each chunk, none of which unpacks to more than declared."""
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
    most = chunk + _CHECKSUM
    if _DEFLATE not in filters and any(length > most for _, length, _ in places):
        raise InputError(f"{where} has a chunk that is larger than declared")
    with Path(found.file.filename).open("rb") as file:
        for offset, length, mask in places if _DEFLATE in filters else ():
            if mask >> filters.index(_DEFLATE) & 1:
                continue  # stored without compression
            file.seek(offset)  # HDF5 itself sets no limit
            if len(zlib.decompressobj().decompress(file.read(length), most + 1)) > most:
                raise InputError(f"{where} has a chunk that unpacks to more than declared")
    return [(offset, length) for offset, length, _ in places]


def require_vectors(where: Path | str, vectors: h5py.Dataset | np.ndarray, ids: int) -> None:
    """Check that vectors are float16, float32 or float64 [N, D], for N ids; InputError if not."""
    if vectors.dtype.kind != "f" or vectors.dtype.itemsize not in (2, 4, 8):
        raise InputError(
            f"{where}: the embeddings are {vectors.dtype}, not float16, float32 or float64; write "
            "them as floats"
        )
    if vectors.ndim != 2:
        raise InputError(
            f"{where}: the embeddings have shape {vectors.shape}; write one row for each image and "
            "one column for each dimension [N, D]"
        )
    if len(vectors) != ids:
        raise InputError(f"{where}: {len(vectors)} embeddings for {ids} ids; write one each")


def require_stored(where: str, declared: int, stored: int) -> None:
    """InputError if the bytes that hold an array do not explain its far larger size in memory."""
    if declared > max(FREE_BYTES, RATIO * stored):
        raise InputError(
            f"{where} declares {size(declared)}, but the file stores {size(stored)} for it; write "
            "it again without compression"
        )


def require_memory(path: Path, needed: int) -> None:
    """Check that an array fits into the machine's memory; InputError if not."""
    available = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    if needed > available:
        raise InputError(
            f"{path}: its embeddings take {size(needed)}, and this machine has {size(available)} "
            "of memory; write them as float32 NPY, which is mapped and not read"
        )


def size(count: int) -> str:
    """Return a number of bytes as people write it."""
    power = min(max(count.bit_length() - 1, 0) // 10, 4)
    unit = ("bytes", "KiB", "MiB", "GiB", "TiB")[power]
    return f"{count / 1024**power:,.1f} {unit}" if power else f"{count} bytes"
