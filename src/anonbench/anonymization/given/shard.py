"""Image set of another program's pictures: a tar of one shard, and what was compared."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd

from anonbench.anonymization.audit.regions import read_regions
from anonbench.anonymization.given.gather import compare
from anonbench.config import Anonymization
from anonbench.core.errors import InputError, UnreadableImage
from anonbench.core.io import write_parquet
from anonbench.core.memory import memory_for
from anonbench.core.progress import track
from anonbench.datasets.formats.pages import page_of
from anonbench.datasets.given import belonging, pictures_in
from anonbench.datasets.image_sets.shards import ShardWriter, used_rows
from anonbench.datasets.images import encode, max_bytes, read_file, read_image, read_original

COLUMNS: Mapping[str, str] = {
    "id": "str",
    "entity": "str",
    "order": "int32",
    "changed": "float64",
    "state": "str",
}
"""A row a region, and one a picture with no entity: its `changed` is the share of the area outside
all regions, and its `state` is `original` where nothing is changed."""

log = logging.getLogger(__name__)


def given_shard(
    manifest: pd.DataFrame,
    root: Path,
    boxes: pd.DataFrame,
    images: pd.DataFrame,
    program: str,
    folder: Path,
    settings: Anonymization,
    keep_without_regions: bool,
    max_pixels: int,
    output: Path,
    compared: Path,
) -> None:
    """Write a program's pictures of a shard's images, in id order, and what they changed.

    They are coded as all image sets are. Nothing is hidden, and nothing is audited.

    Args:
        manifest: `id`, `path`, `bytes` and `digest` of all images.
        root: folder that `path` is relative to.
        boxes: the shard's box table.
        images: the shard's detection outcome: `id`, `status`.
        program: its name, for messages.
        folder: of its pictures.
        settings: format of image sets.
        keep_without_regions: see `used_rows`.
        max_pixels: larger pictures are refused.
        output: the tar's path.
        compared: Parquet with `COLUMNS`.

    Raises:
        ChangedImage: an original is another one than the manifest describes, or gone.
        InputError: a picture is gone, or of another size, since the manifest was made.
    """
    own = belonging(manifest, pictures_in(folder), program)
    rows = used_rows(manifest.assign(picture=own), images, keep_without_regions)
    columns = (rows[name] for name in ("id", "path", "bytes", "digest", "picture"))
    regions = read_regions(boxes)
    extension = "png" if settings.format == "png" else "jpg"
    found: list[tuple[object, ...]] = []
    with ShardWriter.open(output) as shard:

        def add(image_id: str, original: np.ndarray, own_path: str | None) -> None:
            picture, data = _read(image_id, own_path, folder, program, max_pixels)
            if picture.shape[:2] != original.shape[:2]:
                raise _replaced(image_id, program, "has another size")
            with memory_for(original.shape[0] * original.shape[1]):
                states = compare(original, picture, data, regions.get(image_id, []))
                found.extend((image_id, *each) for each in states)
                pixels = _like(picture, original)
                coded = encode(pixels, settings.format)
                shard.add(image_id, coded, extension, *pixels.shape[1::-1])

        files = zip(*columns, strict=True)
        for image_id, path, size, digest, own_path in track(files, len(rows), program):
            data = read_original(image_id, root / path, size, digest)
            # nothing of an image is left in memory when the next one is read
            add(image_id, read_image(data, None, page_of(digest)), own_path)
    write_parquet(pd.DataFrame(found, columns=list(COLUMNS)).astype(dict(COLUMNS)), compared)
    log.info("%d of %d pictures of %s", len(rows), len(images), program)


def _read(
    image_id: str, path: str | None, folder: Path, program: str, max_pixels: int
) -> tuple[np.ndarray, bytes]:
    if path is None:
        raise _replaced(image_id, program, "is gone")
    try:
        data = read_file(folder / path, max_bytes(max_pixels))
        return read_image(data, max_pixels), data
    except UnreadableImage as error:
        raise _replaced(image_id, program, str(error)) from None


def _replaced(image_id: str, program: str, what: str) -> InputError:
    return InputError(
        f"image {image_id!r}: the picture of {program} {what}: it changed since the "
        "run began; run again"
    )


def _like(picture: np.ndarray, original: np.ndarray) -> np.ndarray:
    """Return a picture with its original's channels; colours that a program adds are kept."""
    if picture.ndim == original.ndim:
        return picture
    if picture.ndim == 2:
        return np.repeat(picture[..., None], 3, axis=2)
    is_grey = (picture == picture[..., :1]).all()
    return np.ascontiguousarray(picture[..., 0]) if is_grey else picture
