"""Features of image sets: the class token of a trained backbone after its final norm."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from anonbench.config.evaluation import Embedding
from anonbench.core.provenance import file_digest, versions
from anonbench.datasets.image_sets.shards import ImageSet
from anonbench.embedding.batches import batches
from anonbench.embedding.store import Embeddings, write_embeddings
from anonbench.training.checkpoints.weights import load_backbone, read_description
from anonbench.training.data.preprocess import Preprocess
from anonbench.training.loop.device_setup import pick_device
from anonbench.training.model.backbone import encode


@torch.inference_mode()
def features(
    model: nn.Module, preprocess: Preprocess, images: ImageSet, settings: Embedding
) -> np.ndarray:
    """Return the class tokens, float32 [N, D], of all images in id order.

    Args:
        model: of `load_backbone`, on the device where it shall run.
        preprocess: of `load_backbone`.
        images: N images.
        settings: batch size and workers; the workers have no effect on the result.

    """
    device = next(model.parameters()).device
    parts = [
        encode(model, preprocess.normalized(batch.to(device)))[:, 0].float().cpu().numpy()
        for batch in batches(images, preprocess, settings)
    ]
    width: int = model.embed_dim  # type: ignore[assignment]
    return np.concatenate(parts) if parts else np.zeros((0, width), np.float32)


def embed_many(backbone: Path, sets: Sequence[tuple[ImageSet, Path]], settings: Embedding) -> None:
    """Embed several image sets by one backbone and write each as HDF5.

    On a CPU, the same arguments give the same bytes.

    Args:
        backbone: what `train` wrote.
        sets: image sets and where their embeddings go.
        settings: batch size and workers.

    Raises:
        InputError: the backbone cannot be loaded.

    """
    described = read_description(backbone)
    torch.set_num_threads(described["threads"])
    model, preprocess = load_backbone(backbone)
    model = model.to(pick_device(described["device"]))
    provenance: dict[str, Any] = {
        "model": file_digest(backbone),
        "versions": versions("torch", "timm", "numpy"),
    }
    for images, output in sets:
        values = features(model, preprocess, images, settings)
        source = provenance | {"images": images.digest}
        write_embeddings(output, Embeddings(images.ids, values, source))


def embed(backbone: Path, images: ImageSet, output: Path, settings: Embedding) -> None:
    """Embed one image set; see `embed_many`."""
    embed_many(backbone, [(images, output)], settings)
