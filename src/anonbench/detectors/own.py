"""What a user adds to detection: boxes, corrections and templates of their own."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

import pandas as pd

from anonbench.annotations import Corrections, read_boxes_file, read_corrections
from anonbench.annotations.read import Sizes
from anonbench.boxes import Region
from anonbench.config import Dataset
from anonbench.datasets.source import problem
from anonbench.files import files_in


def own_files(name: str, dataset: Dataset) -> dict[str, list[Path]]:
    """Return the files that a data set's settings name, by setting; of a folder all in it.

    Raises:
        InputError: there are none; names the setting.

    """
    paths = {
        "boxes": dataset.boxes,
        "corrections": dataset.corrections,
        "templates": dataset.templates,
    }
    files = {setting: files_in(path) for setting, path in paths.items() if path is not None}
    for setting, found in files.items():
        if not found:
            raise problem(name, f"there is no file {paths[setting]}, nor one in it", setting)
    return files


def read_own(
    boxes: Path | None, corrections: Path | None, manifest: pd.DataFrame, only: Collection[str]
) -> tuple[dict[str, list[Region]], Corrections | None]:
    """Return the user's regions by image id, and their corrections.

    Args:
        boxes: a file of regions (CSV, Parquet, COCO or VIA JSON).
        corrections: a CSV.
        manifest: of the whole data set: id, width, height. The files are checked against it.
        only: the ids whose regions are wanted.

    Raises:
        InputError: names the file, the row and the column, and the way out.

    """
    if boxes is None and corrections is None:
        return {}, None
    columns = [manifest[column].tolist() for column in ("id", "width", "height")]
    sizes: Sizes = {name: (width, height) for name, width, height in zip(*columns, strict=True)}
    return (
        read_boxes_file(boxes, sizes, only) if boxes else {},
        read_corrections(corrections, sizes) if corrections else None,
    )
