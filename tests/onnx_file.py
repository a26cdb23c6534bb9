"""Writes small ONNX models, for tests of models that are not at hand.

A model is a protocol buffer (onnx.proto, version 1.12); the numbers are those of its fields.
"""

from collections.abc import Mapping, Sequence

import numpy as np

FLOAT, UINT8, INT64, INTEGERS = 1, 2, 7, 7


def _varint(value: int) -> bytes:
    parts = []
    while value > 127:
        parts.append(value & 127 | 128)
        value >>= 7
    return bytes([*parts, value])


def field(number: int, value: int | bytes | str) -> bytes:
    if isinstance(value, int):
        return _varint(number << 3) + _varint(value)
    data = value.encode() if isinstance(value, str) else value
    return _varint(number << 3 | 2) + _varint(len(data)) + data


def fields(number: int, values: Sequence[int | bytes | str]) -> bytes:
    return b"".join(field(number, value) for value in values)


def node(operation: str, inputs: Sequence[str], output: str, **attributes: Sequence[int]) -> bytes:
    """Return an operation with one output; its attributes are lists of whole numbers."""
    written = [
        field(1, name) + fields(8, values) + field(20, INTEGERS)
        for name, values in attributes.items()
    ]
    return fields(1, inputs) + field(2, output) + field(4, operation) + fields(5, written)


def tensor(name: str, values: np.ndarray) -> bytes:
    """Return a constant, float32 or int64."""
    kind = FLOAT if values.dtype == np.float32 else INT64
    return fields(1, values.shape) + field(2, kind) + field(8, name) + field(9, values.tobytes())


def external(name: str, shape: Sequence[int], location: str) -> bytes:
    """Return a float32 constant whose values are in another file."""
    entry = field(13, field(1, "location") + field(2, location))
    return fields(1, shape) + field(2, FLOAT) + field(8, name) + entry + field(14, 1)


def _described(name: str, shape: Sequence[int | str], kind: int) -> bytes:
    dimensions = b"".join(
        field(1, field(1, size) if isinstance(size, int) else field(2, size)) for size in shape
    )
    return field(1, name) + field(2, field(1, field(1, kind) + field(2, dimensions)))


def model(
    nodes: Sequence[bytes],
    constants: Sequence[bytes],
    inputs: Mapping[str, Sequence[int | str]],
    outputs: Mapping[str, Sequence[int | str]],
    kind: int = FLOAT,
) -> bytes:
    """Return the file's content; inputs are of a kind, outputs float32, of the given shapes."""
    graph = fields(1, nodes) + field(2, "graph") + fields(5, constants)
    graph += fields(11, [_described(name, shape, kind) for name, shape in inputs.items()])
    graph += fields(12, [_described(name, shape, FLOAT) for name, shape in outputs.items()])
    return field(1, 8) + field(8, field(1, "") + field(2, 13)) + field(7, graph)
