"""Pictures of other programs, matched with their originals by file name."""

import logging
import os
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import pandas as pd

from anonbench.core.errors import InputError
from anonbench.core.jobs.job import warn_on_terminal
from anonbench.core.wording import count
from anonbench.datasets.headers import Limits, look_at_all
from anonbench.datasets.inputs import require_finished
from anonbench.datasets.walk import SUFFIXES, is_image_name, scan, walk

_PAGE = re.compile(r"(?P<document>.+)(?P<page>/page-\d{4})")  # see `pages.page_id`


def split_suffix(name: str) -> tuple[str, str]:
    """Split a name into stem and suffix, where the suffix is one of an image."""
    return os.path.splitext(name) if is_image_name(name) else (name, "")  # noqa: PTH122  fast


def _stem(copy: str) -> str:
    if page := _PAGE.fullmatch(copy):
        return split_suffix(page["document"])[0] + page["page"]
    return split_suffix(copy)[0]


def copies_of(
    ids: Sequence[str], names: Sequence[str], copies: Iterable[str], where: str
) -> list[str | None]:
    """Find the copy of each original, by its name (a path with suffix) or id, [N]; else None.

    First comes the same name, then that with one more suffix of an image (`a.gif.png` of `a.gif`),
    then the name or id with another suffix, unless it is another original's name. The suffix of a
    page is its document's (`a.tif/page-0001`: the copy of a.tif is a.tif.pdf). InputError (names
    `where`) if two copies match equally well, or one belongs to two originals.
    """
    there, by_stem = dict.fromkeys(copies), defaultdict[str, list[str]](list)
    for copy in there:
        by_stem[_stem(copy)].append(copy)
    taken = set(names)
    found: list[str | None] = []
    for own, name in zip(ids, names, strict=True):
        stems = dict.fromkeys((split_suffix(name)[0], own))
        similar = [copy for stem in stems for copy in by_stem.get(stem, ())]
        near = [name] if name in there else []
        near = near or [copy for copy in by_stem.get(name, ()) if copy not in taken]
        near = near or [copy for copy in similar if copy not in taken]
        if len(near) > 1:
            raise InputError(
                f"{where}: image {own!r} has {len(near)} pictures, {near[0]} and {near[1]} among "
                "them: leave one of them in the folder"
            )
        found.append(near[0] if near else None)
    twice = [name for name, times in Counter(filter(None, found)).items() if times > 1]
    if twice:
        raise InputError(
            f"{where}: {count(len(twice), 'picture')} belong to several images, {twice[0]} for "
            "one: give each image's picture the whole name of its image, with the suffix"
        )
    return found


MISSING = "there is no picture of {}"
OTHER_SIZE = "the picture of {} has another size"  # reasons to leave an image out

_LOG = logging.getLogger(__name__)


def broken(program: str, why: str) -> str:
    """Return the reason of an image whose picture cannot be read."""
    return f"the picture of {program}: {why}"


def pictures_in(folder: Path) -> list[str]:
    """Return the paths of pictures below a folder, sorted; InputError without any."""
    require_finished(folder)
    try:
        entries = [entry.path for entry in walk(str(folder)) if not entry.reason]
    except OSError as error:
        raise InputError(f"{folder} cannot be read ({error.strerror})") from None
    found = sorted(path for path in entries if split_suffix(path)[1].lower() in SUFFIXES)
    if not found:
        raise InputError(f"{folder}: holds no pictures ({', '.join(sorted(SUFFIXES))})")
    return found


def scan_given(folders: Mapping[str, Path], strict: bool = False) -> dict[str, str]:
    """Return a digest of names, sizes and times of each program's pictures; see `scan`."""
    return {name: scan(folder, pictures_in(folder), strict) for name, folder in folders.items()}


def belonging(images: pd.DataFrame, pictures: Iterable[str], program: str) -> pd.Series:
    """Picture of each image (id, path), by the images' index; None without one. See `copies_of`."""
    found = copies_of(images["id"].tolist(), images["path"].tolist(), pictures, program)
    return pd.Series(found, index=images.index, dtype=object)


def reasons_of_given(
    name: str, images: pd.DataFrame, folders: Mapping[str, Path], limits: Limits
) -> pd.Series:
    """Reason per image to leave it out because its picture is missing or unusable, or "".

    Images have id, path, width and height; folders are those of the pictures, by program.
    InputError as `copies_of`, and where no picture belongs to any image.
    """
    reasons = pd.Series("", index=images.index, dtype=object)
    for program, folder in folders.items():
        pictures = pictures_in(folder)
        own = belonging(images, pictures, program)
        there = own.dropna()
        if there.empty and len(images):
            raise InputError(
                f"{name}: no picture in {folder} has the path or the id of an image; give the "
                f"pictures of {program} the names of their originals"
            )
        if extra := len(set(pictures) - set(there)):
            text = f"{count(extra, 'file')} without an image in the data set, left out"
            warn_on_terminal(_LOG, f"{name}: pictures of {program}: {text}")
        why = pd.Series(MISSING.format(program), index=images.index, dtype=object)
        looks = look_at_all(folder, limits, there.tolist(), [None] * len(there))
        for index, look in zip(there.index, looks, strict=True):
            size = images.at[index, "width"], images.at[index, "height"]
            if look.reason:
                why[index] = broken(program, look.reason)
            else:
                why[index] = "" if (look.width, look.height) == size else OTHER_SIZE.format(program)
        reasons = reasons.where(reasons != "", why)
    return reasons
