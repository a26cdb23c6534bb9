"""Files that a library reads for a model's path, found without loading the model."""

from __future__ import annotations

import json
import mmap
import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from anonbench.core.errors import InputError

_INDEX = ".index.json"
"""End of the names of files that list the shards of a model, in safetensors or PyTorch format."""
_PARTNERS = {".xml": ".bin", ".pdmodel": ".pdiparams"}
"""Graphs (OpenVINO, PaddlePaddle) whose weights lie beside them under the same name."""

# Messages of onnx.proto that can hold a tensor: the kind of each field that leads to one.
_FIELDS: dict[str, dict[int, str]] = {
    "model": {7: "graph", 20: "training", 25: "function"},
    "training": {1: "graph", 2: "graph"},
    "graph": {1: "node", 5: "tensor", 15: "sparse"},
    "function": {7: "node"},
    "node": {5: "attribute"},
    "attribute": {5: "tensor", 6: "graph", 10: "tensor", 11: "graph", 22: "sparse", 23: "sparse"},
    "sparse": {1: "tensor", 2: "tensor"},
    "tensor": {13: "external"},
}


def model_files(path: Path) -> list[Path]:
    """List all files that decide what a model computes, by its path in the settings.

    A folder counts with all its files except hidden ones. An ONNX file counts with its external
    files of weights, an index (`model.safetensors.index.json`) with its shards.

    Returns:
        Each file once: that of the path itself first, then the others sorted by path. Empty if
        the path does not exist.

    Raises:
        InputError: a file that the model needs is missing; it names both.

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
    """Collect the names, relative to its folder, of the files that a file refers to."""
    if file.name.endswith(_INDEX):
        return _shards(file)
    partner = file.with_suffix(_PARTNERS.get(file.suffix, ""))
    if file.suffix in _PARTNERS and partner.is_file():
        return {partner.name}
    if not file.stat().st_size:
        return set()
    # whatever its name and first bytes: a protocol buffer's fields may have any order
    with (
        file.open("rb") as opened,
        mmap.mmap(opened.fileno(), 0, access=mmap.ACCESS_READ) as data,
        suppress(IndexError, UnicodeDecodeError),  # not ONNX: loading the model will report it
    ):
        return set(_external(data))
    return set()


def _shards(index: Path) -> set[str]:
    try:
        listed = json.loads(index.read_text(encoding="utf-8"))["weight_map"]
        return {str(name) for name in listed.values()}
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return set()  # an index of another program


def _walk(folder: Path) -> Iterator[Path]:
    seen = set()
    for place, folders, names in os.walk(folder, followlinks=True):
        real = os.path.realpath(place)
        folders[:] = [] if real in seen else [name for name in folders if name[0] != "."]
        if real not in seen:
            paths = (Path(place, name) for name in names if name[0] != ".")
            yield from (path for path in paths if path.is_file())
        seen.add(real)


def _external(data: mmap.mmap) -> Iterator[str]:
    """Yield the names of files with weights of an ONNX model; tensors themselves are skipped.

    Raises:
        IndexError: it is no protocol buffer.

    """
    waiting = [("model", 0, len(data))]
    while waiting:
        kind, start, end = waiting.pop()
        for number, first, last in _messages(data, start, end):
            inside = _FIELDS[kind].get(number)
            if inside == "external":
                texts = {field: data[a:b] for field, a, b in _messages(data, first, last)}
                if texts.get(1) == b"location":
                    yield texts.get(2, b"").decode()
            elif inside is not None:
                waiting.append((inside, first, last))


def _messages(data: mmap.mmap, at: int, end: int) -> Iterator[tuple[int, int, int]]:
    """Yield number, start and end of the fields of a message that have a length."""
    while at < end:
        key, at = _varint(data, at)
        wire = key & 7
        if key < 8:  # no field has the number 0
            raise IndexError
        if wire == 2:
            length, at = _varint(data, at)
            if length > end - at:
                raise IndexError
            yield key >> 3, at, at + length
            at += length
        elif wire == 0:
            _, at = _varint(data, at)
        elif wire in (1, 5):
            at += 8 if wire == 1 else 4
        elif wire not in (3, 4):  # a group begins or ends: its content is read, too
            raise IndexError


def _varint(data: mmap.mmap, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[at]
        value |= (byte & 127) << shift
        at, shift = at + 1, shift + 7
        if byte < 128:
            return value, at
        if shift > 63:
            raise IndexError
