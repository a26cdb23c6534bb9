"""Regions from a user's files: CSV, Parquet, COCO JSON and VIA JSON."""

from anonbench.datasets.annotations.json_files import write_coco
from anonbench.datasets.annotations.read import (
    Action,
    Annotations,
    Correction,
    by_image,
    correct,
    for_all_copies,
    read_boxes_file,
    read_corrections,
    read_regions,
    read_stored_corrections,
    write_annotations,
)
from anonbench.datasets.annotations.rows import Images

__all__ = [
    "Action",
    "Annotations",
    "Correction",
    "Images",
    "by_image",
    "correct",
    "for_all_copies",
    "read_boxes_file",
    "read_corrections",
    "read_regions",
    "read_stored_corrections",
    "write_annotations",
    "write_coco",
]
