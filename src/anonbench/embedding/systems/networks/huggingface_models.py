"""Models of the Hugging Face hub as encoders."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from anonbench.core.errors import InputError
from anonbench.core.libraries.compat import install_torchvision_ops
from anonbench.core.registries.systems import Encoder
from anonbench.embedding.systems.networks.threads import batched
from anonbench.embedding.systems.networks.torch_encoder import batch_of, one_thread_each
from anonbench.training.loop.device_setup import pick_device

install_torchvision_ops()  # transformers and timm import torchvision

Device = Literal["auto", "cpu", "cuda"]
Pooling = Literal["auto", "pooler", "cls", "mean"]


@contextmanager
def huggingface_encoder(
    name: str, revision: str | None, pooling: Pooling, batch_size: int | None, device: Device
) -> Iterator[Encoder]:
    """Give a model of a folder or of the hub.

    Raises:
        InputError: it is not there, or the hub is out of reach, or transformers is not installed.

    """
    described = _description(name, revision)
    if "architecture" in described:  # timm's format
        from anonbench.embedding.systems.networks.timm_models import timm_encoder

        place = "local-dir" if Path(name).is_dir() else "hf-hub"
        tagged = f"{place}:{name}" + (f"@{revision}" if revision else "")
        with timm_encoder(tagged, None, None, batch_size, "fp32", device) as encoder:
            yield encoder
        return
    with _transformers(name, revision, pooling, batch_size, device) as encoder:
        yield encoder


def _description(name: str, revision: str | None) -> dict[str, Any]:
    file = Path(name, "config.json")
    try:
        if not Path(name).is_dir():
            from huggingface_hub import hf_hub_download

            file = Path(hf_hub_download(name, "config.json", revision=revision))
        return dict(json.loads(file.read_text(encoding="utf-8")))
    except Exception as error:  # of the hub's client, of the network or of the file
        raise _unavailable(name, error) from error


def _unavailable(name: str, error: Exception) -> InputError:
    text = " ".join(str(error).split())[:200]
    return InputError(
        f"systems: {name!r} cannot be had from the hub, nor is it a folder with config.json "
        f"({text}); without a network, give a folder that has its files"
    )


@contextmanager
def _transformers(
    name: str, revision: str | None, pooling: Pooling, batch_size: int | None, device: Device
) -> Iterator[Encoder]:
    try:
        from transformers import AutoImageProcessor, AutoModel
    except ImportError as error:
        raise InputError(
            f"systems: {name!r} is in the format of transformers, which is not installed; install "
            "it: pip install transformers"
        ) from error
    place = pick_device(device)
    try:
        known: dict[str, Any] = {"revision": revision} if revision else {}
        loader: Any = AutoImageProcessor
        processor = loader.from_pretrained(name, **known)
        model = AutoModel.from_pretrained(name, use_safetensors=True, **known)
    except Exception as error:  # of the hub's client, of the network or of the files
        raise _unavailable(name, error) from error
    model = getattr(model, "vision_model", model).eval().requires_grad_(False).to(place)

    def prepare(image: np.ndarray) -> np.ndarray:
        found = processor(images=Image.fromarray(image), return_tensors="np")
        return np.asarray(found["pixel_values"][0], np.float32)

    def run(batch: np.ndarray) -> np.ndarray:
        with torch.inference_mode():
            answer = model(pixel_values=torch.from_numpy(batch).to(place))
            return pooled(answer, pooling).float().cpu().numpy()

    with (
        one_thread_each(place) as threads,
        batched(prepare, run, batch_of(batch_size, place), threads) as encoder,
    ):
        yield encoder


def pooled(answer: Any, pooling: Pooling) -> Tensor:
    """Return one vector an image, [N, D], of what a model of transformers computed.

    Raises:
        InputError: the model has no such output.

    """
    whole: Tensor | None = getattr(answer, "pooler_output", None)
    tokens: Tensor | None = getattr(answer, "last_hidden_state", None)
    if pooling == "pooler" and whole is None:
        raise InputError("systems: pooling: the model has no pooler; choose cls or mean")
    if whole is not None and pooling in ("auto", "pooler"):
        return whole.flatten(1)
    if tokens is None:
        raise InputError("systems: the model gives no tokens; it is no vision model")
    if tokens.ndim == 4:  # a convolutional map
        return tokens.mean(dim=(2, 3))
    return tokens.mean(dim=1) if pooling == "mean" else tokens[:, 0]
