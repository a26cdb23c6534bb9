"""A user's annotations as detection reads them: boxes, corrections, templates and truth."""

import logging
from collections.abc import Collection, Mapping
from dataclasses import replace
from pathlib import Path

import pandas as pd

from anonbench.config import Dataset, DataSource
from anonbench.core.boxes import Region
from anonbench.core.errors import InputError
from anonbench.core.io import files_in
from anonbench.datasets.annotations.read import (
    Action,
    Annotations,
    Correction,
    read_boxes_file,
    read_corrections,
    read_regions,
    read_stored_corrections,
    share_among_copies,
    write_annotations,
)
from anonbench.datasets.annotations.rows import Images, load_texts
from anonbench.datasets.listing import read_source, root_of
from anonbench.datasets.manifest import copies_of_used, left_out_copies, read_copies
from anonbench.datasets.source import Source, problem

log = logging.getLogger(__name__)

READERS = {"boxes": read_boxes_file, "corrections": read_corrections, "truth": read_boxes_file}
"""Readers of the files whose rows name images of the data set, by setting."""
SMALL = 4_000_000  # bytes up to which a file is checked during planning: less than a second's work


def user_files_of(name: str, dataset: Dataset) -> dict[str, list[Path]]:
    """The files that settings name, by setting; InputError without any."""
    files = {}
    for setting in ("boxes", "corrections", "templates", "truth"):
        if (path := getattr(dataset, setting)) is not None:
            files[setting] = files_in(path)
            if not files[setting]:
                raise problem(name, f"there is no file {path}, nor one in it", setting)
    return files


def seen_images(corrections: Path) -> dict[str, str]:
    """Digest of each corrected image as a person saw it, by id; empty without a review."""
    from anonbench.detection.review.file import Record

    if not (looks := Record(corrections).looks):
        return {}
    rows = load_texts(corrections)
    named = set(map(str, rows.get("id", ())))
    # a review names images by id; whoever names them by path may mean any
    return {name: each.digest for name, each in looks.items() if name in named or "path" in rows}


def check_user_files(dataset: Dataset, files: dict[str, list[Path]], source: Source) -> None:
    """Check the rows of small files against the listing, before any image is opened.

    The job that matches a file (`match_user_file`) checks the same, and the boxes by sizes.
    """
    known = [(setting, found[0]) for setting, found in files.items() if setting in READERS]
    small = [(setting, file) for setting, file in known if file.stat().st_size <= SMALL]
    if small:
        images = Images(root_of(dataset), source.images, source.others)
        for setting, file in small:
            _read(setting, file, images)


def match_user_file(
    setting: str,
    file: Path,
    name: str,
    source: DataSource,
    seed: int,
    manifest: Path,
    duplicates: Path,
    output: Path,
    seen: Mapping[str, str],
) -> None:
    """Write the rows of a user's file (a key of `READERS`), each with the id of its image.

    A row of an image that the data set lists and does not use (another split, outside the subset,
    skipped as unreadable) is counted in the log: nothing of that image is published. Regions of an
    image count for all images of the same bytes (`duplicates`), used or not. A removal ends where a
    person saw another image of this id (`seen_images`), and what was added is also added to the
    image that the person saw. The output is that of `write_annotations`; errors are those of
    `read_boxes_file`.
    """
    used = pd.read_parquet(manifest, columns=["id", "path", "width", "height", "bytes", "digest"])
    listed = read_source(name, source, seed, labels=False)
    others = pd.concat([listed.images[["id", "path"]], listed.others])
    copies = read_copies(duplicates)
    known = pd.concat([used, left_out_copies(copies, used, listed.images)])
    root = root_of(source)
    found = _read(setting, file, Images(root, known, others))
    if found.unused:
        unused = others[~others["id"].isin(known["id"])]
        more = copies_of_used(root, used, unused)
        kept = used[used["digest"].isin(more["digest"])]
        copies = pd.concat([copies, kept.assign(kept=True), more.assign(kept=False)])
        copies = copies.drop_duplicates("id").astype({"kept": bool})
        found = _read(setting, file, Images(root, pd.concat([known, more]), others))
    if seen:
        found, copies = _of_seen_images(found, seen, used, copies)
    found = share_among_copies(found, copies, spread=setting != "truth")
    log.info("%s: %d rows of %d images", file, len(found.rows), len(found.images))
    if found.unused:
        log.info("%s: %d rows are of images that are listed and not used", file, found.unused)
    write_annotations(found, output)


def _of_seen_images(
    found: Annotations, seen: Mapping[str, str], used: pd.DataFrame, copies: pd.DataFrame
) -> tuple[Annotations, pd.DataFrame]:
    """Leave out removals from images that changed since a person saw them.

    Returned copies have the images that are as the changed ones were: they get what was added.
    """
    images = pd.DataFrame({"id": [*seen], "digest": [*seen.values()]}, dtype="str")
    now = images["id"].map(used.set_index("id")["digest"])
    other = images[(images["digest"] != now) & now.notna()]
    ended = found.rows["id"].isin(other["id"]) & (found.rows["action"] == str(Action.REMOVE))
    rows = found.rows[~ended].reset_index(drop=True)
    same = used.loc[used["digest"].isin(other["digest"]), ["id", "digest"]]
    more = pd.concat([other, same]).assign(kept=True)
    found = replace(found, rows=rows, images=[*rows["id"].unique()])
    return found, pd.concat([copies, more], ignore_index=True).astype({"kept": bool})


def _read(setting: str, file: Path, images: Images) -> Annotations:
    found = READERS[setting](file, images)
    if setting == "truth" and not found.images:
        raise InputError(f"{file}: names no image that the data set uses")
    return found


def read_user_regions(
    boxes: Path | None, corrections: Path | None, only: Collection[str]
) -> tuple[dict[str, list[Region]], dict[str, list[Correction]]]:
    """Regions and corrections, as `match_user_file` wrote them, of images with these ids."""
    return (
        read_regions(boxes, only) if boxes else {},
        read_stored_corrections(corrections, only) if corrections else {},
    )
