"""Provenance of a result: package versions, digests of its inputs, files of a model."""

import hashlib
import json
import mmap
import os
import re
from collections.abc import Iterator
from contextlib import suppress
from functools import cache
from importlib import metadata
from pathlib import Path

from anonbench.core.errors import InputError

PACKAGES = [  # whose versions the report names
    *("torch", "timm", "facenet-pytorch", "rapidocr", "onnxruntime", "zxing-cpp"),
    *("opencv-contrib-python", "numpy", "scikit-learn", "snakemake"),
]


_version = cache(metadata.version)  # a job asks for the same ones many times


def versions(*packages: str) -> dict[str, str]:
    """Return the installed versions of the packages that computed a result, anonbench's first."""
    names = ("anonbench", *packages)
    # a local part (2.13.0+cpu) identifies the build: left out so that bytes agree
    return {name: _version(name).split("+")[0] for name in names}


def file_digest(path: Path) -> str:
    """Return the SHA-256 of a file, read in blocks."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def content_digest(content: object) -> str:
    """Return the SHA-256 of plain data, as JSON with sorted keys."""
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def installed(*packages: str) -> list[str]:
    """Return the packages that are installed, in their order."""
    found = {each.name for each in metadata.distributions()}
    return [name for name in packages if name in found]


_INDEX = ".index.json"  # lists the shards of a model
# of files that are no ONNX, and may be large
_NO_GRAPH = frozenset({".safetensors", ".pt", ".pth", ".bin", ".npy", ".npz", ".zip", ".tar"})
# a tensor's entry in ONNX (onnx.proto) with the file of its values: key, length of the name behind
_EXTERNAL = re.compile(rb"\x0a\x08location\x12([\x80-\xff]?[\x01-\x7f])", re.DOTALL)


def model_files(path: Path) -> list[Path]:
    """Files that decide what a model computes: `path` first, others sorted; or [].

    A folder counts with all its files except hidden ones. An ONNX file counts with its external
    files of weights, an index (`model.safetensors.index.json`) with its shards. InputError where
    one of them is missing.
    """
    if path.is_dir():
        inside = sorted(_walk(path))
        return list(dict.fromkeys(each for file in inside for each in _file_and_weights(file)))
    return _file_and_weights(path) if path.is_file() else []


def _file_and_weights(file: Path) -> list[Path]:
    others = sorted({file.parent / name for name in _named_by(file)} - {file})
    for other in others:
        if not other.is_file():
            raise InputError(
                f"{file}: the model keeps its weights in {other.name}, and there is no file "
                f"{other}; copy it there"
            )
    return [file, *others]


def _named_by(file: Path) -> set[str]:
    if file.name.endswith(_INDEX):
        with suppress(ValueError, KeyError, TypeError, AttributeError, RecursionError):
            index = json.loads(file.read_text(encoding="utf-8"))
            return {str(name) for name in index["weight_map"].values()}
        return set()  # an index of another program
    if file.suffix in _NO_GRAPH or not file.stat().st_size:
        return set()
    names = set()
    with file.open("rb") as opened, mmap.mmap(opened.fileno(), 0, access=mmap.ACCESS_READ) as data:
        for entry in _EXTERNAL.finditer(data):
            length = sum((byte & 127) << 7 * place for place, byte in enumerate(entry[1]))
            names.add(data[entry.end() : entry.end() + length].decode(errors="replace"))
    return names


def _walk(folder: Path) -> Iterator[Path]:
    seen = set()
    for place, folders, names in os.walk(folder, followlinks=True):
        real = os.path.realpath(place)
        folders[:] = [] if real in seen else [name for name in folders if name[0] != "."]
        if real not in seen:
            paths = (Path(place, name) for name in names if name[0] != ".")
            yield from (path for path in paths if path.is_file())
        seen.add(real)
