"""Pairs of originals and their copies, by the names of the files."""

from __future__ import annotations

import os
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence

from anonbench.core.errors import InputError
from anonbench.core.wording import count
from anonbench.datasets.files.reasons import is_image_name


def split_suffix(name: str) -> tuple[str, str]:
    """Split a name into stem and suffix, where the suffix is one of an image."""
    return os.path.splitext(name) if is_image_name(name) else (name, "")  # noqa: PTH122  fast


def copies_of(
    ids: Sequence[str], names: Sequence[str], copies: Iterable[str], where: str
) -> list[str | None]:
    """Find the copy of each original: of the same name, else of the most similar one.

    After the same name comes the name with one more suffix of an image (`a.gif.png` of `a.gif`),
    then the name or id with another suffix. A copy with the exact name of another original belongs
    to that one. Nothing else is shortened, folded or guessed.

    Args:
        ids: of the originals [N].
        names: of the originals [N], paths with suffix, or ids.
        copies: names of the copies.
        where: place of the copies, for the message.

    Returns:
        Names of copies [N]; None if an original has none.

    Raises:
        InputError: two copies match equally well, or one belongs to two originals.

    """
    there = dict.fromkeys(copies)
    by_stem: dict[str, list[str]] = defaultdict(list)
    for copy in there:
        by_stem[split_suffix(copy)[0]].append(copy)
    taken = set(names)
    found: list[str | None] = []
    for own, name in zip(ids, names, strict=True):
        appended = [copy for copy in by_stem.get(name, ()) if copy != name]
        stems = dict.fromkeys((split_suffix(name)[0], own))
        similar = [copy for stem in stems for copy in by_stem.get(stem, ())]
        near = [name] if name in there else []
        near = near or [copy for copy in appended if copy not in taken]
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
