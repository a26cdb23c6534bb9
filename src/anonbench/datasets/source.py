"""Listing of a data set before splits are made and images are opened."""

import warnings
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

import pandas as pd

from anonbench.core.errors import InputError
from anonbench.datasets.walk import LIST_FILE, UNLISTED, id_problem, suffix_reason


@dataclass(frozen=True)
class Source:
    """The images of a data set as listed."""

    images: pd.DataFrame
    """Columns id, path (relative to the data set's root), split ("train", "val", or missing if
    there is no official split), then the requested label columns."""
    labels: tuple[str, ...] = ()  # all label columns that can be requested
    has_own_ids: bool = False  # of a table, instead of ids made from the paths
    absent: tuple[str, ...] = ()  # optional list files that were not found, for error messages
    others: pd.DataFrame = field(
        default_factory=lambda: pd.DataFrame(columns=["id", "path", "reason"], dtype="str")
    )
    """Listed images that are not used (of a test split, or outside the subset): columns id, path,
    reason. Annotations may name them; they may not exist."""
    gone: frozenset[str] = frozenset()
    """Listed paths of `images` without a file, as far as the layout looks; the manifest leaves them
    out."""
    left: dict[str, str] = field(default_factory=dict)
    """Files that were found and are not used: path, and the reason."""
    followed: frozenset[str] = frozenset()  # links to folders whose files have the links' names
    explain: Callable[[str], str] = suffix_reason  # reason against any other file below the root


def problem(name: str, text: str, key: str = "path") -> InputError:
    """Return the error of one setting of the data set `name`."""
    return InputError(f"datasets.{name}.{key}: {text}")


def reason_unlisted(folder: str, lists: Collection[str], path: str) -> str:
    """Reason why a file that no list of a publisher names is not used."""
    if path.startswith(folder):
        return UNLISTED
    return LIST_FILE if path in lists else "outside the folder of the images"


def require_folder(name: str, folder: Path) -> None:
    """Raise InputError where the data set's folder does not exist."""
    if not folder.exists():
        here = "" if folder.is_absolute() else f": it is sought in the current folder, {Path.cwd()}"
        raise problem(name, f"the folder {folder} does not exist{here}")
    if not folder.is_dir():
        raise problem(name, f"{folder} is a file; this layout needs a folder")


def plain_path(path: str) -> str:
    """Return a path without `./` and doubled slashes; `..` and everything else are unchanged."""
    plain = PurePosixPath(path).as_posix()
    return f"/{plain.lstrip('/')}" if plain.startswith("/") else plain


def without_suffix(paths: pd.Series) -> pd.Series:
    """Return paths without their suffix (a leading dot of a name is none)."""
    return paths.str.replace(r"([^/])\.[^./]*$", r"\1", regex=True)


def id_problems(ids: pd.Series) -> pd.Series:
    """Problem of each id; see `id_problem`."""
    return ids.map(id_problem).astype("str")


def ids_of_files(paths: pd.Series) -> pd.Series:
    """Return the ids of files: paths without suffix, with it where several would share one."""
    ids = without_suffix(paths)
    while (shared := ids.duplicated(keep=False) & (ids != paths)).any():
        ids = ids.mask(shared, paths)
    return ids


def read_csv(file: Path, **options: Any) -> pd.DataFrame:
    """Read a CSV file's cells as text; an empty one is missing. ValueError for a longer line."""
    texts: dict[str, Any] = {"dtype": "str", "keep_default_na": False, "na_values": [""]}
    with warnings.catch_warnings():
        warnings.simplefilter("error", pd.errors.ParserWarning)
        try:
            frame: pd.DataFrame = pd.read_csv(file, index_col=False, **(texts | options))
        except pd.errors.ParserWarning:
            text = "a line has more cells than columns; take out a separator, or quote its cell"
            raise ValueError(text) from None
    return frame


def read_list(
    name: str, file: Path, columns: Sequence[str], types: dict[str, str], **options: Any
) -> pd.DataFrame:
    """Read a list file, by default separated by white space; InputError if it is none or empty."""
    settings: dict[str, Any] = {"sep": r"\s+", "header": None} | options
    try:
        frame = read_csv(file, names=list(columns), dtype=types, **settings)
    except (ValueError, OSError) as error:  # pandas' parser errors are ValueErrors
        reason = str(error).strip().splitlines()[0]
        text = f"{file} cannot be read as a list of {', '.join(columns[:2])}: {reason}"
        raise problem(name, text) from None
    if frame.empty:
        raise problem(name, f"{file} is empty")
    return frame


def is_wanted(column: str, wanted: Collection[str] | None) -> bool:
    """Check whether a label column is requested; None requests all."""
    return wanted is None or column in wanted
