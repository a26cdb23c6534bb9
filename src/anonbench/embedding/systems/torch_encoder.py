"""PyTorch modules as encoders, with low-rank updates of weights as in the package peft."""

import json
import math
import re
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from anonbench.core.errors import InputError
from anonbench.core.registries.systems import Encoder, ImageInput, Network, adapter_files
from anonbench.embedding.systems.inputs import Prepare, batched


@contextmanager
def network_encoder(network: Network, adapter: Path | None = None) -> Iterator[Encoder]:
    """Yield the encoder of a network, whose weights are changed for good by an adapter.

    On a CPU each batch is computed by one thread, so that no bit depends on their number; a GPU
    computes one batch after the other. Raises as `merge`.
    """
    if adapter is not None:
        merge(network.module, adapter)
    compute = network.compute if network.faster is None else network.faster()
    is_gpu = network.place.type == "cuda"

    def run(batch: np.ndarray) -> np.ndarray:
        with torch.inference_mode():
            found = vectors_of(compute(torch.from_numpy(batch).to(network.place)))
            return found.float().cpu().numpy()

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        size = network.batch_size or (64 if is_gpu else 4)
        with batched(network.prepare, run, size, 1 if is_gpu else None) as encoder:
            yield encoder
    finally:
        torch.set_num_threads(before)


def module_network(
    model: nn.Module,
    described: ImageInput,
    batch_size: int | None,
    precision: str,
    place: torch.device,
) -> Network:
    """Return the network of a module from images [N, 3, H, W] to vectors [N, D], channels last."""
    model = model.eval().requires_grad_(False).to(place)
    model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def compute(forward: Callable[[Tensor], Any], inputs: Tensor) -> Any:
        with torch.autocast(place.type, torch.bfloat16, enabled=precision == "bf16"):
            return forward(inputs.contiguous(memory_format=torch.channels_last))

    def faster() -> Callable[[Tensor], Any]:
        can_fold = place.type == "cpu" and precision == "fp32"
        shape = (batch_size or 4, 3, *described.size)
        return partial(compute, _folded(model, shape) if can_fold else model)

    plain = partial(compute, model)
    return Network(model, Prepare(described), plain, batch_size, place, faster)


def _folded(model: nn.Module, shape: tuple[int, ...]) -> Callable[[Tensor], Any]:
    """Fold normalizations into convolutions, if possible: 1.4 times as fast.

    A model with control flow that depends on its input is not folded.
    """
    if not any(isinstance(part, nn.BatchNorm2d) for part in model.modules()):
        return model
    plain = torch.linspace(-2, 2, math.prod(shape)).reshape(shape)
    last: Any = {"memory_format": torch.channels_last}
    example, other = (each.contiguous(**last) for each in (plain, plain.flip(0).sin()))
    jit: Any = torch.jit

    def unoptimized(inputs: Tensor) -> Any:
        # the first batches are computed by the same kernels as later ones
        with jit.optimized_execution(False):
            return traced(inputs)

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            warnings.simplefilter("error", jit.TracerWarning)
            traced = jit.freeze(jit.trace(model, example, check_trace=False))
        with torch.inference_mode():
            expected, found = model(other), unoptimized(other)
        rounding = 1e-4 * float(expected.abs().max())
        return unoptimized if torch.allclose(expected, found, rtol=0.0, atol=rounding) else model
    except Exception:  # models fail to be traced in many ways, and are right as they are
        return model


def vectors_of(answer: object) -> Tensor:
    """Vectors [N, D] from the output of a model; InputError if it is not one such tensor."""
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


_KEY = re.compile(r"base_model\.model\.(.+)\.lora_([AB])\.weight")
# settings of peft that scale or lay out updates otherwise; initializations that keep the weights
_OTHERS = ("use_rslora", "rank_pattern", "alpha_pattern", "fan_in_fan_out")
_STARTS = (True, False, "gaussian", "eva", "orthogonal")


@torch.no_grad()
def merge(module: nn.Module, adapter: Path) -> None:
    """Add low-rank updates to the weights of the network that they are for, as peft does.

    InputError: a file cannot be read, or holds something else than plain updates of this network.
    """
    try:
        parts = load_file(adapter)
        settings = json.loads(adapter_files(adapter)[1].read_text(encoding="utf-8"))
        scale = settings["lora_alpha"] / settings["r"]
        is_plain = not any(settings.get(each) for each in _OTHERS)
        is_plain &= settings.get("init_lora_weights", True) in _STARTS
    except (SafetensorError, OSError, ValueError, LookupError, TypeError, ArithmeticError) as error:
        text = " ".join(str(error).split())[:200]
        raise InputError(
            f"systems: adapter: {adapter} and its adapter_config.json cannot be read as low-rank "
            f"updates ({type(error).__name__}: {text})"
        ) from None
    found = [_KEY.fullmatch(key) for key in parts]
    names = {match[1] for match in found if match}
    if not is_plain or None in found or len(parts) != 2 * len(names):
        raise InputError(
            f"systems: adapter: {adapter} holds more than plain low-rank updates; merge it into "
            "the weights by its own program, and give those"
        )
    layers = dict(module.named_modules())
    for name in sorted(names):
        first, last = (parts[f"base_model.model.{name}.lora_{each}.weight"] for each in "AB")
        weight: Any = getattr(layers.get(name), "weight", None)
        is_matrix = isinstance(weight, nn.Parameter) and min(weight.ndim, first.ndim, last.ndim) > 1
        fits = is_matrix and len(first) == last.flatten(1).shape[1]
        update = scale * last.flatten(1) @ first.flatten(1) if fits else None
        if update is None or weight.flatten(1).shape != update.shape:
            raise InputError(
                f"systems: adapter: {adapter} was learned for another network: the system's has "
                f"no such layer as {name}"
            )
        weight.add_(update.reshape(weight.shape).to(weight))
