"""Survey of an image folder: layout, formats, sizes, split, classes, and unused files."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import ValidationError

from anonbench.config import DataSource, Layout, OwnSplit
from anonbench.config.file.text import require_plain
from anonbench.core.errors import InputError
from anonbench.core.numeric.seeding import hash_ints
from anonbench.datasets.files.walk import is_quiet
from anonbench.datasets.listing import find_unused, read_layout

SAMPLED = 32
"""Images in the sample."""
_NAME = "archive"


@dataclass(frozen=True)
class Survey:
    """Statistics of a folder. File names are kept only for the sample, and never shown."""

    folder: Path
    layout: Layout
    wild: bool
    """Whether CelebA's images are the uncropped ones (in the wild)."""
    images: int
    megabytes: float
    formats: Mapping[str, int]
    """Number of images by suffix, most frequent first."""
    left: Mapping[str, int]
    """Number of image-like files that are not used, by reason."""
    split: tuple[int, int] | None
    """Train and validation images of an official split; None if there is none."""
    labels: tuple[str, ...]
    """Label columns, most useful first."""
    classes: tuple[int, ...]
    """Number of images of each class folder, largest first; empty without class folders."""
    sample: tuple[Path, ...]

    def source(self) -> dict[str, Any]:
        """Settings of a data set that say where its images are."""
        found: dict[str, Any] = {"layout": str(self.layout), "path": str(self.folder)}
        return found | ({"images": "wild"} if self.wild else {})


def survey(folder: Path) -> Survey:
    """Count the files of a folder without opening any image.

    Raises:
        InputError: the folder does not exist, its name cannot stand in a config, or it has no
            usable image.
    """
    _require_nameable(folder)
    layout, wild = _layout(folder)
    kind = "wild" if wild else "aligned"
    split = "official" if layout is Layout.RVL_CDIP else OwnSplit()
    dataset = DataSource(layout=layout, path=folder, images=kind, split=split)
    try:
        source = read_layout(_NAME, dataset, {"class"})
    except InputError as error:
        raise InputError(str(error).removeprefix(f"datasets.{_NAME}.path: ")) from None
    paths = [folder / path for path in source.images["path"]]
    sizes = np.array([_size(path) for path in paths], dtype=np.int64)
    table = source.images.assign(file=paths, bytes=sizes)[sizes >= 0]
    unused = find_unused(source, folder, named=False)
    rows = zip(unused["path"], unused["reason"], strict=True)
    left = Counter(reason for path, reason in rows if not is_quiet(path, reason))
    if missing := int((sizes < 0).sum()):
        left["named by a list file and not there"] += missing
    if table.empty:
        reasons = "; ".join(f"{n:,}: {why}" for why, n in left.most_common(3))
        raise InputError(
            f"{folder}: no image in it can be used{f' ({reasons})' if reasons else ''}"
        )
    order = np.argsort(hash_ints((0, "first config"), table["id"]), kind="stable")[:SAMPLED]
    classes = table["class"].value_counts().tolist() if "class" in table else []
    train, val = (int((table["split"] == part).sum()) for part in ("train", "val"))
    is_split = bool(train and val) and not table["split"].isna().any()
    return Survey(
        folder=folder,
        layout=layout,
        wild=wild,
        images=len(table),
        megabytes=float(table.drop_duplicates("file")["bytes"].sum()) / 1e6,  # documents have pages
        formats=dict(Counter(path.suffix.lower() for path in table["file"]).most_common()),
        left=dict(left.most_common()),
        split=(train, val) if is_split else None,
        labels=source.labels,
        classes=tuple(classes),
        sample=tuple(table["file"].iloc[order]),
    )


def _require_nameable(folder: Path) -> None:
    try:
        require_plain({"path": str(folder)})
        DataSource(layout=Layout.FOLDER, path=folder, split=OwnSplit())
    except (InputError, ValidationError):
        raise InputError(
            f"{str(folder)!a}: the folder's name has a character that no config can hold, or "
            "is too long; rename the folder"
        ) from None


def _layout(folder: Path) -> tuple[Layout, bool]:
    """Layout of a folder, recognized by the publishers' list files and folders."""
    listed = any(folder.glob("list_*_celeba.*")) or any(folder.glob("identity_CelebA.*"))
    if listed and any((folder / name).is_dir() for name in ("img_align_celeba", "img_celeba")):
        return Layout.CELEBA, not (folder / "img_align_celeba").is_dir()
    lists = ("labels/train.txt", "labels/val.txt")
    if (folder / "images").is_dir() and all((folder / name).is_file() for name in lists):
        return Layout.RVL_CDIP, False
    return Layout.FOLDER, False


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return -1
