"""Folders of images for other programs, and the vectors that they write."""

from __future__ import annotations

import zipfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from anonbench.core.errors import InputError
from anonbench.embedding.formats import checked, read
from anonbench.embedding.store import Embeddings

SUFFIX = ".png"


def write_images(images: Sequence[np.ndarray], folder: Path) -> list[str]:
    """Write images as PNG, one after the other, and return their names without suffix."""
    folder.mkdir(parents=True)
    names = []
    for number in range(len(images)):
        names.append(f"{number:06d}")
        Image.fromarray(images[number]).save(folder / f"{names[-1]}{SUFFIX}", compress_level=1)
    return names


def read_vectors(file: Path) -> Embeddings:
    """Read vectors in the formats of `anonbench.embedding.formats`, or NPZ (`ids`, `embeddings`).

    Raises:
        InputError: the file is in none of them.

    """
    if file.suffix != ".npz":
        return read(file)
    try:
        with np.load(file, allow_pickle=False) as arrays:
            ids, values = arrays["ids"], arrays["embeddings"]
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        raise InputError(
            f"{file}: cannot be read as NPZ with `ids` [N] and `embeddings` [N, D] "
            f"({type(error).__name__})"
        ) from None
    return checked(ids, values, str(file))


def ordered(file: Path, names: Sequence[str]) -> np.ndarray:
    """Return the vectors of images by their names, float32 [N, D], in the order of the names.

    A `.npy` file without a list of ids is taken to be in the order of the names.

    Raises:
        InputError: an image has no vector, or several.

    """
    if file.suffix == ".npy" and not file.with_suffix(".ids.txt").is_file():
        file.with_suffix(".ids.txt").write_text("\n".join(names) + "\n", encoding="utf-8")
    found = read_vectors(file)
    rows = {name.rpartition("/")[2].removesuffix(SUFFIX): row for row, name in enumerate(found.ids)}
    if len(rows) < len(found.ids):
        raise InputError(
            f"{len(found.ids)} vectors in the program's file are of {len(rows)} images; "
            "its ids are the names of the files, each once"
        )
    missing = [name for name in names if name not in rows]
    if missing:
        raise InputError(
            f"{len(missing)} of {len(names)} images have no vector in the program's file, "
            f"such as {missing[0]}{SUFFIX}; its ids are the names of the files"
        )
    return np.asarray(found.values)[[rows[name] for name in names]]
