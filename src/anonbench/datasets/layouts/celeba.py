"""CelebA: a folder of portraits and the publisher's list files.

The list files stand in the data set's folder or in its sub-folders `Anno` and `Eval` (the official
archive), as `.txt` or as the comma-separated `.csv` of other releases.
Source: Liu et al., "Deep Learning Face Attributes in the Wild", ICCV 2015.
"""

from __future__ import annotations

import os
from collections.abc import Collection
from functools import partial
from pathlib import Path

import pandas as pd

from anonbench.config import DataSource
from anonbench.core.vocabulary import Split
from anonbench.datasets.source import (
    Source,
    is_wanted,
    problem,
    read_list,
    require_folder,
    without_suffix,
)
from anonbench.datasets.walk import LIST_FILE, TEST, UNLISTED

PARTITION = "list_eval_partition"
ATTRIBUTES = "list_attr_celeba"
IDENTITY = "identity_CelebA"
_FOLDERS = {
    "aligned": (
        "img_align_celeba/img_align_celeba",
        "img_align_celeba",
        "Img/img_align_celeba",
        "img_align_celeba_png",
        "Img/img_align_celeba_png",
    ),
    "wild": ("img_celeba/img_celeba", "img_celeba", "Img/img_celeba"),
}
_PLACES = ("", "Anno", "Eval")
_SPLITS = {0: str(Split.TRAIN), 1: str(Split.VAL)}
_TEST = 2
_LISTS = (
    PARTITION,
    ATTRIBUTES,
    IDENTITY,
    "list_bbox_celeba",
    "list_landmarks_celeba",
    "list_landmarks_align_celeba",
)


def read(name: str, dataset: DataSource, wanted: Collection[str] | None) -> Source:
    """List CelebA: attributes as 0/1 columns under their published names, and `identity`.

    The official test split is left out, also where a split of one's own is made.

    Raises:
        InputError: the image folder or a list file is missing or damaged.
    """
    root = dataset.path
    require_folder(name, root)
    folder = next((each for each in _FOLDERS[dataset.images] if (root / each).is_dir()), None)
    if folder is None:
        looked = ", ".join(_FOLDERS[dataset.images])
        raise problem(name, f"no folder of {dataset.images} images in {root}: looked for {looked}")
    found = {stem: _find(root, stem) for stem in (PARTITION, ATTRIBUTES, IDENTITY)}
    partition, attributes, identity = found.values()
    if partition is None and dataset.split == "official":
        looked = f"{PARTITION}.txt or .csv in {root}, Anno or Eval"
        raise problem(name, f"no list of the split: looked for {looked}; or set a `split` here")
    if not any(found.values()):
        looked = ", ".join(f"{stem}.txt or .csv" for stem in found)
        raise problem(name, f"no list of the images in {root}: looked for {looked}")
    names = attribute_names(name, attributes) if attributes else []
    use = [column for column in names if is_wanted(column, wanted)]
    tables: dict[Path, pd.DataFrame] = {}
    if attributes and (use or not partition):
        tables[attributes] = _read_attributes(name, attributes, names, use)
    if identity and (is_wanted("identity", wanted) or not (partition or attributes)):
        tables[identity] = _read_two(name, identity, "identity")
    tested = pd.Series([], dtype="str")
    if partition:
        listed, tested = _read_partition(name, partition)
    else:
        first = tables[attributes or identity]  # type: ignore[index]
        listed = pd.DataFrame({"image": first["image"], "split": None})
    frame = _files(folder, listed["image"]).assign(split=listed["split"])
    for file, table in tables.items():
        if file != identity or is_wanted("identity", wanted):
            columns = use if file == attributes else ["identity"]
            frame = frame.assign(**_aligned(name, file, listed["image"], table, columns))
    there = [f"{folder}/{file}" for file in os.listdir(root / folder)]  # noqa: PTH208  many
    return Source(
        frame,
        gone=frozenset(frame["path"]).difference(there),
        others=_files(folder, tested).assign(reason=TEST),
        labels=(*names, "identity") if identity else tuple(names),
        absent=tuple(f"{stem}.txt" for stem in (ATTRIBUTES, IDENTITY) if not found[stem]),
        explain=partial(_explain, folder + "/"),
    )


def _files(folder: str, images: pd.Series) -> pd.DataFrame:
    stems = without_suffix(images)
    files = stems + ".png" if folder.endswith("_png") else images
    return pd.DataFrame({"id": stems, "path": folder + "/" + files})


def attribute_names(name: str, file: Path) -> list[str]:
    """Return the published names of the attributes from the list file's header."""
    with file.open(encoding="utf-8-sig", errors="replace") as lines:
        first = lines.readline()
        csv = file.suffix == ".csv"
        names = first.strip().split(",")[1:] if csv else lines.readline().split()
    if not names:
        raise problem(name, f"{file} has no attribute names in its header")
    return names


def _explain(folder: str, path: str) -> str:
    if path.startswith(folder):
        return UNLISTED
    place, _, file = path.rpartition("/")
    stem, _, suffix = file.rpartition(".")
    is_list = place in _PLACES and stem in _LISTS and suffix in ("txt", "csv")
    return LIST_FILE if is_list else "outside the folder of the images"


def _find(root: Path, stem: str) -> Path | None:
    files = (root / part / (stem + suffix) for suffix in (".txt", ".csv") for part in _PLACES)
    return next((file for file in files if file.is_file()), None)


def _read_two(name: str, file: Path, column: str) -> pd.DataFrame:
    options = {"sep": ",", "skiprows": 1} if file.suffix == ".csv" else {}
    return read_list(name, file, ["image", column], {"image": "str", column: "int64"}, **options)


def _read_partition(name: str, file: Path) -> tuple[pd.DataFrame, pd.Series]:
    """Return columns image and split without the test images, and the names of those."""
    table = _read_two(name, file, "partition")
    unknown = sorted(set(table["partition"].unique()) - {*_SPLITS, _TEST})
    if unknown:
        raise problem(name, f"{file}: partition {unknown[0]} is none of 0, 1 and 2")
    used = table[table["partition"] != _TEST].reset_index(drop=True)
    tested = table.loc[table["partition"] == _TEST, "image"]
    return used.assign(split=used["partition"].map(_SPLITS))[["image", "split"]], tested


def _read_attributes(name: str, file: Path, names: list[str], use: list[str]) -> pd.DataFrame:
    """Return the column image and the attributes in `use`, -1 or 1."""
    csv = {"sep": ",", "skiprows": 1} if file.suffix == ".csv" else {"skiprows": 2}
    types = {"image": "str"} | dict.fromkeys(use, "int8")
    return read_list(name, file, ["image", *names], types, usecols=["image", *use], **csv)


def _aligned(
    name: str, file: Path, images: pd.Series, table: pd.DataFrame, columns: list[str]
) -> dict[str, pd.Series]:
    """Return `columns` of `table` in the order of `images`; images without a row are missing."""
    if not table["image"].equals(images):
        twice = table["image"][table["image"].duplicated()]
        if len(twice):
            raise problem(name, f"{file} has two lines for {twice.iloc[0]}")
        table = table.set_index("image").convert_dtypes().reindex(images).reset_index()
    result = {column: table[column] for column in columns}
    if file.stem == ATTRIBUTES:
        result = {c: (v > 0).astype("Int8" if v.hasnans else "int8") for c, v in result.items()}
    return result
