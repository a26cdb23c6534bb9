"""CelebA and RVL-CDIP as their publishers ship them.

CelebA's list files stand in the data set's folder or in its sub-folders `Anno` and `Eval` (the
official archive), as `.txt` or as the comma-separated `.csv` of other releases.
Sources: Liu et al., "Deep Learning Face Attributes in the Wild", ICCV 2015; Harley et al.,
"Evaluation of Deep Convolutional Nets for Document Image Classification and Retrieval", ICDAR 2015.
"""

import os
from collections.abc import Collection
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd

from anonbench.config import DataSource
from anonbench.core.vocabulary import DOCUMENT_CLASSES, Split
from anonbench.datasets import source
from anonbench.datasets.walk import TEST

PARTITION = "list_eval_partition"
ATTRIBUTES = "list_attr_celeba"
IDENTITY = "identity_CelebA"
_IMAGES = ("{0}/{0}", "{0}", "Img/{0}", "{0}_png", "Img/{0}_png")
_FOLDERS = {
    "aligned": [place.format("img_align_celeba") for place in _IMAGES],
    "wild": [place.format("img_celeba") for place in _IMAGES[:3]],
}
_PLACES = ("", "Anno/", "Eval/")
_SUFFIXES = (".txt", ".csv")
_SPLITS = {0: str(Split.TRAIN), 1: str(Split.VAL)}
_TEST = 2
_CELEBA_LISTS = frozenset(
    f"{place}{stem}{suffix}"
    for stem in (
        *(PARTITION, ATTRIBUTES, IDENTITY, "list_bbox_celeba"),
        *("list_landmarks_celeba", "list_landmarks_align_celeba"),
    )
    for place in _PLACES
    for suffix in _SUFFIXES
)


def read_celeba(name: str, dataset: DataSource, wanted: Collection[str] | None) -> source.Source:
    """List CelebA: attributes as 0/1 columns under their published names, and `identity`.

    The official test split is left out, also where a split of one's own is made. InputError where
    the image folder or a list file is missing or damaged.
    """
    root = dataset.path
    source.require_folder(name, root)
    folder = next((each for each in _FOLDERS[dataset.images] if (root / each).is_dir()), None)
    if folder is None:
        looked = ", ".join(_FOLDERS[dataset.images])
        raise source.problem(
            name, f"no folder of {dataset.images} images in {root}: looked for {looked}"
        )
    stems = (PARTITION, ATTRIBUTES, IDENTITY)
    found = {stem: file for stem in stems if (file := _find(root, stem))}
    if PARTITION not in found and dataset.split == "official":
        looked = f"{PARTITION}.txt or .csv in {root}, Anno or Eval"
        raise source.problem(
            name, f"no list of the split: looked for {looked}; or set a `split` here"
        )
    if not found:
        looked = ", ".join(f"{stem}.txt or .csv" for stem in stems)
        raise source.problem(name, f"no list of the images in {root}: looked for {looked}")
    names = _attribute_names(name, found[ATTRIBUTES]) if ATTRIBUTES in found else []
    use = {
        ATTRIBUTES: [column for column in names if source.is_wanted(column, wanted)],
        IDENTITY: ["identity"] if source.is_wanted("identity", wanted) else [],
    }
    columns = {PARTITION: ["partition"], ATTRIBUTES: names, IDENTITY: ["identity"]}
    tables: dict[str, pd.DataFrame] = {}
    for stem, file in found.items():
        if not tables or use[stem]:  # the first one names the images
            read_too = use[stem] if stem == ATTRIBUTES else columns[stem]
            tables[stem] = _read(name, file, columns[stem], read_too)
    listed, tested = next(iter(tables.values())).assign(split=None), pd.Series([], dtype="str")
    if PARTITION in tables:
        partition = tables.pop(PARTITION)["partition"]
        if unknown := sorted(set(partition.unique()) - {*_SPLITS, _TEST}):
            file = found[PARTITION]
            raise source.problem(name, f"{file}: partition {unknown[0]} is none of 0, 1 and 2")
        tested = listed.loc[partition == _TEST, "image"]
        listed = listed[partition != _TEST].reset_index(drop=True)
        listed["split"] = listed["partition"].map(_SPLITS)
    frame = _celeba_files(folder, listed["image"]).assign(split=listed["split"])
    for stem, table in tables.items():
        frame = frame.assign(**_aligned(name, found[stem], listed["image"], table, use[stem]))
    there = [f"{folder}/{file}" for file in os.listdir(root / folder)]  # noqa: PTH208  many
    return source.Source(
        frame,
        gone=frozenset(frame["path"]).difference(there),
        others=_celeba_files(folder, tested).assign(reason=TEST),
        labels=(*names, "identity") if IDENTITY in found else tuple(names),
        absent=tuple(f"{stem}.txt" for stem in stems[1:] if stem not in found),
        explain=partial(source.reason_unlisted, folder + "/", _CELEBA_LISTS),
    )


def _celeba_files(folder: str, images: pd.Series) -> pd.DataFrame:
    stems = source.without_suffix(images)
    files = stems + ".png" if folder.endswith("_png") else images
    return pd.DataFrame({"id": stems, "path": folder + "/" + files})


def _find(root: Path, stem: str) -> Path | None:
    files = (root / f"{place}{stem}{suffix}" for suffix in _SUFFIXES for place in _PLACES)
    return next((file for file in files if file.is_file()), None)


def _attribute_names(name: str, file: Path) -> list[str]:
    with file.open(encoding="utf-8-sig", errors="replace") as lines:
        first = lines.readline()
        csv = file.suffix == ".csv"
        names = first.strip().split(",")[1:] if csv else lines.readline().split()
    if not names:
        raise source.problem(name, f"{file} has no attribute names in its header")
    return names


def _read(name: str, file: Path, columns: list[str], use: list[str]) -> pd.DataFrame:
    """Return the column image and those in `use`, whole numbers."""
    kind, options = "int64", dict[str, Any]()
    if file.stem == ATTRIBUTES:
        kind, options = "int8", {"skiprows": 2, "usecols": ["image", *use]}
    if file.suffix == ".csv":
        options |= {"sep": ",", "skiprows": 1}
    types = {"image": "str"} | dict.fromkeys(use, kind)
    return source.read_list(name, file, ["image", *columns], types, **options)


def _aligned(
    name: str, file: Path, images: pd.Series, table: pd.DataFrame, columns: list[str]
) -> dict[str, pd.Series]:
    """Return `columns` of `table` in the order of `images`; images without a row are missing."""
    if not table["image"].equals(images):
        twice = table["image"][table["image"].duplicated()]
        if len(twice):
            raise source.problem(name, f"{file} has two lines for {twice.iloc[0]}")
        table = table.set_index("image").convert_dtypes().reindex(images).reset_index()
    result = {column: table[column] for column in columns}
    if file.stem == ATTRIBUTES:
        result = {c: (v > 0).astype("Int8" if v.hasnans else "int8") for c, v in result.items()}
    return result


def read_rvl_cdip(name: str, dataset: DataSource, wanted: Collection[str] | None) -> source.Source:
    """List RVL-CDIP's train and validation pages; column `class` is the class's name.

    The list of the test split need not be there: its pages are not used. InputError where the
    image tree or another list is missing or damaged.
    """
    source.require_folder(name, dataset.path)
    if not (dataset.path / "images").is_dir():
        raise source.problem(name, f"no image tree in {dataset.path}: looked for the folder images")
    parts = []
    for split in Split:
        file = dataset.path / "labels" / f"{split}.txt"
        if not file.is_file():
            raise source.problem(name, f"no list of the split {split}: looked for {file}")
        parts.append(_read_split(name, file).assign(split=str(split)))
    listed = pd.concat(parts, ignore_index=True)
    frame = _pages(listed["page"]).assign(split=listed["split"])
    if source.is_wanted("class", wanted):
        frame["class"] = listed["number"].map(dict(enumerate(DOCUMENT_CLASSES))).astype("str")
    lists = [f"labels/{split}.txt" for split in (*Split, "test")]
    explain = partial(source.reason_unlisted, "images/", lists)
    test = dataset.path / "labels" / "test.txt"
    if not test.is_file() or not test.stat().st_size:
        return source.Source(frame, labels=("class",), explain=explain)
    others = _pages(_read_split(name, test)["page"]).assign(reason=TEST)
    return source.Source(frame, labels=("class",), others=others, explain=explain)


def _pages(pages: pd.Series) -> pd.DataFrame:
    return pd.DataFrame({"id": source.without_suffix(pages), "path": "images/" + pages})


def _read_split(name: str, file: Path) -> pd.DataFrame:
    """Return columns page and number (missing where the line has none)."""
    types = {"page": "str", "number": "Int16"}
    table = source.read_list(name, file, ["page", "number"], types)
    numbers, last = table["number"].dropna(), len(DOCUMENT_CLASSES) - 1
    strange = numbers[~numbers.between(0, last)]
    if len(strange):
        raise source.problem(name, f"{file}: class {strange.iloc[0]} is not in 0 … {last}")
    return table
