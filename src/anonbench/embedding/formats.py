"""Embeddings of any system, as HDF5, NPY, Parquet or CSV, checked before they are scored.

| format | vectors | ids |
| --- | --- | --- |
| `x.h5`, `x.hdf5` | `/embeddings` [N, D] | `/ids` [N] |
| `x.npy` | array [N, D] | `x.ids.txt` beside it, one a line |
| `x.parquet` | list column `embedding`, or else every other column a dimension | column `id` |
| `x.csv` | every other column a dimension | column `id` |

Values are float16, float32 or float64; ids are text or integers. An NPY file of float32 is mapped
into memory and not read, so that archives of millions of images need not fit.
"""

import logging
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq

from anonbench.core.errors import InputError
from anonbench.core.wording import count
from anonbench.embedding import hdf5
from anonbench.embedding.store import Embeddings, refuse_repeated

ID_LIST = ".ids.txt"  # end of the name of an NPY file's id list, instead of `.npy`
_CHUNK = 1 << 16

log = logging.getLogger(__name__)


def read(path: Path) -> Embeddings:
    """Read embeddings, float32 [N, D], in the format that the file's name tells.

    Those of a float32 NPY file are mapped. Only HDF5 files say by which similarity they compare.

    Raises:
        InputError: the file is missing, truncated or in no known format, or `checked` refuses it.
    """
    suffix = path.suffix.lower()
    if suffix not in _READERS:
        raise InputError(f"{path}: is {suffix or 'no suffix'!r}, not one of {', '.join(_READERS)}")
    if not path.is_file():
        raise InputError(f"{path}: no such file")
    if path.stat().st_size == 0:
        raise InputError(f"{path}: the file is empty; write the embeddings again")
    ids, values, *similarity = _READERS[suffix](path)
    provenance = {"similarity": similarity[0]} if similarity else {}
    return replace(checked(ids, values, str(path)), provenance=provenance)


def checked(ids: Sequence[Any] | np.ndarray, values: Any, where: str) -> Embeddings:
    """Return ids [N] and vectors [N, D] of any float type as embeddings, float32.

    The ids are text (or bytes, UTF-8) or integers, which become text; `where` names them in errors.

    Raises:
        InputError: values are no floats, not two-dimensional or of another number than the ids; an
            id is empty or repeated; a vector is not finite.
    """
    names = _names(ids, where)
    array = np.asanyarray(values)
    hdf5.require_vectors(where, array, len(names))
    if not array.size:
        raise InputError(f"{where}: the embeddings have shape {array.shape}; there is no value")
    refuse_repeated(names, where)
    return Embeddings(names, _finite(array, names, where))


def _names(ids: Sequence[Any] | np.ndarray, where: str) -> list[str]:
    names = []
    for row, given in enumerate(ids.tolist() if isinstance(ids, np.ndarray) else ids):
        problem = ""
        try:
            name = given.decode("utf-8") if isinstance(given, bytes) else str(given)
        except UnicodeDecodeError:
            problem = "not UTF-8"
        if not isinstance(given, bytes | str | int) or isinstance(given, bool):
            kind = "missing" if given is None else type(given).__name__
            problem = f"{kind}; ids are text or integers"
        elif given in ("", b""):
            problem = "empty; give every image an id"
        if problem:
            raise InputError(f"{where}: the id of row {row} is {problem}")
        names.append(name)
    return names


def _finite(array: np.ndarray, names: list[str], where: str) -> np.ndarray:
    """Return float32 [N, D], the array itself if it has this type already."""
    same = array.dtype == np.float32 and array.dtype.isnative
    values = array if same else np.empty(array.shape, dtype=np.float32)
    blank = 0
    for start in range(0, len(array), _CHUNK):
        rows = slice(start, start + _CHUNK)
        if not same:
            with np.errstate(over="ignore"):  # values beyond float32 are refused as infinite
                values[rows] = array[rows]
        chunk = values[rows]
        if (bad := ~np.isfinite(chunk).all(axis=1)).any():
            name = names[start + int(np.flatnonzero(bad)[0])]
            raise InputError(
                f"{where}: the embedding of {name!r} is not finite (NaN or infinity); embed the "
                "image again or leave it out of all files"
            )
        blank += int((~chunk.any(axis=1)).sum())
    if blank:
        log.warning("%s: %s, by cosine similar to nothing", where, count(blank, "zero embedding"))
    return values


def _read_hdf5(path: Path) -> tuple[Any, ...]:
    with hdf5.opened(path) as file:
        hdf5.require_memory(path, file.vectors.nbytes)
        return file.names[()], file.vectors[()], str(file.provenance.get("similarity", "cosine"))


def _read_npy(path: Path) -> tuple[list[str], np.ndarray]:
    try:
        with np.errstate(over="raise"):
            # unlike numpy.load, only the NPY format is read; missing data is an error
            values = np.lib.format.open_memmap(path, mode="r")  # type: ignore[no-untyped-call]
    except (OSError, EOFError, ValueError, ArithmeticError, RecursionError, MemoryError) as error:
        raise InputError(
            f"{path}: cannot be read as one NPY array of floats ({_line(error)}); write it again "
            "with numpy.save, pickles are not read"
        ) from None
    listed = path.with_suffix(ID_LIST)
    if not listed.is_file():
        raise InputError(f"{path}: needs its ids in {listed}, one a line in the order of the rows")
    try:
        lines = listed.read_text(encoding="utf-8-sig").split("\n")
    except UnicodeDecodeError:
        raise InputError(f"{listed}: is not UTF-8 text; write one id a line") from None
    return lines[:-1] if lines[-1] == "" else lines, values


def _read_parquet(path: Path) -> tuple[list[Any], np.ndarray]:
    try:
        with pq.ParquetFile(path) as file:
            metadata, names = file.metadata, file.schema_arrow.names
        if "id" not in names:
            raise InputError(f"{path}: has no column 'id'; {hdf5.GUIDE}")
        groups = [metadata.row_group(number) for number in range(metadata.num_row_groups)]
        columns = [group.column(number) for group in groups for number in range(group.num_columns)]
        values = 8 * sum(column.num_values for column in columns)  # float64 at most
        pages = sum(column.total_uncompressed_size for column in columns)
        hdf5.require_stored(str(path), max(values, pages, metadata.num_rows), path.stat().st_size)
        hdf5.require_memory(path, values)
        table = pq.read_table(path, read_dictionary=["id"])
    except (OSError, pa.ArrowException, MemoryError) as error:
        raise InputError(
            f"{path}: cannot be read as Parquet ({_line(error)}); write it again"
        ) from None
    for chunk in table.column("id").chunks:  # places in a list of words, of which one may be long
        if pa.types.is_dictionary(chunk.type):
            lengths = pc.binary_length(chunk.dictionary)
            total = pc.sum(lengths.take(chunk.indices)).as_py() or 0
            hdf5.require_stored(f"{path}: column 'id'", total, path.stat().st_size)
    ids = table.column("id").to_pylist()
    if "embedding" in table.column_names:
        return ids, _from_lists(table.column("embedding"), ids, path)
    return ids, _from_columns(table.drop_columns(["id"]), path)


def _read_csv(path: Path) -> tuple[list[Any], np.ndarray]:
    hdf5.require_memory(path, path.stat().st_size)
    try:
        with pa_csv.open_csv(path) as head:
            names = head.schema.names
        if "id" not in names:
            raise InputError(f"{path}: has no column 'id'; {hdf5.GUIDE}")
        kinds = dict.fromkeys(names, pa.float64()) | {"id": pa.string()}
        table = pa_csv.read_csv(path, convert_options=pa_csv.ConvertOptions(column_types=kinds))
    except (OSError, pa.ArrowException, MemoryError) as error:
        raise InputError(
            f"{path}: cannot be read as a table of numbers with a column id ({_line(error)}); "
            "write it again, with commas between the columns and points in the numbers"
        ) from None
    return table.column("id").to_pylist(), _from_columns(table.drop_columns(["id"]), path)


def _from_lists(column: pa.ChunkedArray, ids: list[Any], path: Path) -> np.ndarray:
    kind = column.type
    kinds = pa.types.is_list, pa.types.is_large_list, pa.types.is_fixed_size_list
    if not any(each(kind) for each in kinds) or not pa.types.is_floating(kind.value_type):
        raise InputError(f"{path}: column 'embedding' is {kind}, not a list of floats")
    lengths = [size for chunk in column.chunks for size in chunk.value_lengths().to_pylist()]
    width = next((size for size in lengths if size), 0)
    for name, size in zip(ids, lengths, strict=True):
        if size != width:
            raise InputError(
                f"{path}: the embedding of {name!r} has {size or 'no'} dimensions, others have "
                f"{width or 'none'}; embed all images with the same model"
            )
    # a null inside becomes NaN, which is refused with its id
    parts = [chunk.flatten().to_numpy(zero_copy_only=False) for chunk in column.chunks]
    return np.concatenate(parts).reshape(len(ids), width) if parts else np.empty((0, 0))


def _from_columns(table: pa.Table, path: Path) -> np.ndarray:
    for field in table.schema:
        if not pa.types.is_floating(field.type):
            raise InputError(
                f"{path}: column {field.name!r} is {field.type}; keep 'id' and one column of "
                "floats for each dimension, or one list column 'embedding'"
            )
    if not table.num_columns:
        return np.empty((table.num_rows, 0))
    return np.ascontiguousarray(table.to_pandas().to_numpy())


_READERS: dict[str, Callable[[Path], tuple[Any, ...]]] = {
    ".h5": _read_hdf5,
    ".hdf5": _read_hdf5,
    ".npy": _read_npy,
    ".parquet": _read_parquet,
    ".csv": _read_csv,
}


def _line(error: Exception) -> str:
    return " ".join(str(error).split())
