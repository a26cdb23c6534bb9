"""Boxes that a user brings, corrects and takes away: CSV, Parquet, COCO JSON and VIA JSON."""

from anonbench.annotations.coco import write_coco
from anonbench.annotations.corrections import Corrections, apply_corrections, read_corrections
from anonbench.annotations.read import read_boxes_file

__all__ = [
    "Corrections",
    "apply_corrections",
    "read_boxes_file",
    "read_corrections",
    "write_coco",
]
