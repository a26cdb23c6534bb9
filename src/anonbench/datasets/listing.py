"""The images of a data set, their splits and subset, and other files; none is opened."""

import difflib
import os
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from anonbench.config import AUTO, NONE, DataSource, Layout, OwnSplit, PathPart, load
from anonbench.core.numeric.seeding import hash_ints
from anonbench.core.vocabulary import Split
from anonbench.core.wording import tally
from anonbench.datasets import clusters, walk
from anonbench.datasets.documents import PAGE, with_pages
from anonbench.datasets.layouts import own, published
from anonbench.datasets.source import Source, id_problems, problem

# a new layout is one function here and one word in the config
READERS: dict[Layout, Callable[[str, DataSource, Collection[str] | None], Source]] = {
    Layout.CELEBA: published.read_celeba,
    Layout.RVL_CDIP: published.read_rvl_cdip,
    Layout.FOLDER: own.read_folder,
    Layout.TABLE: own.read_table,
}


def root_of(dataset: DataSource) -> Path:
    """Return the folder that a listing's `path` is relative to."""
    return dataset.path.parent if dataset.layout is Layout.TABLE else dataset.path


def root_in(config: Mapping[str, Any], name: str) -> Path:
    """Return `root_of` the data set `name` of a config as it was read."""
    return root_of(load(config).datasets[name])


def require_apart(results: Path, datasets: Mapping[str, DataSource]) -> None:
    """Raise InputError if the results are inside a data folder: they would become its images."""
    for name, dataset in datasets.items():
        if results.resolve().is_relative_to(dataset.path.resolve()):
            text = (
                f"the results ({results}) lie inside {dataset.path}, as further files of the data"
            )
            raise problem(name, f"{text}; set `results` to another folder")


def list_images(name: str, dataset: DataSource, seed: int, labels: bool = True) -> pd.DataFrame:
    """Return the images of the data set `name` by id; InputError if a setting does not fit.

    Columns id, path (relative to `root_of`), split ("train" or "val"), `document_page` where files
    have several pages and, with `labels`, the label columns. Without labels it is fast enough for
    planning; the demo's data are then listed as their settings say.
    """
    return read_source(name, dataset, seed, labels).images


def read_source(name: str, dataset: DataSource, seed: int, labels: bool = True) -> Source:
    """Like `list_images`, with the other information about the listed files."""
    by = dataset.split.by if isinstance(dataset.split, OwnSplit) else None
    if dataset.demo is not None and not (labels and dataset.path.exists()):
        from anonbench_demo import expected_listing  # fonts and faces: not for other data

        planned = expected_listing(dataset.demo)
        if by is not None and by not in planned:
            text = "the demo's data are planned before they exist, without labels: leave `by` out"
            raise problem(name, text, "split.by")
        source = Source(planned.astype({"id": "str", "path": "str", "split": "str"}))
    else:
        wanted = None if labels else ({by} if by else set())
        source = read_layout(name, dataset, wanted)
        _require_column(name, source, dataset.label, "label")
        for column in dataset.attributes:
            _require_column(name, source, column, "attributes")
        _require_column(name, source, by, "split.by")
        if isinstance(dataset.cluster, str) and dataset.cluster not in (AUTO, NONE):
            _require_column(name, source, dataset.cluster, clusters.KEY)
    images = source.images
    if images.empty:
        why = _reasons(source)
        raise problem(name, f"no image is listed in {dataset.path}; the data set is empty{why}")
    _require_good_ids(name, images)
    if isinstance(dataset.cluster, PathPart):
        clusters.folders(name, images["path"], dataset.cluster.path_part)
    if not images["id"].is_monotonic_increasing:
        images = images.sort_values("id", ignore_index=True)
    others = source.others
    if dataset.subset is not None:
        order = np.argsort(hash_ints((seed, "subset"), images["id"]), kind="stable")
        chosen = np.isin(np.arange(len(images)), order[: dataset.subset])  # the smallest hashes
        undrawn = images.loc[~chosen, ["id", "path"]].assign(reason=walk.SUBSET)
        images = images[chosen].reset_index(drop=True)
        others = pd.concat([others, undrawn], ignore_index=True)
    images = _split(name, dataset, images, seed, _reasons(source))
    if not labels:
        images = images[[c for c in ("id", "path", "split", PAGE) if c in images]]
    return replace(source, images=images, others=others)


def read_layout(name: str, dataset: DataSource, wanted: Collection[str] | None) -> Source:
    """List a data set by its layout, pages of documents as separate images; without splits."""
    source = READERS[dataset.layout](name, dataset, wanted)
    is_own = dataset.layout in (Layout.FOLDER, Layout.TABLE)
    return with_pages(root_of(dataset), source, wanted) if is_own else source


def count_images(listing: pd.DataFrame) -> dict[Split, int]:
    """Number of images in each split of a listing."""
    return {split: int((listing["split"] == str(split)).sum()) for split in Split}


def count_found(source: Source) -> dict[Split, int]:
    """Number of listed images in each split that are there; of all, where no image is there yet."""
    is_there = ~source.images["path"].isin(source.gone)
    return count_images(source.images[is_there] if is_there.any() else source.images)


def _require_column(name: str, source: Source, column: str | None, key: str) -> None:
    if column is None or column in source.labels:
        return
    near = difflib.get_close_matches(column, source.labels, n=3, cutoff=0.5)
    some = list(dict.fromkeys([*near, *source.labels]))[:5]
    columns = f"there are {', '.join(some)}" if some else "the data set has no label column"
    more = ", …" if len(source.labels) > len(some) else ""
    missing = f" (not found: {', '.join(source.absent)})" if source.absent else ""
    raise problem(name, f"there is no column {column!r}; {columns}{more}{missing}", key)


def _reasons(source: Source) -> str:
    return f" ({tally(Counter(source.left.values()))})" if source.left else ""


def _require_good_ids(name: str, images: pd.DataFrame) -> None:
    hint = "or list the images in a table with a column `id`"
    problems = id_problems(images["id"])
    for row in np.flatnonzero(problems != "")[:1]:
        image_id, path = images[["id", "path"]].iloc[row]
        text = f"the image {path!r}: its id {image_id!r} {problems.iloc[row]}; rename it"
        raise problem(name, f"{text}, {hint}")
    twice = images[images["id"].duplicated(keep=False)]
    if len(twice):
        image_id = twice["id"].iloc[0]
        first, second = twice.loc[twice["id"] == image_id, "path"].iloc[:2]
        text = f"two images have the id {image_id!r}: {first} and {second}; rename one"
        raise problem(name, f"{text}, {hint}")


def _split(
    name: str, dataset: DataSource, images: pd.DataFrame, seed: int, left: str
) -> pd.DataFrame:
    """Return the images with their splits; `left` is the text on unused images for an error."""
    if isinstance(dataset.split, OwnSplit):
        in_val = _own_split(name, dataset.split, images, seed)
        images = images.assign(split=np.where(in_val, str(Split.VAL), str(Split.TRAIN)))
    elif images["split"].isna().any():
        text = "there is no official split here; set split: {validation: 0.2}"
        if dataset.layout is Layout.FOLDER:
            text += f", or make sub-folders train and val in {dataset.path}"
        if dataset.layout is Layout.TABLE:
            text += ", or add a column `split` with train and val"
        raise problem(name, text, "split")
    images = images.astype({"split": "str"})
    for split, count in count_images(images).items():
        if count == 0 and not (dataset.is_all_validation and split is Split.TRAIN):
            text = f"none of the {len(images)} images is in the split {split}{left}"
            raise problem(name, f"{text}; set split: {{validation: 0.2}} to split them", "split")
    return images


def _own_split(
    name: str, split: OwnSplit, images: pd.DataFrame, seed: int
) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    """Mask of the images in the validation split, bool [N].

    Groups are added in the order of their hashes until its share of the images is met as nearly
    as whole groups allow. An image without a group forms one with the other pages of its file.
    """
    if split.validation == 1.0:
        return np.ones(len(images), dtype=bool)
    groups = images["id"]
    if PAGE in images:
        groups = groups.where(images[PAGE].isna(), "\x1e" + images["path"])
    if split.by is not None:
        labels = images[split.by]
        groups = labels.astype("str").str.strip().where(labels.notna(), "\x1e" + groups)
    names, member, sizes = np.unique(
        groups.to_numpy(dtype=object).astype(str), return_inverse=True, return_counts=True
    )
    if split.by is not None and len(names) < 2:
        text = f"all images have the same {split.by}; they cannot be kept together and split"
        raise problem(name, text, "split.by")
    if len(names) == 1 and len(images) > 1:
        text = "all images are pages of one document, which cannot be split; add other files"
        raise problem(name, text)
    order = np.argsort(hash_ints((seed, "split"), names), kind="stable")
    reached = np.cumsum(sizes[order])
    cut = int(np.abs(reached - split.validation * len(images)).argmin()) + 1
    return np.isin(member, order[: min(cut, len(names) - 1)])


def find_unused(source: Source, root: Path, named: bool) -> pd.DataFrame:
    """Return path and reason of every file below `root` that a data set does not list, sorted.

    Hidden files count; a linked folder that is not searched is one row. Where a table has `named`
    the images, only their own folders are searched.
    """
    paths = source.images["path"].tolist()
    known = dict(zip(source.others["path"], source.others["reason"], strict=True))
    found = _unlisted_files(root, paths, known) if named else walk.walk(str(root), everything=True)
    rows = {path: known.get(path) or reason for path, reason in found}
    for path in (*paths, *source.followed):
        rows.pop(path, None)
    pairs = []
    for path, given in (rows | source.left).items():
        reason = given or (source.explain(path) if walk.is_text(path) else walk.NOT_UTF8)
        if reason == walk.NOT_IMAGE:
            reason = walk.content_reason(f"{root}/{path}")
        pairs.append((walk.shown(path), reason))
    table = pd.DataFrame(pairs, columns=["path", "reason"], dtype="str")
    return table.sort_values(["path", "reason"], ignore_index=True)


def _unlisted_files(root: Path, paths: Iterable[str], known: Iterable[str]) -> Iterator[walk.Entry]:
    used: dict[str, set[str]] = {}
    for path in paths:
        folder, name = os.path.split(path)
        used.setdefault(folder, set()).add(name)
    for path in known:
        used.setdefault(os.path.dirname(path), set())  # noqa: PTH120
    folders: dict[str, tuple[str, set[str]]] = {}
    for folder in sorted(used):  # one folder may be written in several ways
        real = os.path.realpath(os.path.join(root, folder))  # noqa: PTH118
        folders.setdefault(real, (folder, set()))[1].update(used[folder])
    for real, (folder, names) in folders.items():
        for name, reason in walk.files_in(real):
            if name not in names:
                yield walk.Entry(os.path.join(folder, name), reason)  # noqa: PTH118
