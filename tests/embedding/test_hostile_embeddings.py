"""Files of embeddings that somebody else made, to be read without harm or refused in one line."""

import json
import resource
import zlib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from anonbench.core.errors import InputError
from anonbench.embedding import formats
from anonbench.embedding.store import read_embeddings, read_ids, read_rows

SECRET = np.full((3, 4), 7.0, np.float32)
"""Another's data, in a file of its own that no reader may open."""
TEXT = h5py.string_dtype("utf-8")
HUGE = (400_000_000, 64)


def good(file: h5py.File, rows: int = 3) -> None:
    """Write what is missing for a file that can be read."""
    if "embeddings" not in file:
        file["embeddings"] = np.arange(1.0, 1 + 4 * rows, dtype=np.float32).reshape(rows, 4)
    if "ids" not in file:
        file.create_dataset("ids", data=[f"image {row}" for row in range(rows)], dtype=TEXT)


def chunk_that_inflates(file: h5py.File) -> None:
    made = file.create_dataset("embeddings", (3, 4), "f4", chunks=(3, 4), compression="gzip")
    made.id.write_direct_chunk((0, 0), zlib.compress(bytes(20_000_000)))


def one_huge_chunk(file: h5py.File) -> None:
    made = file.create_dataset(
        "embeddings", (3, 4), "f4", maxshape=(None, 4), chunks=(2**27, 4), compression="gzip"
    )
    made.id.write_direct_chunk((0, 0), zlib.compress(bytes(1000)))


def virtual(file: h5py.File) -> None:
    layout = h5py.VirtualLayout((3, 4), "f4")
    layout[:] = h5py.VirtualSource("secret.h5", "embeddings", (3, 4))
    file.create_virtual_dataset("embeddings", layout)


def group(file: h5py.File) -> None:
    file.create_group("embeddings")["embeddings"] = file["/"]  # a cycle


def lists(file: h5py.File) -> None:
    made = file.create_dataset("embeddings", (3, 4), h5py.vlen_dtype(np.float32))
    made[0, 0] = [1.0, 2.0]


Content = Mapping[str, Any] | Callable[[h5py.File], None]
"""What a file holds: values or, as a dict, arguments of `create_dataset`; or what writes it."""


def write(file: h5py.File, content: Content) -> None:
    if callable(content):
        content(file)
        return
    for name, value in content.items():
        if isinstance(value, dict):
            file.create_dataset(name, **value)
        else:
            file[name] = value


THEIRS = h5py.ExternalLink("secret.h5", "/embeddings")
IN_A_FILE = {"shape": (3, 4), "dtype": "f4", "external": [("secret.raw", 0, 48)]}
PACKED_IDS = {"data": ["a", "b", "c"], "dtype": TEXT, "chunks": (3,), "compression": "gzip"}
HOSTILE_HDF5: dict[str, tuple[Content, str]] = {
    "declares 95 GiB": (
        {"embeddings": {"shape": HUGE, "dtype": "f4"}, "ids": {"shape": HUGE[:1], "dtype": TEXT}},
        "/embeddings declares 95.4 GiB, but the file stores 0 bytes",
    ),
    "declares 95 GiB in chunks": (
        {"embeddings": {"shape": HUGE, "dtype": "f4", "chunks": (1000, 64)}},
        "/embeddings declares 400000 chunks",
    ),
    "a chunk that inflates": (chunk_that_inflates, "unpacks to more than declared"),
    "one huge chunk": (one_huge_chunk, "/embeddings declares 2.0 GiB"),
    "external link": ({"embeddings": THEIRS}, "/embeddings is a link"),
    "soft link through an external one": (
        {
            "there": h5py.ExternalLink("secret.h5", "/"),
            "embeddings": h5py.SoftLink("/there/embeddings"),
        },
        "/embeddings is a link",
    ),
    "external storage": ({"embeddings": IN_A_FILE}, "takes its data from other files"),
    "virtual": (virtual, "takes its data from other files"),
    "ids elsewhere": ({"ids": h5py.ExternalLink("secret.h5", "/ids")}, "/ids is a link"),
    "group with a cycle": (group, "no data set /embeddings, but a group"),
    "integers": ({"embeddings": np.ones((3, 4), np.int32)}, "are int32, not float16"),
    "long floats": ({"embeddings": np.ones((3, 4), np.longdouble)}, "are float128, not float16"),
    "lists": (lists, "/embeddings is not plain text"),
    "null": ({"embeddings": h5py.Empty("f4")}, "/embeddings is empty"),
    "an unknown filter": (
        {"embeddings": {"data": np.ones((3, 4)), "chunks": (3, 4), "scaleoffset": 3}},
        "unknown filter",
    ),
    "packed ids": ({"ids": PACKED_IDS}, "/ids is not plain text"),
}


@pytest.fixture
def beside_a_secret(tmp_path: Path) -> Path:
    """A folder with another's embeddings, which links name by their relative paths."""
    with h5py.File(tmp_path / "secret.h5", "w") as file:
        file["embeddings"] = SECRET
        file.create_dataset("ids", data=["s1", "s2", "s3"], dtype=TEXT)
    (tmp_path / "secret.raw").write_bytes(SECRET.tobytes())
    return tmp_path


@pytest.fixture(autouse=True)
def _little_memory() -> object:
    """No test may take more than three GiB beside what it has: a bomb fails, and harms nobody."""
    pages = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    before = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (pages + 3 * 2**30, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_AS, before)


@pytest.mark.slow
@pytest.mark.parametrize("name", HOSTILE_HDF5)
def test_hostile_hdf5_is_refused_by_every_reader(beside_a_secret: Path, name: str) -> None:
    content, message = HOSTILE_HDF5[name]
    path = beside_a_secret / "brought.h5"
    with h5py.File(path, "w") as file:
        write(file, content)
        good(file)
    readers: list[Callable[[Path], object]] = [
        formats.read,
        read_embeddings,
        read_ids,
        lambda path: read_rows(path, np.array([0])),
    ]
    for reader in readers:
        with pytest.raises(InputError, match=message) as refused:
            reader(path)
        assert str(refused.value).startswith(str(path)) and "\n" not in str(refused.value)


def test_a_damaged_chunk_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "e.h5"
    with h5py.File(path, "w") as file:
        file.create_dataset("embeddings", data=np.ones((3, 4)), compression="gzip")
        good(file)
        start = file["embeddings"].id.get_chunk_info(0).byte_offset
    path.write_bytes(path.read_bytes()[:start] + b"?" + path.read_bytes()[start + 1 :])
    with pytest.raises(InputError, match="cannot be read as HDF5"):
        formats.read(path)


@pytest.mark.parametrize("chunked", [False, True])
def test_ids_that_all_name_one_long_text_are_refused(tmp_path: Path, chunked: bool) -> None:
    path, count = tmp_path / "e.h5", 3000
    with h5py.File(path, "w") as file:
        chunks = (1000,) if chunked else None
        file.create_dataset("ids", (count,), TEXT, chunks=chunks)[0] = "x" * 10_000
        file["ids"][1:] = "y"
        file["embeddings"] = np.ones((count, 1), np.float32)
        if chunked:
            start = file["ids"].id.get_chunk_info(0).byte_offset
        else:
            start = file["ids"].id.get_offset()
    content = bytearray(path.read_bytes())
    content[start : start + 16 * 1000] = content[start : start + 16] * 1000
    path.write_bytes(content)
    for reader in (formats.read, read_ids):
        with pytest.raises(InputError, match=r"/ids declares 9\.5 MiB of text in a file of"):
            reader(path)


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("[" * 200_000, "not a JSON object"),
        ("[1]", "not a JSON object"),
        (3.0, "not one text"),
        (json.dumps({"a": "x" * 2**24}), "larger than 16.0 MiB"),
    ],
)
def test_provenance_is_a_json_object(tmp_path: Path, value: object, message: str) -> None:
    with h5py.File(tmp_path / "e.h5", "w") as file:
        good(file)
        file.attrs["provenance"] = value
    with pytest.raises(InputError, match=message):
        read_embeddings(tmp_path / "e.h5")


def damaged(whole: bytes) -> Iterator[bytes]:
    """Return 300 versions of a file, in turn with four other bytes and cut off."""
    draw = np.random.default_rng(0)
    for number in range(300):
        content = bytearray(whole)
        if number % 2:
            del content[int(draw.integers(len(whole))) :]
        else:
            for place in draw.integers(0, len(whole), 4):
                content[place] = draw.integers(256)
        yield bytes(content)


@pytest.mark.slow
@pytest.mark.parametrize("form", ["h5", "parquet"])
def test_truncated_and_damaged_files_never_end_otherwise(tmp_path: Path, form: str) -> None:
    path = tmp_path / f"e.{form}"
    if form == "h5":
        with h5py.File(path, "w") as file:
            good(file, 50)
            file.attrs["provenance"] = "{}"
    else:
        parquet(path, 20, id=[str(row) for row in range(50)], x=np.random.default_rng(0).random(50))
    for content in damaged(path.read_bytes()):
        path.write_bytes(content)
        for reader in (formats.read, read_embeddings) if form == "h5" else (formats.read,):
            try:
                reader(path)
            except InputError as refused:
                assert path.name in str(refused)


@pytest.mark.parametrize(
    "options",
    [
        {"chunks": (2, 4), "compression": "gzip", "shuffle": True, "fletcher32": True},
        {"chunks": (2, 3), "compression": "lzf"},
        {"maxshape": (None, 4)},
    ],
)
def test_honest_storage_is_read(tmp_path: Path, options: dict[str, object]) -> None:
    values = np.random.default_rng(0).standard_normal((3, 4)).astype(np.float32)
    with h5py.File(tmp_path / "e.h5", "w", userblock_size=1024) as file:
        file.create_dataset("embeddings", data=values, **options)
        file.create_dataset("ids", data=["ä", "b", "c"], dtype=TEXT, maxshape=(None,))
    for reader in (formats.read, read_embeddings):
        read = reader(tmp_path / "e.h5")
        assert read.ids == ["ä", "b", "c"]
        np.testing.assert_array_equal(read.values, values)


def npy_of(header: str, data: bytes = b"") -> bytes:
    text = header.encode() + b"\n"
    return b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text + data


HOSTILE_NPY = {
    "declares more": npy_of("{'descr':'<f4','fortran_order':False,'shape':(400000000,64)}"),
    "overflows": npy_of("{'descr':'<f4','fortran_order':False,'shape':(2**62,64)}"),
    "objects": npy_of("{'descr':'|O','fortran_order':False,'shape':(3,4)}", bytes(96)),
    "nested": npy_of("(" * 9000 + ")" * 9000),
    "code": npy_of("__import__('os').system('true')"),
    "long floats": npy_of("{'descr':'<f16','fortran_order':False,'shape':(1,4)}", bytes(64)),
}


@pytest.mark.parametrize("name", HOSTILE_NPY)
def test_hostile_npy_is_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / "e.npy").write_bytes(HOSTILE_NPY[name])
    (tmp_path / "e.ids.txt").write_text("a\n")
    with pytest.raises(InputError, match=r"e\.npy"):
        formats.read(tmp_path / "e.npy")


def parquet(path: Path, rows: int, **columns: object) -> None:
    table = pa.table({name: pa.array(values) for name, values in columns.items()})
    pq.write_table(table, path, compression="zstd", row_group_size=rows)


def test_parquet_that_unpacks_to_far_more_is_refused(tmp_path: Path) -> None:
    path, rows = tmp_path / "e.parquet", 8_000_000
    parquet(path, rows, id=np.arange(1000).repeat(rows // 1000), x=np.ones(rows, np.float32))
    assert path.stat().st_size < 200_000
    with pytest.raises(InputError, match=r"declares 1.*MiB, but the file stores"):
        formats.read(path)
    path, rows = tmp_path / "e.parquet", 20_000
    ids = pa.DictionaryArray.from_arrays(np.zeros(rows, np.int32), ["x" * 1_000_000])
    table = pa.table({"id": ids, "x": np.ones(rows, np.float32)})
    pq.write_table(table, path, compression="zstd")
    with pytest.raises(InputError, match=r"column 'id' declares 18\.6 GiB"):
        formats.read(path)
