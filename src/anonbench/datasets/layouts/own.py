"""A user's own images: a folder, or a table with `path`, perhaps `id` and labels."""

from collections.abc import Collection
from dataclasses import replace

import pandas as pd

from anonbench.config import DataSource
from anonbench.core.errors import InputError
from anonbench.core.vocabulary import Split
from anonbench.datasets import source, walk
from anonbench.datasets.annotations.rows import load_texts
from anonbench.datasets.documents import PAGE
from anonbench.datasets.formats.pages import MOST_PAGES
from anonbench.datasets.source import Source, is_wanted, problem

_VAL = ("val", "validation")
_SPLITS = {"train": str(Split.TRAIN)} | dict.fromkeys(_VAL, str(Split.VAL))
# of the manifest itself: made anew, so that a manifest can be given as a table
RESERVED = frozenset({"id", "path", "split", "width", "height", "bytes", "digest", PAGE})


def read_folder(name: str, dataset: DataSource, wanted: Collection[str] | None) -> Source:
    """List a folder; column `class` is the parent folder's name where there are class folders.

    Sub-folders `train` and `val` (or `validation`) together are the official split; images
    elsewhere, `test` for one, are then not used. Hidden files and folders are ignored. InputError
    where the folder does not exist or cannot be read.
    """
    root = dataset.path
    source.require_folder(name, root)
    has_split = (root / "train").is_dir() and any((root / v).is_dir() for v in _VAL)
    paths, left, followed = list[str](), dict[str, str](), set[str]()
    try:
        for path, reason in walk.walk(str(root), tuple(_SPLITS) if has_split else ()):
            if reason == walk.FOLLOWED:
                followed.add(path)
            elif why := reason or walk.name_reason(path):
                left[path] = why
            else:
                paths.append(path)
    except OSError as error:
        raise problem(name, f"{error.filename or root} cannot be read ({error.strerror})") from None
    frame = _with_ids(paths)
    split = pd.Series(None, index=frame.index, dtype="str")
    if has_split:
        split = frame["path"].str.replace(r"/.*", "", regex=True).map(_SPLITS).astype("str")
    problems = source.id_problems(frame["id"])
    hostile = problems != ""
    left |= dict(zip(frame["path"][hostile], "the file's name " + problems[hostile], strict=True))
    frame = frame.assign(split=split)[~hostile].reset_index(drop=True)
    parts = [path.split("/") for path in frame["path"]]
    first = 1 + has_split  # split folders are no classes
    classes = [part[-2] if len(part) > first else None for part in parts]
    labels = ("class",) if any(label is not None for label in classes) else ()
    if labels and is_wanted("class", wanted):
        frame["class"] = pd.Series(classes, index=frame.index, dtype="str")
    listed = Source(frame, labels, left=left, followed=frozenset(followed))
    if not has_split:
        return listed
    found = walk.walk(str(root), _SPLITS, everything=True, outside=True)
    others = _with_ids([path for path, reason in found if not (reason or walk.name_reason(path))])
    others["reason"] = others["path"].map(_explain_outside).astype("str")
    return replace(listed, others=others, explain=_explain_outside)


def _with_ids(paths: list[str]) -> pd.DataFrame:
    frame = pd.DataFrame({"path": paths}, dtype="str")
    return pd.DataFrame({"id": source.ids_of_files(frame["path"]), "path": frame["path"]})


def _explain_outside(path: str) -> str:
    return walk.TEST if path.startswith("test/") else "outside the folders train and val"


def read_table(name: str, dataset: DataSource, wanted: Collection[str] | None) -> Source:
    """List a table. `path` is relative to the table's folder, or absolute.

    Without a column `id` it is the path without suffix. Rows of the split `test` are not used. One
    with a number in the column `document_page` is that page of a PDF or TIFF file. InputError for
    anything that is no such table.
    """
    file = dataset.path
    if file.exists() and not file.is_file():
        fault = "is a folder" if file.is_dir() else "is a pipe or device"
        raise problem(name, f"{file} {fault}; this layout needs a CSV or Parquet file")
    try:
        table = load_texts(file)
    except InputError as error:
        raise problem(name, f"the table {error}") from None
    if file.suffix == ".parquet":  # whole numbers stay whole beside missing ones
        table = table.convert_dtypes(convert_string=False, convert_floating=False)
    columns = [str(column) for column in table.columns]
    if "path" not in columns:  # the names are not shown: without a header they are data
        text = "has no column `path`; a CSV's first line must name the columns"
        raise problem(name, f"{file} {text}")
    labels = [column for column in columns if column not in RESERVED]
    shown = [column for column in labels if is_wanted(column, wanted)]
    texts = table[[*shown, *{PAGE}.intersection(columns)]].select_dtypes(["str", "category"])
    for column, cells in texts.items():
        table[column] = cells.mask(cells.astype("str").str.strip() == "")

    def refuse(bad: pd.Series, text: str, values: pd.Series | None = None) -> None:
        if bad.any():
            row = int(bad.to_numpy(bool).argmax())
            shown = "" if values is None else repr(values.iloc[row])
            where = f"{file}: row {bad.index[row] + 1} (the header not counted)"
            raise problem(name, where + text.replace("{value}", shown))

    def filled(column: str) -> pd.Series:
        values = table[column]
        empty = values.isna() | (values.astype("str").str.strip() == "")
        refuse(empty, f" has no {column}")
        return values.astype("str")

    base = f"{str(file.parent.absolute()).rstrip('/')}/"
    paths = filled("path").map(lambda path: source.plain_path(path).removeprefix(base))
    # with links, the file of a detour is not the one that it seems, nor to be compared with others
    detours = paths.str.contains(r"(?:^|/)(?!\.\./)[^/]+/\.\.(?:/|$)", regex=True)
    refuse(detours, ", path: {value} goes back by '..' after a folder; write it without", paths)
    way = "give it another id" if "id" in columns else "add a column `id`, or rename the file"
    ids = source.without_suffix(paths).str.replace(r"^(/|(\.\./)+)", "", regex=True)
    ids = filled("id") if "id" in columns else ids
    problems = source.id_problems(ids)
    for text in problems[problems != ""].iloc[:1]:
        refuse(problems != "", f": the id {{value}} {text}; {way}", ids)
    control = "the path has a line break or another control character; rename the file"
    refuse(paths.str.contains(walk.CONTROL), f": {control}")
    frame = pd.DataFrame({"id": ids, "path": paths, "split": None})
    if PAGE in columns:
        numbers = pd.to_numeric(table[PAGE], errors="coerce")
        wrong = table[PAGE].notna() & ~numbers.isin(range(1, MOST_PAGES + 1))
        refuse(wrong, f": {PAGE} is no page's number, 1 to {MOST_PAGES}")
        frame[PAGE] = numbers.astype("Int16")
    tested = frame[:0]
    if "split" in columns and dataset.split == "official":
        given = filled("split").str.lower()
        unknown = given[~given.isin([*_SPLITS, "test"])]
        if len(unknown):
            raise problem(name, f"{file}: split {unknown.iloc[0]!r} is none of train, val, test")
        frame["split"] = given.map(_SPLITS)
        tested, frame = frame[given == "test"], frame[given != "test"]
    frame = frame.join(table[shown]).reset_index(drop=True)
    return Source(
        frame,
        labels=tuple(labels),
        has_own_ids="id" in columns,
        others=tested[["id", "path"]].assign(reason=walk.TEST),
        explain=lambda path: walk.LIST_FILE if path == file.name else walk.NOT_NAMED,
    )
