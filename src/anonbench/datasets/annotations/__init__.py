"""Regions from a user's files: CSV, Parquet, COCO JSON and VIA JSON."""

from anonbench.datasets.annotations.coco import write_coco
from anonbench.datasets.annotations.corrections import Correction, correct, read_corrections
from anonbench.datasets.annotations.keys import Images
from anonbench.datasets.annotations.read import Annotations, read_boxes_file
from anonbench.datasets.annotations.stored import (
    for_all_copies,
    read_regions,
    read_stored_corrections,
    write_annotations,
)

__all__ = [
    "Annotations",
    "Correction",
    "Images",
    "correct",
    "for_all_copies",
    "read_boxes_file",
    "read_corrections",
    "read_regions",
    "read_stored_corrections",
    "write_annotations",
    "write_coco",
]
