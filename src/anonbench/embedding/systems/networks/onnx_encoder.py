"""ONNX models as encoders."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from anonbench.core.errors import InputError
from anonbench.core.image_input import ImageInput
from anonbench.core.libraries.onnx import cpu_session
from anonbench.core.registries.systems import Encoder
from anonbench.embedding.systems.networks.inputs import Prepare
from anonbench.embedding.systems.networks.threads import batched

_TYPES = {
    "tensor(float)": np.float32,
    "tensor(float16)": np.float16,
    "tensor(uint8)": np.uint8,
}
_PIXELS: dict[str, Any] = {"value_range": 255, "mean": (0.0, 0.0, 0.0), "std": (1.0, 1.0, 1.0)}
"""Settings of an input of whole numbers: the pixels as they are."""


@contextmanager
def onnx_encoder(
    file: Path, described: ImageInput, output: str | None, batch_size: int
) -> Iterator[Encoder]:
    """Give a model that returns vectors [N, D]; each batch is computed by one thread.

    Raises:
        InputError: the file is no ONNX model of images, or its input is another one than described.

    """
    try:
        session = cpu_session(file)
    except Exception as error:  # the library's own exceptions have no common base
        text = " ".join(str(error).split())[:200]
        raise InputError(f"systems: {file} cannot be loaded as ONNX ({text})") from error
    inputs, names = session.get_inputs(), [each.name for each in session.get_outputs()]
    if len(inputs) != 1:
        found = ", ".join(each.name for each in inputs)
        raise InputError(f"systems: {file} has {len(inputs)} inputs ({found}), not one of images")
    if output is not None and output not in names:
        raise InputError(f"systems: {file} has no output {output!r}; it has {', '.join(names)}")
    (given,) = inputs
    if given.type not in _TYPES:
        raise InputError(
            f"systems: {file} takes {given.type}, not float32, float16 or uint8 images"
        )
    described = _completed(described, given.shape, given.type, file)
    size = given.shape[0] if isinstance(given.shape[0], int) else batch_size

    def run(batch: np.ndarray) -> np.ndarray:
        fed = {given.name: batch.astype(_TYPES[given.type], copy=False)}
        vectors = np.asarray(session.run([output or names[0]], fed)[0])
        if vectors.ndim == 4 and vectors.shape[2:] == (1, 1):  # a pooled map
            vectors = vectors[:, :, 0, 0]
        if vectors.ndim != 2 or len(vectors) != len(batch):
            raise InputError(
                f"systems: {file}: the output {output or names[0]} has shape {vectors.shape}, not "
                f"one vector an image [N, D]; set `output` to another of {', '.join(names)}"
            )
        return vectors

    with batched(Prepare(described), run, size) as encoder:
        yield encoder


def _completed(described: ImageInput, shape: list[Any], kind: str, file: Path) -> ImageInput:
    """Return settings with the size, layout and values that the model has.

    Raises:
        InputError: the settings say others, or it takes no colour images.

    """
    if len(shape) != 4:
        raise InputError(
            f"systems: {file} takes an input of shape {shape}, not images [N, 3, H, W]"
        )
    own: dict[str, Any] = {"layout": "nhwc" if shape[3] == 3 and shape[1] != 3 else "nchw"}
    channels, sides = (shape[3], shape[1:3]) if own["layout"] == "nhwc" else (shape[1], shape[2:])
    if isinstance(channels, int) and channels != 3:
        raise InputError(f"systems: {file} takes images of {channels} channels, not of 3")
    if all(isinstance(side, int) for side in sides):
        own["size"] = tuple(sides)
    elif not isinstance(channels, int):
        del own["layout"]  # the model does not tell
    own |= _PIXELS if _TYPES[kind] is np.uint8 else {}
    for name, value in own.items():
        if name in described.model_fields_set and getattr(described, name) != value:
            raise InputError(
                f"systems: {file} takes {name} {value}, and `input.{name}` says "
                f"{getattr(described, name)}; leave it out"
            )
    return described.model_copy(update=own)
