"""Models in ONNX format, run by ONNX Runtime."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from anonbench.core.errors import InputError
from anonbench.core.provenance import versions
from anonbench.core.registries.systems import Encoder, ImageInput, SystemKind
from anonbench.core.settings import Count, Place

if TYPE_CHECKING:
    import numpy as np

_TYPES = {"tensor(float)": "float32", "tensor(float16)": "float16", "tensor(uint8)": "uint8"}
# an input of whole numbers gets the pixels as they are
_PIXELS: dict[str, Any] = {"value_range": 255, "mean": (0.0, 0.0, 0.0), "std": (1.0, 1.0, 1.0)}


class Onnx(SystemKind):
    """A model in ONNX format, run by ONNX Runtime on the CPU: images in, vectors [N, D] out."""

    name: ClassVar = "onnx"
    label: ClassVar = "ONNX"
    file_fields: ClassVar = ("file",)

    kind: Literal["onnx"] = "onnx"  # Kind of system.
    file: Place  # The model's ONNX file.
    input: ImageInput = ImageInput()
    """Preparation of images; size and layout are by default the model's own if it fixes them."""
    output: str | None = None  # Name of the output with the vectors; by default the first one.
    batch_size: Count = 2  # Images in a batch, if the model takes any number.

    def evidence(self) -> dict[str, Any]:
        """Return the versions of what runs it."""
        return versions("onnxruntime", "pillow")

    @contextmanager
    def start(self) -> Iterator[Encoder]:
        """Load the model; each batch is computed by one thread."""
        import numpy as np

        from anonbench.core.libraries.onnx import cpu_session
        from anonbench.embedding.systems.inputs import Prepare, batched

        where = f"systems: {self.file}"
        try:
            session = cpu_session(self.file)
        except Exception as error:  # the library's own exceptions have no common base
            text = " ".join(str(error).split())[:200]
            raise InputError(f"{where} cannot be loaded as ONNX ({text})") from error
        inputs, names = session.get_inputs(), [each.name for each in session.get_outputs()]
        if len(inputs) != 1:
            found = ", ".join(each.name for each in inputs)
            raise InputError(f"{where} has {len(inputs)} inputs ({found}), not one of images")
        (given,), output = inputs, self.output or names[0]
        if output not in names:
            raise InputError(f"{where} has no output {output!r}; it has {', '.join(names)}")
        if given.type not in _TYPES:
            raise InputError(f"{where} takes {given.type}, not float32, float16 or uint8 images")
        described = _completed(self.input, given.shape, given.type, where)
        size = given.shape[0] if isinstance(given.shape[0], int) else self.batch_size

        def run(batch: np.ndarray) -> np.ndarray:
            fed = {given.name: batch.astype(_TYPES[given.type], copy=False)}
            vectors = np.asarray(session.run([output], fed)[0])
            if vectors.ndim == 4 and vectors.shape[2:] == (1, 1):  # a pooled map
                vectors = vectors[:, :, 0, 0]
            if vectors.ndim != 2 or len(vectors) != len(batch):
                raise InputError(
                    f"{where}: the output {output} has shape {vectors.shape}, not one "
                    f"vector an image [N, D]; set `output` to another of {', '.join(names)}"
                )
            return vectors

        with batched(Prepare(described), run, size) as encoder:
            yield encoder


def _completed(described: ImageInput, shape: list[Any], kind: str, where: str) -> ImageInput:
    """Return settings with the size, layout and values that the model has."""
    if len(shape) != 4:
        raise InputError(f"{where} takes an input of shape {shape}, not images [N, 3, H, W]")
    own: dict[str, Any] = {"layout": "nhwc" if shape[3] == 3 and shape[1] != 3 else "nchw"}
    channels, sides = (shape[3], shape[1:3]) if own["layout"] == "nhwc" else (shape[1], shape[2:])
    if isinstance(channels, int) and channels != 3:
        raise InputError(f"{where} takes images of {channels} channels, not of 3")
    if all(isinstance(side, int) for side in sides):
        own["size"] = tuple(sides)
    elif not isinstance(channels, int):
        del own["layout"]  # the model does not tell
    own |= _PIXELS if _TYPES[kind] == "uint8" else {}
    for name, value in own.items():
        if name in described.model_fields_set and getattr(described, name) != value:
            raise InputError(
                f"{where} takes {name} {value}, and `input.{name}` says "
                f"{getattr(described, name)}; leave it out"
            )
    return described.model_copy(update=own)
