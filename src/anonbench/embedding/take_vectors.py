"""Vectors that were made elsewhere, matched with the images of a run."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from anonbench.core.errors import InputError
from anonbench.datasets.image_sets.shards import ImageSet, member_name
from anonbench.embedding.systems.folders import read_vectors
from anonbench.embedding.systems.vectors import Vectors


def take_vectors(settings: Vectors, sets: Sequence[tuple[str, ImageSet]]) -> list[np.ndarray]:
    """Return the vectors of image sets, float32 [N, D] each, in the order of their ids.

    Args:
        settings: where the files are.
        sets: variant and images of each.

    Raises:
        InputError: a file is missing, and says which images need vectors; or a file lacks images,
            or has other dimensions than the others.

    """
    missing = [(v, images) for v, images in sets if not settings.stored(v).is_file()]
    if missing:
        raise InputError(_wanted(settings, missing))
    found = [_matched(settings.stored(variant), images) for variant, images in sets]
    if len({values.shape[1] for values in found}) > 1:
        widths = {
            str(settings.stored(v)): f.shape[1] for (v, _), f in zip(sets, found, strict=True)
        }
        text = ", ".join(f"{path} {width}" for path, width in widths.items())
        raise InputError(f"systems: the files have vectors of several dimensions: {text}")
    return found


def _wanted(settings: Vectors, missing: Sequence[tuple[str, ImageSet]]) -> str:
    lines = [
        f"systems: vectors of {len(missing)} image sets are missing. Embed these images by your "
        "system, write the files, and run the same command again:"
    ]
    for variant, images in missing:
        where = images.folder if variant != "original" else f"the originals in {images.folder}"
        tars = "" if variant == "original" else "/*.tar"
        lines.append(f"  {where}{tars} ({len(images):,} images) -> {settings.stored(variant)}")
    lines.append("Ids are the names of the files in these tars, or the images' ids.")
    return "\n".join(lines)


def _matched(file: Path, images: ImageSet) -> np.ndarray:
    """Return a file's vectors of the images of a set."""
    given = read_vectors(file)
    rows = {name: row for row, name in enumerate(given.ids)}
    places = [_row(rows, image_id, images.path(image_id)) for image_id in images.ids]
    if absent := [name for name, row in zip(images.ids, places, strict=True) if row is None]:
        raise InputError(
            f"systems: {file} has no vector of {len(absent)} of {len(images)} images, such as "
            f"{absent[0]!r}; ids are those of the images, or the names of their files"
        )
    return np.asarray(given.values)[np.array(places, np.int64)]


def _row(rows: dict[str, int], image_id: str, path: str | None) -> int | None:
    names = [image_id, *([path] if path else [])]
    names += [member_name(image_id, suffix) for suffix in ("png", "jpg")]
    names += [member_name(image_id, "").removesuffix(".")]
    for name in names:
        if name in rows:
            return rows[name]
    return None
