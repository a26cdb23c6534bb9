"""Contact sheets of a data set: its least certain images, and a random sample."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from pathlib import Path
from typing import Any

from anonbench.core.boxes import Region, image_regions, read_boxes
from anonbench.core.errors import UnreadableImage
from anonbench.core.wording import count as counted
from anonbench.datasets.formats.pages import page_of
from anonbench.datasets.image_sets.neutral_names import Names
from anonbench.datasets.images import read_image, read_original
from anonbench.datasets.source import read_csv
from anonbench.detection.quality.jobs import choose_sheet, searched
from anonbench.detection.quality.quality import read_truth
from anonbench.detection.quality.sweep import draw_sample
from anonbench.reporting.figures.overlays import Sheet, overlay_sheet


def draw_sheets(
    manifest: Path,
    boxes: Path,
    images: Sequence[Path],
    review: Path,
    truth: Path | None,
    drawn: bool,
    root: Path | None,
    max_pixels: int,
    count: int,
    dpi: int,
    least_certain: Path,
    sample: Path,
) -> None:
    """Draw both contact sheets.

    Args:
        manifest: manifest of the data set.
        boxes: detected regions.
        images: detection's outcome by shard.
        review: the list of images to look at (`anonbench.detection.quality.jobs.REVIEW_COLUMNS`).
        truth: see `read_truth`; None if unknown.
        drawn: whether the truth is the demo's.
        root: the originals' folder; None: pages stay blank, and images have numbers instead of ids.
        max_pixels: larger images are not opened.
        count: most images on a sheet.
        dpi: resolution of the sheets.
        least_certain: the PNG of the least certain images to write.
        sample: the PNG of a random sample to write.

    Raises:
        ChangedImage: a file differs from the manifest's description.
    """
    rows = searched(manifest, images).set_index("id", drop=False)
    doubtful = read_csv(review)
    doubtful = doubtful[doubtful["id"].isin(rows.index)]
    chosen = choose_sheet(doubtful, count)
    random = draw_sample(rows["id"], count)
    rows["name"] = rows["id"] if root else Names.of(manifest).images(rows["id"], manifest)
    shown = rows.loc[sorted({*chosen, *random})].to_dict("index")
    true = {} if truth is None else read_truth(truth, rows, drawn)
    frame = read_boxes(boxes)
    found = image_regions(frame[frame["id"].isin(list(shown))])
    why = doubtful.groupby("id")["why"].agg(", ".join)
    for ids, notes, output in (
        (chosen, why.to_dict(), least_certain),
        (random, {}, sample),
    ):
        pictures = [
            _picture(shown[image_id], notes.get(image_id, ""), found, true, root, max_pixels)
            for image_id in ids
        ]
        overlay_sheet(pictures, [output], dpi)


def _picture(
    row: Mapping[Hashable, Any],
    note: str,
    found: Mapping[str, Sequence[Region]],
    true: Mapping[str, Sequence[Region]],
    root: Path | None,
    max_pixels: int,
) -> Sheet:
    regions = found.get(row["id"], ())
    image = None
    if root is not None:
        try:
            path = root / row["path"]
            data = read_original(str(row["id"]), path, int(row["bytes"]), row["digest"])
            image = read_image(data, max_pixels, page_of(row["digest"]))
        except UnreadableImage:  # gone since it was last read: outlines only
            note = "cannot be read any more"
    return Sheet(
        name=str(row["name"]),
        note=", ".join(part for part in (note, counted(len(regions), "region")) if part),
        size=(int(row["width"]), int(row["height"])),
        found=regions,
        true=true.get(row["id"], ()),
        image=image,
    )
