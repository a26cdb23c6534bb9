"""The file of a model's attention maps; it is read without PyTorch."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from anonbench.core.io import atomic
from anonbench.training.data.preprocess import Preprocess


@dataclass(frozen=True)
class AttentionMaps:
    """The maps of one model, with the geometry of its input."""

    preprocess: Preprocess
    maps: dict[tuple[str, str], np.ndarray]
    """By variant and image id: float32 [heads, h, w]."""


def write_maps(attention: AttentionMaps, path: Path) -> None:
    """Write NPZ: an array a variant and image, and `preprocess`."""
    arrays = {
        f"{variant}/{image_id}": heads for (variant, image_id), heads in attention.maps.items()
    }
    how = attention.preprocess
    about = np.array([str(how.side), how.normalize, how.resize])
    with atomic(path) as temporary, temporary.open("wb") as file:
        np.savez(file, allow_pickle=False, preprocess=about, **arrays)


def read_maps(path: Path) -> AttentionMaps:
    """Read the maps that `anonbench.embedding.attention.attend` wrote."""
    with np.load(path) as stored:
        side, normalize, resize = stored["preprocess"].tolist()
        maps = {
            (name.partition("/")[0], name.partition("/")[2]): np.asarray(stored[name], np.float32)
            for name in stored.files
            if name != "preprocess"
        }
    return AttentionMaps(Preprocess(int(side), normalize, resize), maps)
