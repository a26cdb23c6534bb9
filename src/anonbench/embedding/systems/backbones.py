"""Backbones that anonbench trained, as encoders."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

import numpy as np
import torch

from anonbench.core.errors import InputError
from anonbench.core.registries.systems import Encoder
from anonbench.embedding.systems.networks.threads import batched
from anonbench.embedding.systems.networks.torch_encoder import batch_of, one_thread_each
from anonbench.training.checkpoints.weights import load_backbone
from anonbench.training.loop.device_setup import pick_device
from anonbench.training.model.backbone import encode


@contextmanager
def backbone_encoder(
    file: Path, batch_size: int | None, device: Literal["auto", "cpu", "cuda"]
) -> Iterator[Encoder]:
    """Give the class tokens of a backbone, with the input of its training.

    Raises:
        InputError: the file is missing, or anonbench did not write it.

    """
    try:
        model, preprocess = load_backbone(file)
    except InputError as error:
        raise InputError(
            f"systems: {error}; for weights of a timm model, use kind: timm with `name` and "
            "`weights`"
        ) from error
    place = pick_device(device)
    model = model.to(place)

    def run(batch: np.ndarray) -> np.ndarray:
        with torch.inference_mode():
            inputs = preprocess.normalized(torch.from_numpy(batch).to(place))
            return encode(model, inputs)[:, 0].float().cpu().numpy()

    with (
        one_thread_each(place) as threads,
        batched(preprocess.fit, run, batch_of(batch_size, place), threads) as encoder,
    ):
        yield encoder
