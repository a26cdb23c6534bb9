"""The true regions of a data set: the demo's own, or those of a file."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from anonbench.core.boxes import Region, image_regions, read_boxes
from anonbench.datasets.annotations import read_regions


def read_truth(path: Path, manifest: pd.DataFrame, drawn: bool) -> dict[str, list[Region]]:
    """Return the true regions of those images of the manifest whose regions are known.

    Args:
        path: the demo's box table, or what `match_user_file` wrote of a file.
        manifest: column id.
        drawn: whether it is the demo's, which knows all images. Of other files, only images that
            they name are known: an image without any row may have been left out.

    """
    ids = [str(image_id) for image_id in manifest["id"]]
    if drawn:
        known = image_regions(read_boxes(path))
        return {image_id: known.get(image_id, []) for image_id in ids}
    return read_regions(path, ids)


def image_sizes(manifest: pd.DataFrame) -> dict[str, tuple[int, int]]:
    """Return width and height in pixels by image id."""
    numbers = manifest[["width", "height"]].to_numpy(int).tolist()
    return {str(i): (w, h) for i, (w, h) in zip(manifest["id"], numbers, strict=True)}
