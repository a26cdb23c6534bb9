"""PyTorch modules as encoders."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from pickle import UnpicklingError
from typing import Any, Literal

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from anonbench.core.errors import InputError
from anonbench.core.image_input import ImageInput
from anonbench.core.libraries.precision import full_float32
from anonbench.core.registries.systems import Encoder
from anonbench.embedding.systems.networks.inputs import Prepare
from anonbench.embedding.systems.networks.threads import batched
from anonbench.training.loop.device_setup import pick_device

_WRAPPED = ("state_dict", "model", "state_dict_ema")
"""Names under which training programs keep a state dict in a file."""


@contextmanager
def torch_encoder(
    model: nn.Module,
    described: ImageInput,
    batch_size: int | None,
    precision: Literal["fp32", "bf16"] = "fp32",
    device: Literal["auto", "cpu", "cuda"] = "auto",
) -> Iterator[Encoder]:
    """Give a module that returns vectors [N, D] of images [N, 3, H, W].

    On a CPU each batch is computed by one thread, so that no bit depends on their number.
    """
    place = pick_device(device)
    full_float32()
    model = model.eval().requires_grad_(False).to(place)
    model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    size = batch_of(batch_size, place)
    compute: Callable[[Tensor], Any] = model
    if place.type == "cpu" and precision == "fp32":
        compute = _folded(model, size, described)

    def run(batch: np.ndarray) -> np.ndarray:
        autocast = torch.autocast(place.type, torch.bfloat16) if precision == "bf16" else None
        with torch.inference_mode(), autocast or nullcontext():
            inputs = torch.from_numpy(batch).to(place)
            if described.layout == "nchw":
                inputs = inputs.contiguous(memory_format=torch.channels_last)
            return vectors_of(compute(inputs)).float().cpu().numpy()

    with (
        one_thread_each(place) as threads,
        batched(Prepare(described), run, size, threads) as encoder,
    ):
        yield encoder


def _folded(model: nn.Module, size: int, described: ImageInput) -> Callable[[Tensor], Any]:
    """Return a model with its normalizations folded into its convolutions; itself where it cannot.

    On a CPU that is about 1.4 times as fast. A model that decides by its input is left as it is;
    what is folded is compared with the model's own vectors.
    """
    if not any(isinstance(part, nn.BatchNorm2d) for part in model.modules()):
        return model
    shape = (3, *described.size) if described.layout == "nchw" else (*described.size, 3)
    example = torch.linspace(-2, 2, size * math.prod(shape)).reshape(size, *shape)
    other = example.flip(0).sin()
    if described.layout == "nchw":
        example = example.contiguous(memory_format=torch.channels_last)
        other = other.contiguous(memory_format=torch.channels_last)
    jit: Any = torch.jit
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            warnings.simplefilter("error", jit.TracerWarning)
            traced = jit.freeze(jit.trace(model, example, check_trace=False))
        with torch.inference_mode(), jit.optimized_execution(False):
            expected, found = model(other), traced(other)
        rounding = 1e-4 * float(expected.abs().max())
        if not torch.allclose(expected, found, rtol=0.0, atol=rounding):
            return model
    except Exception:  # models fail to be traced in many ways, and are right as they are
        return model

    def run(inputs: Tensor) -> Any:
        # without it the first batches are computed by other kernels than later ones
        with jit.optimized_execution(False):
            return traced(inputs)

    return run


def batch_of(given: int | None, place: torch.device) -> int:
    """Return how many images are computed at once, where nothing is given as what is fast."""
    return given or (64 if place.type == "cuda" else 4)


@contextmanager
def one_thread_each(place: torch.device) -> Iterator[int | None]:
    """Let each batch be computed by one thread; give how many batches may be, None for all cores.

    A GPU computes one batch after the other.
    """
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield 1 if place.type == "cuda" else None
    finally:
        torch.set_num_threads(before)


@contextmanager
def script_encoder(
    file: Path,
    described: ImageInput,
    batch_size: int | None,
    device: Literal["auto", "cpu", "cuda"],
) -> Iterator[Encoder]:
    """Give a model that `torch.jit.save` wrote.

    Raises:
        InputError: the file is missing or no TorchScript.

    """
    place = pick_device(device)
    try:
        jit: Any = torch.jit
        model = jit.load(str(file), map_location=place).eval()
    except (RuntimeError, ValueError) as error:
        text = " ".join(str(error).split())[:200]
        raise InputError(f"systems: {file} cannot be loaded as TorchScript ({text})") from error

    def run(batch: np.ndarray) -> np.ndarray:
        # without it the first batches are computed by other kernels than later ones
        with torch.inference_mode(), jit.optimized_execution(False):
            return vectors_of(model(torch.from_numpy(batch).to(place))).float().cpu().numpy()

    full_float32()
    with (
        one_thread_each(place) as threads,
        batched(Prepare(described), run, batch_of(batch_size, place), threads) as encoder,
    ):
        yield encoder


def vectors_of(answer: object) -> Tensor:
    """Return what a model computed as vectors, [N, D].

    Raises:
        InputError: it is no single tensor of two dimensions.

    """
    if isinstance(answer, tuple | list) and len(answer) == 1:
        answer = answer[0]
    if isinstance(answer, Tensor) and answer.ndim == 4 and answer.shape[2:] == (1, 1):
        answer = answer[:, :, 0, 0]  # a pooled map
    if not isinstance(answer, Tensor) or answer.ndim != 2:
        shape = tuple(answer.shape) if isinstance(answer, Tensor) else type(answer).__name__
        raise InputError(
            f"systems: the model returns {shape}, not one vector an image [N, D]; export it with "
            "its pooling"
        )
    return answer


def read_state(path: Path) -> dict[str, Tensor]:
    """Return the weights of a safetensors or PyTorch file, by name; nothing in it is executed.

    Raises:
        InputError: the file is missing, or holds no state dict.

    """
    if not path.is_file():
        raise InputError(f"systems: {path} does not exist")
    try:
        if path.suffix == ".safetensors":
            return dict(load_file(path))
        found = torch.load(path, map_location="cpu", weights_only=True)
    except (SafetensorError, UnpicklingError, RuntimeError, EOFError, OSError) as error:
        text = " ".join(str(error).split())[:200]
        raise InputError(f"systems: {path} holds no weights ({text})") from error
    for name in _WRAPPED:
        if isinstance(found, dict) and isinstance(found.get(name), dict):
            found = found[name]
    if not isinstance(found, dict) or not all(isinstance(v, Tensor) for v in found.values()):
        raise InputError(f"systems: {path} holds no state dict (weights by name)")
    return {name.removeprefix("module."): value for name, value in found.items()}
