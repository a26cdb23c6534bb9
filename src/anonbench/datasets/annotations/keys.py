"""Keys of images: an id, or a path relative to the data set's root or absolute; exact."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pandas as pd

from anonbench.datasets.source import plain_path

UNUSED = -1
"""An image that the data set lists and does not use."""
UNKNOWN = -2
SEVERAL = -3
APART = -4
REASONS = {
    UNKNOWN: "no image of the data set has this {key}",
    SEVERAL: "several images of the data set have this {key}",
    APART: "{id} and {path} are those of two images",
}
"""Reasons why a row matches no image. `key`, `id` and `path` stand for the file's names of them."""
_NOT_GIVEN = -5


class Images:
    """The images that a file of annotations may name.

    Names are compared character by character. Paths first lose `./` and doubled slashes, and an
    absolute path inside the root becomes relative to it; nothing else is cut, folded or guessed.
    """

    def __init__(
        self, root: Path, images: pd.DataFrame, others: pd.DataFrame | None = None
    ) -> None:
        """Index the images.

        Args:
            root: the folder that the paths are relative to.
            images: used images: columns id and path and, if sizes are to be checked, width and
                height.
            others: known but unused images, columns id and path. Rows of those are no mistakes.
                Those whose id is in `images` are ignored.

        """
        self.root = root
        self.ids = images["id"].to_numpy(object)
        self.sizes: np.ndarray | None = None
        """Width and height, upright, float [N, 2]; None: not known."""
        if "width" in images:
            self.sizes = images[["width", "height"]].to_numpy(float)
        known = images[["id", "path"]]
        if others is not None:
            more = others[~others["id"].isin(images["id"])]
            known = pd.concat([known, more[["id", "path"]]])
        self._all_paths = known["path"].to_numpy(object)
        self._ids, self._paths = _places(known["id"]), _places(known["path"])
        # the root by its given name and without links: one folder
        self._roots = {f"{str(base).rstrip('/')}/" for base in (root.absolute(), root.resolve())}

    def __len__(self) -> int:
        """Return the number of images that are used."""
        return len(self.ids)

    def match(self, ids: pd.Series, paths: pd.Series) -> tuple[np.ndarray, np.ndarray]:
        """Return each row's image, and a mask of rows decided by an id (and not a path).

        Args:
            ids: text [N], empty if a row has none.
            paths: the same for paths. A row with both must name one image by both.

        Returns:
            int64 [N], places in `ids`, or one of the negative numbers above; bool [N].

        """
        plain = {path: self._plain(path) for path in paths.unique()}
        found = [self._find(*row, plain[row[1]]) for row in zip(ids, paths, strict=True)]
        places, by_id = zip(*found, strict=True) if found else ((), ())
        result = np.array(places, np.int64)
        result[result >= len(self)] = UNUSED
        return result, np.array(by_id, bool)

    def _find(self, image_id: str, path: str, plain: str) -> tuple[int, bool]:
        by_id = self._ids.get(image_id, UNKNOWN) if image_id else _NOT_GIVEN
        by_path = self._paths.get(plain, UNKNOWN) if path else _NOT_GIVEN
        if by_path == SEVERAL and by_id >= 0 and self._all_paths[by_id] == plain:
            by_path = by_id  # if several images have one path, the id decides
        if by_id >= 0 and by_path >= 0 and by_id != by_path:
            return APART, False
        use_id = by_path == _NOT_GIVEN or (by_id < 0 and by_id != _NOT_GIVEN)
        place = by_id if use_id else by_path
        return (UNKNOWN if place == _NOT_GIVEN else place), use_id

    def _plain(self, path: str) -> str:
        plain = plain_path(path) if path else path
        inside = [base for base in self._roots if plain.startswith(base)]
        if not inside or plain in self._paths:
            return plain
        return plain[len(max(inside, key=len)) :]

    def hint(self, name: str, is_path: bool) -> str:
        """Likely mistake in a name that no image has; empty if none is recognized."""
        column, other = (self._paths, self._ids) if is_path else (self._ids, self._paths)
        if name != name.strip():
            return "there is white space around it"
        if name in other:
            kinds = ("a path", "an id") if is_path else ("an id", "a path")
            return f"it is not {kinds[0]} but {kinds[1]}: name the column so"
        if "\\" in name and name.replace("\\", "/") in column:
            return "write it with / in place of \\"
        folded = _folded(name)
        near = next((known for known in column if _folded(known) == folded), None)
        if near is not None:
            if near.casefold() == name.casefold():
                return "there is one that differs in upper and lower case"
            return "there is one that looks alike in another Unicode form"
        if is_path:
            return f"paths are relative to {self.root}, or absolute, and have their suffix"
        return ""


def _places(names: Iterable[str]) -> dict[str, int]:
    """Return the place of each name, or `SEVERAL`."""
    places: dict[str, int] = {}
    for place, name in enumerate(names):
        places[name] = SEVERAL if name in places else place
    return places


def _folded(name: str) -> str:
    return unicodedata.normalize("NFKC", name).casefold()
