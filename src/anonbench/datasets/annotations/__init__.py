"""Regions from a user's files: CSV, Parquet and COCO JSON."""

from anonbench.datasets.annotations.coco import write_coco
from anonbench.datasets.annotations.read import (
    Action,
    Annotations,
    Correction,
    correct,
    group_by_image,
    read_boxes_file,
    read_corrections,
    read_regions,
    read_stored_corrections,
    share_among_copies,
    write_annotations,
)
from anonbench.datasets.annotations.rows import Images
